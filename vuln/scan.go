package vuln

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"ringside/kbuild"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
	"ringside/vuln/severity"
)

// Scan gives the verdict of every CVE for one kernel, in the order of their numbers.
// Rejected records have none.
func (db *Database) Scan(k Kernel) []Verdict {
	records := db.records()
	prints := db.prints()
	inputs, base := k.fingerprint(), k.Base.String()
	out := make([]Verdict, 0, len(records))
	for i := range records {
		if !records[i].Rejected {
			out = append(out, db.judge(&records[i], &k, base, prints[i]+inputs))
		}
	}
	return out
}

// Judge gives the verdict of one CVE. It is false where the database has no record of
// it, or the record was rejected.
func (db *Database) Judge(cve string, k Kernel) (Verdict, bool) {
	i, ok := db.x.Find(cve)
	if !ok {
		return Verdict{}, false
	}
	r := db.x.Record(i)
	if r.Rejected {
		return Verdict{}, false
	}
	return db.judge(&r, &k, k.Base.String(), db.x.Fingerprint(i)+k.fingerprint()), true
}

// Ranges gives what the versions alone say, for a kernel of version t, of each record in
// the order of Records. It is what a fleet of hundreds of kernels is looked through with.
func (db *Database) Ranges(t ranges.Version) []ranges.Verdict {
	records := db.records()
	out := make([]ranges.Verdict, len(records))
	for i := range records {
		if r := &records[i]; !r.Rejected && len(r.Sources) > 0 {
			out[i] = r.Sources[0].Rule()(r.Sources[0].Pairs, t).Verdict
		}
	}
	return out
}

// fingerprint identifies what is known of the kernel.
func (k *Kernel) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", k.Release, k.Base.From, k.Base.To)
	names := make([]string, 0, len(k.Inputs))
	for name := range k.Inputs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(h, "%s=%s\n", name, k.Inputs[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (db *Database) judge(r *feed.Record, k *Kernel, base, fingerprint string) Verdict {
	v := Verdict{CVE: r.ID, Title: r.Title, Files: r.Files, Fingerprint: fingerprint}
	j := judgement{Verdict: &v, r: r, k: k, base: base, unique: func() bool { return db.titles()[r.Title] == 1 }}
	j.decide()
	if v.Verdict != Fixed && v.Verdict != NotInRange {
		s := severity.Of(r)
		v.Severity = &s
	}
	return v
}

// A judgement is a verdict in the making.
type judgement struct {
	*Verdict
	r      *feed.Record
	k      *Kernel
	base   string // k.Base in words
	unique func() bool
}

func (j *judgement) says(e Evidence) { j.Evidence = append(j.Evidence, e) }

func (j *judgement) decide() {
	switch j.byVersion() {
	case ranges.NotIntroduced:
		if !j.brought() {
			j.Verdict.Verdict = NotInRange
			return
		}
	case ranges.Fixed:
		j.Verdict.Verdict = Fixed
		return
	}
	// Whether it is affected or not known, the rest of the evidence may settle it.
	switch {
	case j.byFix():
	case j.byBuild():
	case j.byLines():
	case j.byModules():
	}
}

// byVersion asks the record's pairs. Where they contradict themselves, the result is
// ranges.Unknown.
func (j *judgement) byVersion() ranges.Verdict {
	r, base := j.r, j.k.Base
	if len(r.Sources) == 0 {
		j.says(Evidence{Kind: EvidenceRecord, Says: "the record says no version that could be read", Source: r.File})
		return ranges.Unknown
	}
	s := &r.Sources[0]
	d := s.Rule().Over(s.Pairs, base)
	j.Range = d.Verdict
	j.says(j.rangeEvidence(s, d))
	for n := range r.Sources[1:] {
		o := &r.Sources[n+1]
		e := o.Rule().Over(o.Pairs, base)
		if (e.Verdict == ranges.Affected) == (d.Verdict == ranges.Affected) || d.Verdict == ranges.Unknown || e.Verdict == ranges.Unknown {
			continue
		}
		note := j.rangeEvidence(o, e)
		note.Kind = EvidenceRecord
		note.Says = "another statement disagrees: " + note.Says
		j.says(note)
		// The CNA makes its JSON out of the pairs in its .dyad, and loses some on the way;
		// OSV makes its own out of that. Statements of the same rank have no such order.
		if o.Kind == s.Kind {
			return ranges.Unknown
		}
	}
	if d.Late >= 0 {
		p := s.Pairs[d.Late]
		j.says(Evidence{Kind: EvidenceRecord, Source: s.File, Pair: &p,
			Says: fmt.Sprintf("the record contradicts itself: what came with %s cannot have been fixed before, in %s", p.Intro, s.Pairs[d.Pair].Fix)})
		return ranges.Unknown
	}
	if d.Verdict == ranges.Affected {
		j.Verdict.Verdict = Affected
	}
	return d.Verdict
}

func (j *judgement) rangeEvidence(s *feed.Source, d ranges.Decision) Evidence {
	e := Evidence{Kind: EvidenceRange, Source: s.File}
	base := &j.k.Base
	var p ranges.Pair
	if d.Pair >= 0 {
		p = s.Pairs[d.Pair]
		e.Pair = &s.Pairs[d.Pair]
	}
	switch d.Verdict {
	case ranges.Affected:
		e.Says = "introduced in " + since(p) + ", no fix is in " + j.base
		if p.Fix != 0 && p.Fix.Branch() == base.To.Branch() {
			e.Says += "; fixed in " + p.Fix.String()
		} else if p.Fix.Branch() != base.To.Branch() {
			e.Says += ", and the record names none on its branch"
		}
	case ranges.Fixed:
		e.Says = "introduced in " + since(p) + ", fixed in " + p.Fix.String()
	case ranges.NotIntroduced:
		e.Says = "nothing that introduces it is in " + j.base
	default:
		e.Says = "the verdict is not the same for all of " + j.base
		if base.Vague != "" {
			e.Says += ": " + base.Vague
		}
	}
	return e
}

func since(p ranges.Pair) string {
	if p.Intro == 0 {
		return "an unknown version"
	}
	return p.Intro.String()
}

// brought says whether the kernel took a commit that introduces the flaw from a later
// version.
func (j *judgement) brought() bool {
	for _, c := range j.k.Claims {
		for _, s := range j.r.Sources {
			for _, p := range s.Pairs {
				if p.IntroCommit == "" {
					continue
				}
				if e := c.Brings(p.IntroCommit); e != nil {
					e.Says = "what introduces it was brought to this kernel: " + e.Says
					j.says(*e)
					j.Verdict.Verdict = Affected
					return true
				}
			}
		}
	}
	return false
}

// byFix looks for a fix that the version does not tell of.
func (j *judgement) byFix() bool {
	var claim *Evidence
	for _, c := range j.k.Claims {
		if e := c.Fixed(j.r, j.unique()); e != nil {
			j.says(*e)
			if claim == nil && e.Kind != EvidenceRevert {
				claim = e
			}
		}
	}
	var content Content
	if j.k.Content != nil {
		if content = j.k.Content(j.r); content.State != ContentUnknown {
			j.says(content.Evidence)
		}
	}
	switch {
	case content.State == ContentFixed, claim != nil && content.State == ContentUnknown:
		j.Verdict.Verdict = Fixed
		return true
	case claim != nil:
		j.Verdict.Verdict = Undetermined
		j.Alarm = "a fix is claimed, and the sources do not have it: " + claim.Says
		return true
	}
	return false
}

// byBuild asks whether the configuration compiles the code.
func (j *judgement) byBuild() bool {
	if j.k.Presence == nil {
		return false
	}
	files := Code(j.r.Files)
	if len(files) == 0 {
		if len(j.r.Files) > 0 {
			j.says(Evidence{Kind: EvidenceBuild, Says: "names no file that is compiled: the configuration cannot tell"})
		}
		return false
	}
	compiled, out, modules := 0, 0, true
	var targets, proved []string
	for _, f := range files {
		if j.k.Presence(f).State == kbuild.NotCompiled {
			proved = append(proved, f)
		}
	}
	for _, f := range files {
		p := j.k.Presence(f)
		switch p.State {
		case kbuild.Compiled:
			compiled++
			modules = modules && p.OnlyModules()
			targets = append(targets, p.Targets...)
			j.says(Evidence{Kind: EvidenceBuild, Says: f + " is compiled into " + inWords(p.Targets), Presence: &p})
		case kbuild.NotCompiled:
			out++
			j.says(Evidence{Kind: EvidenceBuild, Says: f + " is not compiled" + because(p), Presence: &p})
		case kbuild.Absent:
			if q, says := j.moved(f); says != "" {
				switch q.State {
				case kbuild.Compiled:
					compiled++
					modules = modules && q.OnlyModules()
					targets = append(targets, q.Targets...)
				case kbuild.NotCompiled:
					out++
				}
				j.says(Evidence{Kind: EvidenceBuild, Says: says, Presence: &q})
				if q.State != kbuild.Unknown {
					continue
				}
			}
			if dir := j.idle(f, proved); dir != "" {
				out++
				j.says(Evidence{Kind: EvidenceBuild, Presence: &p, Says: f + " is not in the tree, where it may have another name; of " + dir +
					", with what else the record names of it, nothing is in the build"})
				continue
			}
			j.says(Evidence{Kind: EvidenceBuild, Says: f + " is not in the tree; it may have another name there, so this proves nothing", Presence: &p})
		default:
			j.says(Evidence{Kind: EvidenceBuild, Says: "whether " + f + " is compiled cannot be told" + because(p), Presence: &p})
		}
	}
	switch {
	case out == len(files):
		j.Verdict.Verdict = NotCompiled
		return true
	case compiled == 0:
		j.Verdict.Verdict = Undetermined
		j.byLines()
		return true
	case compiled+out == len(files) && modules:
		slices.Sort(targets)
		j.Modules = slices.Compact(targets)
	}
	return false
}

// byLines asks whether the configuration leaves out every line that the fix changes: with
// the fix and without it, the same is compiled.
func (j *judgement) byLines() bool {
	if j.k.Lines == nil {
		return false
	}
	changes, complete := j.k.Lines(j.r)
	if !complete || slices.ContainsFunc(changes, func(p kbuild.Presence) bool { return p.State != kbuild.NotCompiled }) {
		return false
	}
	for _, p := range changes {
		j.says(Evidence{Kind: EvidenceLines, Says: lines(p) + " is what the fix changes, and not compiled" + because(p), Presence: &p})
	}
	j.Verdict.Verdict, j.Modules = NotCompiled, nil
	return true
}

// lines names a stretch of lines.
func lines(p kbuild.Presence) string {
	switch s := p.Lines; {
	case s == nil:
		return p.Path
	case s.Last < s.First:
		return fmt.Sprintf("%s before line %d", p.Path, s.First)
	case s.Last == s.First:
		return fmt.Sprintf("%s line %d", p.Path, s.First)
	default:
		return fmt.Sprintf("%s lines %d-%d", p.Path, s.First, s.Last)
	}
}

// idle gives the folder of which nothing is in the build, for a file that the tree does not
// have: the nearest one above it that also has a file of the record which is proved to be
// left out. Files move within their subsystem; a folder of the first level, or one with
// nothing else of the record, is not enough.
func (j *judgement) idle(file string, proved []string) string {
	if j.k.Idle == nil {
		return ""
	}
	for dir := path.Dir(file); strings.Contains(dir, "/"); dir = path.Dir(dir) {
		beside := slices.ContainsFunc(proved, func(p string) bool { return strings.HasPrefix(p, dir+"/") })
		if beside {
			if j.k.Idle(dir) {
				return dir
			}
			return ""
		}
	}
	return ""
}

// byModules asks whether the host has loaded one of the modules with the code.
func (j *judgement) byModules() bool {
	if j.k.Modules == nil || len(j.Modules) == 0 {
		return false
	}
	loaded, others := j.k.Modules.Loaded(j.Modules)
	if len(loaded) > 0 {
		j.says(Evidence{Kind: EvidenceModule, Says: "loaded: " + strings.Join(loaded, ", ")})
		return false
	}
	for _, e := range others {
		j.says(e)
	}
	if j.Verdict.Verdict == Affected {
		j.Verdict.Verdict = NotLoaded
	}
	return true
}

// Code returns the files that hold code of the kernel. Documentation, tests and tools
// that run beside it cannot make it vulnerable; a Kconfig or Makefile can, by what it
// compiles, so that it keeps a verdict from being a dismissal.
func Code(files []string) (list []string) {
	for _, f := range files {
		switch {
		case strings.HasPrefix(f, "Documentation/"), strings.HasPrefix(f, "tools/testing/"), strings.HasPrefix(f, "samples/"), path.Base(f) == "MAINTAINERS":
		default:
			list = append(list, f)
		}
	}
	return list
}

func inWords(targets []string) string {
	switch len(targets) {
	case 0:
		return "the kernel"
	case 1:
		return targets[0]
	}
	if len(targets) > 4 {
		return fmt.Sprintf("%s and %d others", strings.Join(targets[:3], ", "), len(targets)-3)
	}
	return strings.Join(targets, ", ")
}

// because is the last step of a chain, which is the one that decides.
func because(p kbuild.Presence) string {
	if len(p.Why) == 0 {
		return ""
	}
	s := p.Why[len(p.Why)-1]
	if s.Symbol != "" {
		return fmt.Sprintf(": CONFIG_%s=%s (%s:%d)", s.Symbol, s.Value, s.File, s.Line)
	}
	return ": " + s.Text
}
