// Package record is the system of record: what the team knows about its
// kernels' crashes, and the rules that keep it true.
//
// # Entities
//
// Each entity has a file of its own, with its types, its rules and its SQL:
//
//	artefact.go   Artefact: raw bytes, immutable, named by their SHA-256
//	receipt.go    Receipt: the promise that one delivery of an artefact is kept
//	host.go       Host: a machine, and which Kernel it ran from when to when
//	kernel.go     Kernel: one kernel build, its crashes and its crash rate
//	crash.go      Crash: one boot that complained, with its reports in causal order
//	signature.go  Signature: a class of crashes and where the team stands with it
//	overview.go   Overview: what needs somebody now
//
// Beside them lie the rules that join them: intake.go takes artefacts in,
// analyse.go and boot.go turn one into crashes, batch.go writes these,
// rollup.go counts them, exemplar.go chooses which to keep for good, state.go
// says what a crash or a person does to a signature, observe.go who ran what.
// Signatures are held together by link.go, which keeps what people decided about
// pairs of them, group.go, which makes groups of that, resemble.go and
// suggest.go, which find pairs to decide about, and stack.go, which keeps what
// they are compared by. algorithm.go says which rules sign a crash; backfill.go,
// backfilldiff.go and takeover.go bring newer rules into an old record.
//
// The *read.go files and sigdetail.go answer pages. seed.go makes a demo.
//
// # Flow
//
// [Service.Intake] streams an artefact into the blob store and then commits
// one transaction: artefact, host, receipt, job. Only then does it return, so
// that what was acknowledged survives a crash of the process or of the machine.
// The job runs [Service.Analyse]: it reads the blob, finds the reports and
// commits one more transaction: crashes, signatures and every roll-up that
// counts them. Both are idempotent: the same content from the same host is the
// same receipt, and analysing a receipt again replaces what the last analysis
// wrote and corrects the counts.
//
// The same content from two hosts is one artefact and two crashes: an artefact
// is bytes, a crash is something that happened to a machine.
//
// # Time
//
// Records keep microseconds since 1970 in UTC, set here and never by the
// database; days are UTC days. A crash happened when its log says, if the log
// has wall time that can be believed; else when the sender collected it; else
// when it arrived. [Crash.TimeFrom] says which.
//
// # Counting
//
// A boot's reports often are one event told several times: a use-after-free,
// the oops it led to, the panic that ended it. The primary report is the most
// severe among those that no other report caused. A crash counts once, for the
// signature of its primary report; the other reports count as secondary
// occurrences of theirs. Counts are kept in roll-up tables in the transaction
// that stores the crash, so no page has to read raw rows to count.
package record
