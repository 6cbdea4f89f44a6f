// Package compare says what has changed between two profiles, and how sure
// that is.
//
// The unit is a share: how much of all the weight a function (a module, a task)
// had in A and in B. Shares do not depend on how long was recorded. A change is
// called a change when it is larger than noise and large enough to matter:
//
//   - Noise is measured, not assumed. A recording is cut into batches of equal
//     time, and the share is a ratio estimator over them; where load comes in
//     waves the batches differ more than samples drawn at random would, and the
//     interval becomes as much wider. Where waves are longer than a batch, fewer
//     and longer ones are taken. With two or more recordings on each side the
//     recordings themselves are the replicates, which also covers what differs
//     from run to run; as they are few, each function's variance is moderated by
//     that of all (Smyth 2004, doi 10.2202/1544-6115.1027). The variance is never
//     taken to be less than that of sampling.
//   - What one recording of a side cannot show – that a run differs from the next
//     by where its memory lies, or by how the timer meets a loop – is allowed for
//     by Options.RunSpread of each share.
//   - Many functions are tested at once: p-values are adjusted by Holm's method,
//     so that Options.Confidence holds for the whole comparison.
//   - A change must also be at least Options.MinShare of the whole and
//     Options.MinRelative of the function.
//
// Files: compare.go holds the question and the answer, findings.go puts it into
// words, series.go sums weights up
// by function and replicate, noise.go has the statistics.
package compare
