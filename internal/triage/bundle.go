package triage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"ringside/artefact"
	"ringside/bundle"
	"ringside/crash"
)

// Bundle is what a Result says of an archive or a folder as a whole.
type Bundle struct {
	Kind    bundle.Kind    `json:"kind"`
	Facts   bundle.Facts   `json:"facts"`
	Files   int            `json:"files"` // in all
	Bytes   int64          `json:"bytes"` // read
	Members []BundleMember `json:"members"`
	Skipped []string       `json:"skipped"` // what could not be read, and why
}

// BundleMember is a part of a bundle that was used.
type BundleMember struct {
	Name    string      `json:"name"`
	Role    bundle.Role `json:"role"`
	Format  string      `json:"format"`
	Line    int         `json:"line,omitempty"` // how many lines of its file are before it
	Boots   int         `json:"boots,omitempty"`
	Reports int         `json:"reports,omitempty"`
	Error   string      `json:"error,omitempty"`
}

// Sighting is a finding of a bundle seen in one more place.
type Sighting struct {
	Member    int  `json:"member"` // index in bundle.members
	Report    int  `json:"report"` // index in document.reports
	SameEvent bool `json:"same_event"`
}

// maxKept is how much of each log is kept until its evidence is quoted.
const maxKept = 64 << 20

// maxMembers bounds the list of members.
const maxMembers = 10_000

// RunBundle triages every log of a bundle and joins what they say: one list of
// findings, each once though several logs tell of it. The result is never nil,
// as with [Run].
func RunBundle(ctx context.Context, name string, src bundle.Source, o Options) (*Result, error) {
	res := &Result{Schema: SchemaID, Name: name, Format: "bundle", Compression: []string{}, Findings: []Finding{}}
	res.Document = crash.NewParser(o.Crash).Finish(emptyStats)
	res.Document.Input.Name = name
	b := &Bundle{Members: []BundleMember{}, Skipped: []string{}}
	res.Bundle = b
	j := joiner{res: res}
	l := bundle.Limits{Artefact: o.Limits}
	sum, err := bundle.Walk(ctx, src, l, func(m *bundle.Member, r io.Reader) error {
		if len(b.Members) >= maxMembers {
			return nil
		}
		member := BundleMember{Name: m.Name(), Role: m.Role, Format: m.Format.String(), Line: m.Line}
		var err error
		switch m.Role {
		case bundle.RoleLog, bundle.RoleLastLog:
			err = j.log(ctx, &member, r, o)
		case bundle.RoleDump, bundle.RoleReproducer:
		default:
			err = b.Facts.Take(m, r)
		}
		if err != nil {
			member.Error = err.Error()
			if ctx.Err() != nil || errors.Is(err, bundle.ErrLimit) {
				return err
			}
		}
		b.Members = append(b.Members, member)
		return nil
	})
	b.Kind, b.Files, b.Bytes = sum.Kind, sum.Members, sum.Bytes
	b.Skipped = append(b.Skipped, sum.Skipped...)
	j.join()
	j.notes()
	if err = errors.Join(err, sum.Denied); err != nil {
		res.Error = err.Error()
		return res, fmt.Errorf("%s: %w", name, err)
	}
	return res, nil
}

// joiner joins the results of members.
type joiner struct {
	res   *Result
	found []found
}

// found is a finding of a member.
type found struct {
	Finding
	member int
	last   bool // the member was kept from the boot that died
}

// log triages one log.
func (j *joiner) log(ctx context.Context, m *BundleMember, r io.Reader, o Options) error {
	var kept bytes.Buffer
	limited := &keeper{r: r, kept: &kept}
	opened := false
	in := Input{Name: m.Name, Open: func() (io.ReadCloser, error) {
		if !opened {
			opened = true
			return io.NopCloser(limited), nil
		}
		if limited.lost {
			return io.NopCloser(io.MultiReader(&kept, failing{ErrNotKept})), nil
		}
		return io.NopCloser(&kept), nil
	}}
	res, err := Run(ctx, in, o)
	var unsupported *UnsupportedError
	if errors.As(err, &unsupported) {
		return nil // its place says log, its content does not
	}
	doc, all := res.Document, j.res.Document
	m.Boots, m.Reports = len(doc.Boots), len(doc.Reports)
	member := len(j.res.Bundle.Members)
	reports, boots := len(all.Reports), len(all.Boots)
	for i := range doc.Boots {
		doc.Boots[i].Index += boots
	}
	for _, list := range [][]crash.Report{doc.Reports, doc.Dumps} {
		for i := range list {
			list[i].Boot += boots
			shift(list[i].CausedBy, reports)
			shift(list[i].RepeatOf, reports)
		}
	}
	for i := range doc.Reports {
		doc.Reports[i].Index += reports
	}
	for _, f := range res.Findings {
		f.Report += reports
		for i := range f.Repeats {
			f.Repeats[i] += reports
		}
		f.Source = m.Name
		j.found = append(j.found, found{f, member, m.Role == bundle.RoleLastLog})
	}
	all.Boots = append(all.Boots, doc.Boots...)
	all.Reports = append(all.Reports, doc.Reports...)
	all.Dumps = append(all.Dumps, doc.Dumps...)
	for _, n := range doc.Notes {
		n.Text = m.Name + ": " + n.Text
		all.Notes = append(all.Notes, n)
	}
	total := &all.Input
	total.Bytes += doc.Input.Bytes
	total.Lines += doc.Input.Lines
	total.Records += doc.Input.Records
	total.Lost += doc.Input.Lost
	total.Clipped += doc.Input.Clipped
	for t, n := range doc.Input.Transports {
		if total.Transports == nil {
			total.Transports = map[string]int64{}
		}
		total.Transports[t] += n
	}
	return err
}

// shift moves an index of a member's document to the joined one.
func shift(i *int, by int) {
	if i != nil {
		*i += by
	}
}

// keeper keeps what is read through it, up to maxKept bytes.
type keeper struct {
	r    io.Reader
	kept *bytes.Buffer
	lost bool
}

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	room := maxKept - k.kept.Len()
	k.kept.Write(p[:min(n, room)])
	k.lost = k.lost || n > room
	return n, err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// join makes one finding of all that are the same, told by the log that tells
// most.
func (j *joiner) join() {
	doc := j.res.Document
	groups := map[string][]int{}
	var keys []string
	for i := range j.found {
		r := &doc.Reports[j.found[i].Report]
		key := string(r.Kind) + "/" + r.Signature.Portable
		if _, ok := groups[key]; !ok {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], i)
	}
	primary := -1
	for _, key := range keys {
		group := groups[key]
		best := slices.MaxFunc(group, func(a, b int) int { return j.telling(a) - j.telling(b) })
		f := j.found[best].Finding
		told := &doc.Reports[f.Report]
		for _, i := range group {
			if i == best {
				continue
			}
			o := &doc.Reports[j.found[i].Report]
			same := j.found[i].member != j.found[best].member && sameMoment(told, o)
			f.Also = append(f.Also, Sighting{Member: j.found[i].member, Report: o.Index, SameEvent: same})
			f.Primary = f.Primary || j.found[i].Primary
			if same && o.RepeatOf == nil {
				o.RepeatOf = new(told.Index)
			}
		}
		if f.Primary && (primary < 0 || j.graver(&f, best, primary)) {
			primary = len(j.res.Findings)
		}
		j.res.Findings = append(j.res.Findings, f)
	}
	for i := range j.res.Findings {
		f := &j.res.Findings[i]
		f.Primary = i == primary
		if f.Primary {
			doc.Primary = new(f.Report)
		}
	}
	order(j.res.Findings, doc)
}

// graver reports whether a finding is rather what the bundle is about than the
// one at index other: by the harm, then by being of the boot that died.
func (j *joiner) graver(f *Finding, at, other int) bool {
	doc := j.res.Document
	o := &j.res.Findings[other]
	a, b := doc.Reports[f.Report].Kind.Weight(), doc.Reports[o.Report].Kind.Weight()
	if a != b {
		return a > b
	}
	return j.found[at].last && !j.ofLastLog(o)
}

func (j *joiner) ofLastLog(f *Finding) bool {
	return slices.ContainsFunc(j.found, func(x found) bool { return x.Report == f.Report && x.last })
}

// telling orders logs by how much they tell of a report.
func (j *joiner) telling(i int) int {
	r := &j.res.Document.Reports[j.found[i].Report]
	return int(r.Confidence*1000) - 100*len(r.Missing) + min(len(r.Evidence), 99)
}

// sameMoment reports whether two reports of the same defect, in two logs, may
// be one event: the clocks that both have agree.
func sameMoment(a, b *crash.Report) bool {
	if a.Signature.Exact != b.Signature.Exact {
		return false
	}
	switch {
	case a.Time != nil && b.Time != nil:
		d := *a.Time - *b.Time
		return d < 1e-3 && d > -1e-3
	case a.Wall != nil && b.Wall != nil:
		d := a.Wall.Sub(*b.Wall)
		return d.Abs().Seconds() <= 2
	}
	return true
}

// notes says what does not fit together.
func (j *joiner) notes() {
	doc, b := j.res.Document, j.res.Bundle
	note := func(format string, args ...any) {
		doc.Notes = append(doc.Notes, crash.Note{Text: fmt.Sprintf(format, args...)})
	}
	if n := len(b.Skipped); n > 0 {
		note("not everything in the bundle could be read: %s", b.Skipped[0])
		if n > 1 {
			note("so it was with %d more", n-1)
		}
	}
	for _, m := range b.Members {
		if m.Role == bundle.RoleDump {
			note("%s is a memory dump; its kernel log may tell more than the logs here", m.Name)
		}
	}
	if b.Facts.Release == "" {
		return
	}
	seen := map[string]bool{}
	for _, f := range j.res.Findings {
		k := doc.Reports[f.Report].Kernel
		if k != "" && k != b.Facts.Release && !seen[k] {
			seen[k] = true
			note("reports are of kernel %s, the bundle was made on %s: its configuration and modules may be another kernel's", k, b.Facts.Release)
		}
	}
}

// archive returns the bundle that an input was recognised as. A zip in a file
// is read in place.
func archive(f io.Reader, a *artefact.Artefact) bundle.Source {
	file, ok := f.(interface {
		io.ReaderAt
		Stat() (fs.FileInfo, error)
	})
	if ok && len(a.Compression) == 0 {
		if info, err := file.Stat(); err == nil {
			if z, err := bundle.Zip(file, info.Size()); err == nil {
				return z
			}
		}
	}
	return bundle.Opened(a)
}
