package reconcile

import "ringside/vuln/ranges"

// CPE is what a comparison of version numbers says, as scanners make it with the CPE
// ranges of a record: each pair is a range from its introduction to its fix, and nothing
// says on which branch.
func CPE(pairs []ranges.Pair, t ranges.Version) (p *ranges.Pair, match bool) {
	for i := range pairs {
		p := &pairs[i]
		if p.Intro <= t && (p.Fix == 0 || t < p.Fix) {
			return p, true
		}
	}
	return nil, false
}

// Semver is what a reader of the record's semver container says who takes the first
// range that fits: what is before the mainline release that introduced the flaw is not
// affected, and so the backports of the flaw to stable branches are lost.
func Semver(pairs []ranges.Pair, t ranges.Version) bool {
	var mainline []ranges.Version
	for _, p := range pairs {
		if p.Intro.Stable() == 0 {
			mainline = append(mainline, p.Intro)
		}
	}
	before := len(mainline) > 0
	for _, v := range mainline {
		before = before && t < v
	}
	if before {
		return false
	}
	for _, p := range pairs {
		if p.Fix != 0 && p.Fix.In(t) {
			return false
		}
	}
	return true
}
