// Package similar measures how much two crashes resemble each other by their
// stacks, and finds the ones that resemble a given one among many.
//
// # The measure
//
// A [Stack] is a list of functions, innermost first, and what was found there.
// Two stacks are aligned: order counts, a function that was inlined or renamed
// leaves a gap and nothing more. Each frame weighs
//
//	prior × rarity × closeness to the crash
//
// The prior is what is known about a function before any crash: entry code and
// allocators are on everybody's stacks and say little. The rarity is learned:
// a [Model] counts in how many signatures of the own record each function is,
// and one that it has never seen counts as rare. The function that a report
// blames weighs several times more. The score is the weight of the aligned
// frames over the weight of all, from 0 to 1.
//
// # Zones
//
// [Same] means that the two may be treated as one defect without asking,
// [Suggest] that a person should look, [Different] that they have nothing to do
// with each other. The thresholds are calibrated on some 300 labelled reports; the
// tool bench/conformance/similar prints what they are worth there.
//
// # Finding
//
// Comparing a stack with every other takes too long in a record with many
// signatures. An [Index] looks only at those that share one of its rarest
// functions with it; [Model.Keys] says which these are, for an index that is
// kept elsewhere, as in a database.
package similar
