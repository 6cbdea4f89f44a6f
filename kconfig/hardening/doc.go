// Package hardening audits kernels against what is known to make them harder to attack:
// their configuration, command line and sysctls.
//
// The recommendations are a table (rules.yaml), each group with its source. What sets
// the audit apart is that it knows Kconfig: where a recommendation does not hold it says
// whether this tree has the symbol at all and under which of its names, the smallest
// legal change that would make it hold, or what stands against that – another symbol that
// selects it, a dependency, the compiler.
package hardening
