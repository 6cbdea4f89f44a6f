// Package tune reads how a host is set up and proposes what to change: where
// interrupts go, queues, NUMA, frequency governors, cgroup quotas, scheduler
// and VM sysctls, I/O schedulers, mitigations.
//
// A [Proposal] is only made where the host's own counters, or a recording that
// is given, show that something is lost by the present setting: a checklist
// that fires on every host is noise. It names its evidence, the expected effect,
// the risk, the commands that change it and those that change it back, and the
// experiment that would prove it. Nothing is changed by this package.
//
// Proposals are ranked by what is at stake: the share of time that the symptom
// took, as far as the counters tell. It bounds the gain from above; it does not
// promise it.
package tune
