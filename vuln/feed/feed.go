// Package feed reads records of CVEs: a checkout of the kernel CNA's vulns repository
// with its .dyad files, folders of the CVE program's JSON, and OSV's.
//
// What cannot be read is never dropped silently. A Problem names the file and the place;
// what could be read of the file is kept; a file that is about something else than the
// kernel is counted. Where two files say different things of one CVE, both statements are
// kept, and whoever asks about a kernel for which they matter learns of it.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// MaxFile is how large one file of a feed may be.
const MaxFile = 64 << 20

// A Problem is what is wrong with one file of a feed.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Offset int64  `json:"offset,omitempty"` // bytes into the file
	CVE    string `json:"cve,omitempty"`
	Text   string `json:"text"`
}

// String writes the problem as compilers do.
func (p Problem) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	case p.Offset > 0:
		return fmt.Sprintf("%s: at byte %d: %s", p.File, p.Offset, p.Text)
	}
	return p.File + ": " + p.Text
}

// A Feed is what was read.
type Feed struct {
	Records  []Record // in the order of their numbers
	Problems []Problem
	// Foreign is how many records were about something else than the kernel.
	Foreign int
}

// ErrEmpty says that nothing in the feed is a record of the kernel's.
var ErrEmpty = errors.New("no record of a kernel CVE in it: give a checkout of the kernel's vulns repository, or a folder of CVE or OSV JSON files")

// A Builder collects files in any order. Add may be called by several goroutines.
type Builder struct {
	mu       sync.Mutex
	records  map[string]*Record
	problems []Problem
	foreign  int
}

// Wanted says whether a file of this name may hold records.
func Wanted(name string) bool {
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".dyad")
}

// Add reads one file.
func (b *Builder) Add(name string, data []byte) {
	if strings.HasSuffix(name, ".dyad") {
		b.addDyad(name, data)
		return
	}
	s := &scanner{data: data}
	if len(data) >= 3 && string(data[:3]) == "\xef\xbb\xbf" {
		s.pos = 3
	}
	for {
		var err error
		if s.peek() == '[' {
			err = s.array(func() error { return b.addJSON(name, s) })
		} else {
			err = b.addJSON(name, s)
		}
		if err != nil {
			b.complain(name, "", err)
			return
		}
		if s.peek() == 0 && s.pos >= len(data) {
			return
		}
	}
}

func (b *Builder) addDyad(name string, data []byte) {
	id := strings.TrimSuffix(path.Base(name), ".dyad")
	if !IsID(id) {
		b.complain(name, "", errors.New("a .dyad file is named after its CVE"))
		return
	}
	pairs, err := ParseDyad(data)
	if err != nil {
		b.complain(name, id, err)
	} else if len(pairs) == 0 {
		b.complain(name, id, errors.New("holds no pair of versions"))
	}
	rec := Record{ID: id, File: name, Rejected: rejected(name)}
	if !rec.Rejected {
		rec.add(Source{Kind: Dyad, File: name, Pairs: pairs})
	}
	b.take(rec)
}

func (b *Builder) addJSON(name string, s *scanner) error {
	start := s.pos
	s.items = 0
	kind, err := kindOf(s)
	if err != nil {
		return err
	}
	end := s.pos
	s.pos = start
	var rec Record
	var kernel bool
	switch kind {
	case "cve":
		rec, kernel, err = parseCVE(s)
	case "osv":
		rec, kernel, err = parseOSV(s)
	default:
		s.pos = end
		b.complain(name, "", errors.New("is neither a CVE record nor OSV's"))
		return nil
	}
	if err == nil && !IsID(rec.ID) {
		if !kernel {
			b.skipForeign()
			return nil
		}
		b.complain(name, "", fmt.Errorf("%.40q is no CVE's number", rec.ID))
		return nil
	}
	if err != nil && !IsID(rec.ID) {
		// The number is at the end of the CNA's records; files are named after it.
		rec.ID = strings.TrimSuffix(path.Base(name), ".json")
		if !IsID(rec.ID) {
			return err
		}
	}
	if !kernel && err == nil {
		b.skipForeign()
		return nil
	}
	rec.File = name
	rec.Rejected = rec.Rejected || rejected(name)
	if rec.Rejected {
		rec.Sources = nil
	}
	for i := range rec.Sources {
		rec.Sources[i].File = name
	}
	b.take(rec)
	return err
}

func rejected(name string) bool {
	return strings.Contains("/"+name, "/rejected/")
}

// kindOf passes over a document and says what it is.
func kindOf(s *scanner) (string, error) {
	if s.peek() != '{' {
		return "", s.skip()
	}
	kind, start := "", s.pos
	// CVE records begin with what they are, or with their containers.
	err := s.object(func(key string) error {
		switch key {
		case "cveMetadata", "containers", "dataType":
			kind = "cve"
			return errKnown
		case "affected", "schema_version", "withdrawn":
			kind = "osv"
			return errKnown
		}
		return s.skip()
	})
	if errors.Is(err, errKnown) {
		s.pos = start
		return kind, nil
	}
	return "", err
}

var errKnown = errors.New("known")

func (b *Builder) skipForeign() {
	b.mu.Lock()
	b.foreign++
	b.mu.Unlock()
}

func (b *Builder) complain(name, id string, err error) {
	p := Problem{File: name, CVE: id, Text: err.Error()}
	var line *lineError
	var syntax *syntaxError
	switch {
	case errors.As(err, &line):
		p.Line = line.line
	case errors.As(err, &syntax):
		p.Offset = int64(syntax.offset)
	}
	if id == "" {
		if id = strings.TrimSuffix(path.Base(name), path.Ext(name)); IsID(id) {
			p.CVE = id
		}
	}
	b.mu.Lock()
	b.problems = append(b.problems, p)
	b.mu.Unlock()
}

func (b *Builder) take(rec Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.records == nil {
		b.records = make(map[string]*Record, 1<<14)
	}
	old := b.records[rec.ID]
	if old == nil {
		b.records[rec.ID] = &rec
		return
	}
	if old.Rejected != rec.Rejected {
		b.problems = append(b.problems, Problem{File: rec.File, CVE: rec.ID, Text: "is published and rejected at once; the other is " + old.File + "; taken as published"})
		if rec.Rejected {
			return
		}
		old.Rejected = false
	}
	// Whatever comes first, the result is the same.
	if strings.HasSuffix(old.File, ".dyad") || (rec.File < old.File && !strings.HasSuffix(rec.File, ".dyad")) {
		rec.merge(*old)
		*old = rec
	} else {
		old.merge(rec)
	}
}

// Finish returns what was collected.
func (b *Builder) Finish() *Feed {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := &Feed{Problems: b.problems, Foreign: b.foreign, Records: make([]Record, 0, len(b.records))}
	for _, r := range b.records {
		if !r.Rejected && len(r.Sources) == 0 {
			f.Problems = append(f.Problems, Problem{File: r.File, CVE: r.ID, Text: "says no version that could be read: its verdicts are undetermined"})
		}
		f.Records = append(f.Records, *r)
	}
	slices.SortFunc(f.Records, func(a, b Record) int { return Compare(a.ID, b.ID) })
	slices.SortStableFunc(f.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Text, b.Text))
	})
	return f
}

// together is how many files a worker takes at once: a CVE's are neighbours.
const together = 16

// Read reads all files of a folder, or of anything that looks like one. They are read
// while the folder is still being listed.
func Read(ctx context.Context, fsys fs.FS) (*Feed, error) {
	var b Builder
	var wg sync.WaitGroup
	work := make(chan []string, 256)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var buf []byte
			for names := range work {
				for _, name := range names {
					if ctx.Err() != nil {
						break
					}
					data, err := readFile(fsys, name, buf)
					buf = data
					if err != nil {
						b.complain(name, "", err)
						continue
					}
					b.Add(name, data)
				}
			}
		})
	}
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return ctx.Err()
		}
		if Wanted(name) {
			if names = append(names, name); len(names) == together {
				work <- names
				names = make([]string, 0, together)
			}
		}
		return nil
	})
	work <- names
	close(work)
	wg.Wait()
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := b.Finish()
	if len(f.Records) == 0 && len(f.Problems) == 0 {
		return nil, ErrEmpty
	}
	return f, nil
}

// A Filler is a file system that reads a whole file into memory that it is given, as far as
// that does, which it returns: for 30,000 small files opening them the usual way takes half
// of the time. A file of more than limit bytes is an error.
type Filler interface {
	Fill(name string, buf []byte, limit int) ([]byte, error)
}

// readFile reads a file into buf, which grows as it must.
func readFile(fsys fs.FS, name string, buf []byte) ([]byte, error) {
	if f, ok := fsys.(Filler); ok {
		if cap(buf) == 0 {
			buf = make([]byte, 0, 64<<10)
		}
		return f.Fill(name, buf[:0], MaxFile)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return buf[:0], err
	}
	defer f.Close()
	buf = buf[:0]
	if cap(buf) == 0 {
		buf = make([]byte, 0, 64<<10)
	}
	for {
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf[:0], err
		case len(buf) > MaxFile:
			return buf[:0], fmt.Errorf("is larger than %d MiB, which no record is", MaxFile>>20)
		case len(buf) == cap(buf):
			buf = slices.Grow(buf, len(buf))
		}
	}
}

// IsID says whether s is a CVE's number.
func IsID(s string) bool {
	if len(s) < 13 || len(s) > 24 || s[:4] != "CVE-" || s[8] != '-' {
		return false
	}
	for i := 4; i < len(s); i++ {
		if i != 8 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// Compare orders numbers of CVEs: by year, then by number.
func Compare(a, b string) int {
	if !IsID(a) || !IsID(b) {
		return strings.Compare(a, b)
	}
	return cmp.Or(strings.Compare(a[:9], b[:9]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
