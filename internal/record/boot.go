package record

import (
	"cmp"
	"slices"
	"time"

	"ringside/crash"
)

// bootCrash is one boot that complained, read from a document and a receipt,
// before it is written.
type bootCrash struct {
	boot     int
	primary  int            // index of the primary report in the document
	order    []int          // indices of its reports in causal order
	reports  []crash.Report // signed by the rules that the record groups by
	parsed   []crash.Report // the same as they were read
	host     string
	release  string
	arch     string
	version  string
	hardware string
	panicked bool
	occurred time.Time
	timeFrom TimeFrom
}

// readBoots returns the boots of a document that have reports, in order.
func readBoots(doc *crash.Document, rec Receipt) []bootCrash {
	byBoot := map[int][]int{}
	for i, r := range doc.Reports {
		byBoot[r.Boot] = append(byBoot[r.Boot], i)
	}
	var boots []bootCrash
	for n, members := range byBoot {
		boots = append(boots, readBoot(doc, rec, n, members))
	}
	slices.SortFunc(boots, func(a, b bootCrash) int { return cmp.Compare(a.boot, b.boot) })
	return boots
}

func readBoot(doc *crash.Document, rec Receipt, n int, members []int) bootCrash {
	b := bootCrash{boot: n, reports: doc.Reports, order: causalOrder(doc.Reports, members)}
	b.primary = primaryReport(doc.Reports, members)
	var facts crash.Boot
	for _, f := range doc.Boots {
		if f.Index == n {
			facts = f
		}
	}
	p := doc.Reports[b.primary]
	// What the log says goes before what the sender says.
	b.release = cmp.Or(p.Kernel, facts.Release, rec.Kernel)
	b.arch = cmp.Or(p.Arch, facts.Arch)
	b.version = cmp.Or(facts.Version, p.Version)
	b.hardware = cmp.Or(facts.Hardware, p.Hardware)
	// But not about the host: a log is often one machine's view of itself as
	// "localhost", and the sender knows the fleet's name for it.
	if rec.Host != nil {
		b.host = rec.Host.Name
	} else if name := normalHost(facts.Host); name != "localhost" && name != "(none)" && len(name) <= 253 && printable(name) {
		b.host = name
	}
	b.occurred, b.timeFrom = rec.ReceivedAt, TimeFromReceived
	if rec.CollectedAt != nil {
		b.occurred, b.timeFrom = *rec.CollectedAt, TimeFromCollected
	}
	for _, i := range members {
		b.panicked = b.panicked || doc.Reports[i].Panicked
	}
	for _, i := range append([]int{b.primary}, b.order...) {
		if w := doc.Reports[i].Wall; w != nil && plausible(*w, rec.ReceivedAt) {
			b.occurred, b.timeFrom = w.UTC().Truncate(time.Microsecond), TimeFromLog
			break
		}
	}
	return b
}

// primaryReport chooses the report a boot is about: the most severe of those
// that no other report of the boot caused, the first where they are equal.
func primaryReport(reports []crash.Report, members []int) int {
	best, bestWeight := members[0], crash.Weight(-1)
	for _, i := range members {
		r := &reports[i]
		if causeWithin(r, members) {
			continue
		}
		w := r.Kind.Weight()
		if r.Panicked {
			w = max(w, crash.WeightOops) // whatever it calls itself, the machine died of it
		}
		if w > bestWeight {
			best, bestWeight = i, w
		}
	}
	return best
}

// causalOrder returns the reports of a boot so that each follows its cause:
// first what nothing caused, each with its consequences behind it.
func causalOrder(reports []crash.Report, members []int) []int {
	out := make([]int, 0, len(members))
	placed := make(map[int]bool, len(members))
	var place func(i int)
	place = func(i int) {
		if placed[i] {
			return
		}
		placed[i] = true
		out = append(out, i)
		for _, j := range members {
			if c := reports[j].CausedBy; c != nil && *c == i {
				place(j)
			}
		}
	}
	for _, i := range members {
		if !causeWithin(&reports[i], members) {
			place(i)
		}
	}
	for _, i := range members {
		place(i) // a circle of causes, which no parser should make
	}
	return out
}

func causeWithin(r *crash.Report, members []int) bool {
	if r.CausedBy == nil {
		return false
	}
	_, ok := slices.BinarySearch(members, *r.CausedBy)
	return ok
}

// signatureKey returns the key a report is classed by. A report that the
// parser could make no portable signature for is classed by its title.
func signatureKey(r *crash.Report) (algorithm, key string) {
	return cmp.Or(r.Signature.Algorithm, "none"), cmp.Or(r.Signature.Portable, "title:"+r.Title)
}
