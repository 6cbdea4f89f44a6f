// Package stats compares measurements of kernels so that a false alarm is rare and a
// true change is told with its size. A boot is what is replicated: what one boot
// measured many times is one observation with a better mean, and not many observations.
//
// model.go has what the verbs of ringside bench read and print. A single metric of two
// arms is compared in compare.go, many are judged together in adjust.go; power.go says
// before the start what could be found; quantile.go has intervals of quantiles;
// changepoint.go has the steps of a history; rate.go has the intervals and tests of
// rates.
package stats
