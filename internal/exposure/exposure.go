// Package exposure judges kernels for the system of record: it joins the CVE records of
// a feed (package vuln) with what is known of a build (package inventory).
package exposure

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"ringside/internal/record"
	"ringside/internal/store"
	"ringside/inventory"
	"ringside/kbuild"
	"ringside/kbuild/moved"
	"ringside/kconfig/dotconfig"
	"ringside/vuln"
	"ringside/vuln/changelog"
	"ringside/vuln/ranges"
	"ringside/vuln/severity"
)

// rules is the version of the rules by which judgements are made: with another one,
// kernels are judged again.
const rules = "2"

// Config is what judgements stand on.
type Config struct {
	// Open reads the feed. It is called again after Every.
	Open func(ctx context.Context) (*vuln.Database, error)
	// Origin names the feed for readers.
	Origin string
	// Every is how often the feed is read again. 0 means an hour.
	Every time.Duration
	Log   *slog.Logger
}

// Exposer judges kernels. It is safe for use by several goroutines.
type Exposer struct {
	c Config

	mu   sync.Mutex
	db   *vuln.Database
	read time.Time
}

var _ record.Exposer = (*Exposer)(nil)

// New returns an exposer. It reads the feed when it is first asked.
func New(c Config) *Exposer {
	if c.Every <= 0 {
		c.Every = time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Exposer{c: c}
}

// database returns the records. A feed that cannot be read again goes on as it was:
// what was known stays true, and the log says that it grows old.
func (e *Exposer) database(ctx context.Context) (*vuln.Database, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.db != nil && time.Since(e.read) < e.c.Every {
		return e.db, nil
	}
	db, err := e.c.Open(ctx)
	switch {
	case err == nil:
		e.db = db
	case e.db == nil || ctx.Err() != nil:
		return nil, err
	default:
		e.c.Log.Error("the feed of CVE records cannot be read again; judgements go on with the old one", "feed", e.c.Origin, "error", err)
	}
	e.read = time.Now()
	return e.db, nil
}

// Recognize implements [record.Exposer].
func (e *Exposer) Recognize(head []byte) bool { return inventory.Is(head) }

// Feed implements [record.Exposer].
func (e *Exposer) Feed(ctx context.Context) (record.Feed, error) {
	db, err := e.database(ctx)
	if err != nil {
		return record.Feed{}, err
	}
	f := record.Feed{Fingerprint: rules + "-" + db.Digest(), Origin: e.c.Origin, Records: int64(db.Len())}
	return f, nil
}

// Records implements [record.Exposer].
func (e *Exposer) Records(ctx context.Context, yield func(record.CVERecord) error) error {
	db, err := e.database(ctx)
	if err != nil {
		return err
	}
	records := db.Records()
	for i := range records {
		r := &records[i]
		out := record.CVERecord{ID: r.ID, Title: r.Title, Rejected: r.Rejected}
		if s := severity.Of(r); !r.Rejected && s.Level > severity.None {
			out.Severity, out.Score, out.SeverityFrom = s.Level.String(), s.Score, s.Source
			if s.Estimate {
				out.SeverityFrom = "estimate of Ringside"
			}
		}
		if err := yield(out); err != nil {
			return err
		}
	}
	return nil
}

// Inventory implements [record.Exposer].
func (e *Exposer) Inventory(_ context.Context, r io.Reader) (*record.Inventory, error) {
	v, err := inventory.Read(r)
	if err != nil {
		return nil, store.Permanent(err)
	}
	out := &record.Inventory{Release: v.Release, Arch: v.Arch, Upstream: v.Upstream, Sources: len(v.Files), Compiled: v.Compiled(), Modules: len(v.Modules)}
	if !v.MadeAt.IsZero() {
		out.MadeAt = &v.MadeAt
	}
	if c, err := dotconfig.Parse(strings.NewReader(v.Config)); err == nil {
		out.Symbols, out.Config = c.Len(), configDigest(c)
	}
	out.Baselines = results(v.Baselines)
	return out, nil
}

// Judge implements [record.Exposer].
func (e *Exposer) Judge(ctx context.Context, k record.Kernel, from io.Reader, hosts record.Fleet) (*record.Judgement, error) {
	db, err := e.database(ctx)
	if err != nil {
		return nil, err
	}
	j := &record.Judgement{}
	var inv *inventory.Inventory
	if from != nil {
		if inv, err = inventory.Read(from); err != nil {
			return nil, store.Permanent(err)
		}
	}
	subject := vuln.Kernel{Release: k.Release}
	if subject.Base, err = base(k, inv); err != nil {
		j.Notes = append(j.Notes, err.Error()+": no record can be judged for it")
		return j, nil //nolint:nilerr // the judgement says it
	}
	j.Upstream = subject.Base.String()
	if subject.Base.Vague != "" {
		j.Notes = append(j.Notes, subject.Base.Vague)
	}
	if inv == nil {
		j.Notes = append(j.Notes, "what was compiled is not known: every CVE in range counts as affected")
	} else {
		subject.Presence, subject.Idle = inv.Presence, inv.Idle
		subject.Moved = movedIn(inv)
		j.Notes = append(j.Notes, inv.Notes...)
		if inv.Changelog != "" {
			log, err := changelog.Parse("changelog", strings.NewReader(inv.Changelog), k.Release)
			if err != nil {
				j.Notes = append(j.Notes, "the changelog in the inventory cannot be read: "+err.Error())
			} else {
				subject.Claims = append(subject.Claims, log)
			}
		}
	}
	fleet := newFleet(hosts)
	if fleet.complete() {
		subject.Modules = fleet.all
	}
	if inv != nil {
		if note := fleet.note(); note != "" {
			j.Notes = append(j.Notes, note)
		}
	}
	verdicts := db.Scan(subject)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range verdicts {
		v := &verdicts[i]
		x := record.CVEVerdict{CVE: v.CVE, Verdict: v.Verdict.String()}
		if v.Verdict != vuln.Fixed && v.Verdict != vuln.NotInRange {
			x.Evidence = words(v)
		}
		fleet.split(v, &x)
		j.Verdicts = append(j.Verdicts, x)
	}
	if inv != nil {
		j.Ranking = rank(inv, verdicts)
	}
	return j, nil
}

// upstreamIn finds the upstream release in a kernel's build line, as
// "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-15)".
var upstreamIn = regexp.MustCompile(`\b(\d{1,3}\.\d{1,3}\.\d{1,5})\b`)

// base is the upstream version that a kernel was built from: what the inventory says,
// its release, or its build line where the release hides it.
func base(k record.Kernel, inv *inventory.Inventory) (ranges.Span, error) {
	if inv != nil && inv.Upstream != "" {
		if s, err := ranges.Release(inv.Upstream); err == nil {
			return s, nil
		}
	}
	s, err := ranges.Release(k.Release)
	if err != nil || s.Exact() {
		return s, err
	}
	for _, m := range upstreamIn.FindAllString(k.Version, -1) {
		if v, err := ranges.ParseVersion(m); err == nil && v.Branch() == s.From.Branch() {
			return ranges.Exactly(v), nil
		}
	}
	return s, nil
}

// maxEvidence is how many lines of evidence a verdict keeps in the record.
const maxEvidence = 16

// words are a verdict's evidence in lines, with the chain of a file that is not compiled.
func words(v *vuln.Verdict) []string {
	var out []string
	if v.Alarm != "" {
		out = append(out, "alarm: "+v.Alarm)
	}
	for _, e := range v.Evidence {
		line := e.Says
		if e.Source != "" && e.Kind != vuln.EvidenceRange {
			line += " (" + e.Source
			if e.Line > 0 {
				line += fmt.Sprintf(":%d", e.Line)
			}
			line += ")"
		}
		out = append(out, line)
		if e.Presence != nil && e.Presence.State == kbuild.NotCompiled {
			for _, s := range e.Presence.Why {
				out = append(out, step(s))
			}
		}
		if len(out) > maxEvidence {
			return append(out[:maxEvidence], "… more: ringside cve explain has all")
		}
	}
	return out
}

func step(s kbuild.Step) string {
	line := s.File
	if s.Line > 0 {
		line += fmt.Sprintf(":%d", s.Line)
	}
	line += ": " + s.Text
	if s.Symbol != "" {
		line += " – CONFIG_" + s.Symbol + " is " + s.Value
	}
	return line
}

// maxRanking is how many changes of configuration are kept.
const maxRanking = 100

// rank orders what can be switched off by the CVEs that go with it, and by how little else
// does. A CVE goes where no
// file of it that is compiled stays, and where nothing of it is uncertain.
func rank(inv *inventory.Inventory, verdicts []vuln.Verdict) []record.Reduction {
	within := map[string][]int{} // reductions that take a file out
	for i, r := range inv.Reductions {
		for _, f := range r.Files {
			within[f] = append(within[f], i)
		}
	}
	gone := make([][]string, len(inv.Reductions))
	for i := range verdicts {
		v := &verdicts[i]
		if v.Verdict != vuln.Affected {
			continue
		}
		need, hit := 0, map[int]int{}
		for _, f := range inTree(inv, v.Files) {
			switch inv.Presence(f).State {
			case kbuild.Compiled:
				need++
				for _, r := range within[f] {
					hit[r]++
				}
			case kbuild.NotCompiled:
			default:
				need = -1 << 20 // something of it may stay
			}
		}
		for r, n := range hit {
			if n == need {
				gone[r] = append(gone[r], v.CVE)
			}
		}
	}
	out := []record.Reduction{}
	for i, r := range inv.Reductions {
		if len(gone[i]) > 0 {
			out = append(out, record.Reduction{Symbol: r.Symbol, Prompt: r.Prompt, Off: r.Off, CVEs: gone[i]})
		}
	}
	slices.SortStableFunc(out, func(a, b record.Reduction) int {
		return cmp.Or(cmp.Compare(worth(b), worth(a)), strings.Compare(a.Symbol, b.Symbol))
	})
	return out[:min(len(out), maxRanking)]
}

// inTree gives the names that files have in the tree of an inventory, where they are known.
func inTree(inv *inventory.Inventory, files []string) (list []string) {
	for _, f := range files {
		names := []string{f}
		if inv.Presence(f).State == kbuild.Absent {
			if other, whole := movedIn(inv)(f); whole {
				names = other
			}
		}
		list = append(list, names...)
	}
	return list
}

// movedIn says under which names an inventory has a file's code.
func movedIn(inv *inventory.Inventory) func(file string) (names []string, whole bool) {
	return func(file string) ([]string, bool) {
		return moved.Names(file, func(name string) bool { return inv.Presence(name).State != kbuild.Absent })
	}
}

// worth weighs the CVEs that go against what goes with them: who would switch off the
// network knows it, and "BTRFS_FS" is news.
func worth(r record.Reduction) float64 { return float64(len(r.CVEs)) / (1 + float64(len(r.Off))/10) }
