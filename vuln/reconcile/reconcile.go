// Package reconcile holds what scanners found against verdicts with evidence, and says
// what each got wrong and why: versions compared without their branch, fixes that were
// taken back, code that is not compiled, and what it did not find at all.
package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

// A Reason is why a finding and a verdict differ, or that they do not.
type Reason string

// The reasons.
const (
	Agrees          Reason = "agrees"
	NoBranch        Reason = "fixed_on_branch"    // its ranges have no branches: the fix is in this one
	NeverIn         Reason = "not_introduced"     // what introduces it is not in the kernel
	Backported      Reason = "fixed_by_backport"  // the kernel took the fix back, its version does not tell
	NotCompiled     Reason = "not_compiled"       // the configuration leaves the code out
	NotLoaded       Reason = "not_loaded"         // the code is in modules that no host has loaded
	Unsure          Reason = "undetermined"       // neither can be told to be right
	Rejected        Reason = "rejected"           // the CVE was withdrawn
	NoCode          Reason = "no_kernel_code"     // the package holds headers or tools
	Unknown         Reason = "not_in_feed"        // no record of the kernel's CNA is about it
	MissedBackport  Reason = "missed_stable_only" // a flaw that a backport brought: semver ranges hide it
	MissedOtherwise Reason = "missed"             // in the kernel, and not found
)

// A Row is one finding and what is true.
type Row struct {
	CVE     string   `json:"cve"`
	Finding *Finding `json:"finding,omitempty"` // nil where the scanner has none
	// Verdict is empty where there is none.
	Verdict string `json:"verdict,omitempty"`
	Agrees  bool   `json:"agrees"`
	Reason  Reason `json:"reason"`
	Why     string `json:"why"`
}

// A Reconciliation is a scanner's findings against a scan.
type Reconciliation struct {
	Scanner string         `json:"scanner"`
	Kernel  string         `json:"kernel"`
	Found   int            `json:"found"`  // CVEs that the scanner reports for the kernel
	Right   int            `json:"right"`  // of them, those that are in it
	Wrong   int            `json:"wrong"`  // of them, those that are not
	Unsure  int            `json:"unsure"` // of them, those that are undetermined
	Missed  int            `json:"missed"` // CVEs that are in the kernel and that it does not report
	Others  int            `json:"others"` // its findings about other packages
	Reasons map[Reason]int `json:"reasons"`
	Rows    []Row          `json:"rows"`
}

// Reconcile compares. The database may be nil; with it, withdrawn CVEs are known and
// backported flaws are told from others.
func Reconcile(f *Findings, scan *vuln.Report, db *vuln.Database) *Reconciliation {
	out := &Reconciliation{Scanner: f.Scanner, Kernel: scan.Kernel.Release, Others: f.Others, Reasons: map[Reason]int{}, Rows: []Row{}}
	verdicts := make(map[string]*vuln.Verdict, len(scan.Verdicts))
	for i := range scan.Verdicts {
		verdicts[scan.Verdicts[i].CVE] = &scan.Verdicts[i]
	}
	found := map[string]bool{}
	for i := range f.Findings {
		x := &f.Findings[i]
		row := Row{CVE: x.CVE, Finding: x}
		row.judge(verdicts[x.CVE], scan.Kernel.Base, db)
		out.Rows = append(out.Rows, row)
		out.Reasons[row.Reason]++
		if found[x.CVE] {
			continue
		}
		found[x.CVE] = true
		out.Found++
		switch {
		case row.Agrees:
			out.Right++
		case row.Reason == Unsure || row.Reason == Unknown || row.Reason == NotLoaded:
			out.Unsure++
		default:
			out.Wrong++
		}
	}
	for i := range scan.Verdicts {
		v := &scan.Verdicts[i]
		if v.Verdict != vuln.Affected || found[v.CVE] {
			continue
		}
		row := Row{CVE: v.CVE, Verdict: v.Verdict.String()}
		row.missed(v)
		out.Missed++
		out.Reasons[row.Reason]++
		out.Rows = append(out.Rows, row)
	}
	slices.SortStableFunc(out.Rows, func(a, b Row) int { return feed.Compare(a.CVE, b.CVE) })
	return out
}

// headers are packages that are built from the kernel's sources and have none of its
// code.
func headers(name string) bool {
	for _, s := range []string{"linux-libc-dev", "linux-headers", "kernel-headers", "linux-kbuild", "kernel-devel", "linux-tools", "kernel-tools", "linux-config"} {
		if strings.HasPrefix(name, s) {
			return true
		}
	}
	return false
}

func (r *Row) judge(v *vuln.Verdict, base ranges.Span, db *vuln.Database) {
	if v == nil {
		r.Reason, r.Why = Unknown, "no record of the kernel's CNA is about it"
		if db != nil {
			if rec, ok := db.Record(r.CVE); ok && rec.Rejected {
				r.Reason, r.Why = Rejected, "the CVE was withdrawn: "+rec.File
			}
		}
		return
	}
	r.Verdict = v.Verdict.String()
	if headers(r.Finding.Package) {
		r.Reason, r.Why = NoCode, r.Finding.Package+" holds no code that the kernel runs; what matters is the kernel that is running"
		return
	}
	last := ""
	if len(v.Evidence) > 0 {
		last = v.Evidence[len(v.Evidence)-1].Says
	}
	switch v.Verdict {
	case vuln.Affected:
		r.Reason, r.Agrees, r.Why = Agrees, true, last
	case vuln.NotLoaded:
		r.Reason, r.Why = NotLoaded, last
	case vuln.Undetermined:
		r.Reason, r.Why = Unsure, last
	case vuln.NotCompiled:
		r.Reason, r.Why = NotCompiled, "it looks at versions, and not at what is built: "+last
	case vuln.NotInRange:
		r.Reason, r.Why = NeverIn, last+compared(r.Finding, v, base, db)
	case vuln.Fixed:
		if v.Range == ranges.Fixed {
			r.Reason, r.Why = NoBranch, last+compared(r.Finding, v, base, db)
		} else {
			r.Reason, r.Why = Backported, "the version does not tell of it: "+last
		}
	}
}

// compared says which comparison of numbers the scanner made, as far as can be told.
func compared(f *Finding, v *vuln.Verdict, base ranges.Span, db *vuln.Database) string {
	if f.Range != "" {
		return fmt.Sprintf("; it compared %s with %q, which has no branches", orBase(f.Version, base), f.Range)
	}
	if db == nil {
		return ""
	}
	rec, ok := db.Record(v.CVE)
	if !ok || len(rec.Sources) == 0 {
		return ""
	}
	p, match := CPE(rec.Sources[0].Pairs, base.From)
	if !match {
		return ""
	}
	end := "without an end"
	if p.Fix != 0 {
		end = "and before " + p.Fix.String()
	}
	return fmt.Sprintf("; by numbers alone %s is from %s on %s, a range of another branch", base.From, p.Intro, end)
}

func orBase(version string, base ranges.Span) string {
	if version == "" {
		return base.String()
	}
	return version
}

func (r *Row) missed(v *vuln.Verdict) {
	r.Reason, r.Why = MissedOtherwise, "it is in the kernel and was not found"
	for _, e := range v.Evidence {
		if e.Kind != vuln.EvidenceRange || e.Pair == nil {
			continue
		}
		r.Why += ": " + e.Says
		if e.Pair.Intro.Stable() > 0 {
			r.Reason = MissedBackport
			r.Why = fmt.Sprintf("a backport brought it in %s; ranges that begin with mainline's release do not have it", e.Pair.Intro)
		}
	}
}
