// Package baseline holds kernels to the rules of the environment that they are for. A
// policy is a YAML file of guardrails, each with its reason and owner, and of waivers,
// each with an owner, a reason and the day on which it ends. There are policies for
// servers, embedded systems, appliances and debugging, to use or to begin from.
//
// A guardrail is a wish in the words of the hardening rules ("A=y or B=y"), from which
// the legal change that grants it can be found, or an expression in CEL over value(),
// enabled(), builtin(), module(), number(), known(), arch, cmdline and sysctl.
package baseline
