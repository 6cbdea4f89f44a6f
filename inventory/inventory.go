// Package inventory holds what one kernel build was made from: which files of its
// source tree were compiled into what and why the others were not, under which
// configuration, with which fixes by its changelog, and what could be switched off.
//
// An inventory is made once, where the sources are, and is small enough to be sent and
// kept: with it, records of flaws that are published later can be judged for the build
// without its tree. [Inventory.Write] writes it, [Read] reads it.
//
// The format is one JSON object, gzipped. Paths, targets and reasons are written once
// and referred to by their place; the object begins with its schema, by which [Is]
// recognises it.
package inventory

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"ringside/kbuild"
)

// Schema names the format.
const Schema = "ringside.inventory/1"

// MaxSize bounds an inventory, uncompressed: those of Debian's kernels have 7 to 12 MB.
const MaxSize = 64 << 20

// Bounds of what one holds. References are small where they are written and large where
// they are read: a real build's have some 50,000 of each kind.
const (
	maxFiles = 1 << 18
	maxRefs  = 1 << 20
)

// An Inventory is what one build was made from.
type Inventory struct {
	Release   string    // as uname -r prints it
	Arch      string    // as uname -m prints it
	Upstream  string    // the upstream release of the sources, as 6.1.192
	MadeAt    time.Time // zero where it is not known
	Config    string    // text of the configuration
	Changelog string    // text of the distribution's changelog, "" without one
	Modules   []string  // that the build makes, as fs/ksmbd/ksmbd.ko
	// Files are what is known of each file of the tree, sorted by path.
	Files []kbuild.Presence
	// Reductions are what could be switched off, in no order.
	Reductions []Reduction
	Baselines  []Baseline
	// Notes say what the inventory does not know.
	Notes []string
}

// A Reduction is a change of configuration that takes code out of the build.
type Reduction struct {
	Symbol string
	Prompt string   // what the configuration's menu calls it
	Off    []string // symbols that have to go, or go, with it
	Files  []string // whose code is not in the build then
}

// A Baseline is how the configuration does under the guardrails of an environment.
type Baseline struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Passed   int       `json:"passed"`
	Failed   int       `json:"failed"`
	Waived   int       `json:"waived"`
	Findings []Finding `json:"findings"` // what does not pass
}

// A Finding is a guardrail that is not met.
type Finding struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Severity string     `json:"severity,omitempty"`
	State    string     `json:"state"` // failed, waived or expired
	Why      string     `json:"why"`
	Advice   string     `json:"advice,omitempty"`
	Owner    string     `json:"owner,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
}

// Presence tells what is known of a file.
func (v *Inventory) Presence(path string) kbuild.Presence {
	i := sort.Search(len(v.Files), func(i int) bool { return v.Files[i].Path >= path })
	if i < len(v.Files) && v.Files[i].Path == path {
		return v.Files[i]
	}
	return kbuild.Presence{Path: path, State: kbuild.Absent}
}

// Idle tells whether the tree has a folder of which the build has nothing: what is known
// of every file in it and below is that it is not compiled.
func (v *Inventory) Idle(dir string) bool {
	below := strings.Trim(dir, "/") + "/"
	i := sort.Search(len(v.Files), func(i int) bool { return v.Files[i].Path >= below })
	some := false
	for ; i < len(v.Files) && strings.HasPrefix(v.Files[i].Path, below); i++ {
		switch v.Files[i].State {
		case kbuild.NotCompiled:
			some = true
		case kbuild.Compiled:
			return false
		}
	}
	return some
}

// Compiled counts the files whose code is in the build.
func (v *Inventory) Compiled() int {
	n := 0
	for i := range v.Files {
		if v.Files[i].State == kbuild.Compiled {
			n++
		}
	}
	return n
}

// document is an inventory as it is written.
type document struct {
	Schema    string        `json:"schema"`
	Release   string        `json:"release"`
	Arch      string        `json:"arch"`
	Upstream  string        `json:"upstream"`
	MadeAt    *time.Time    `json:"made_at,omitempty"`
	Config    string        `json:"config"`
	Changelog string        `json:"changelog,omitempty"`
	Modules   []string      `json:"modules"`
	Targets   []string      `json:"targets"`
	Steps     []kbuild.Step `json:"steps"`
	Files     fileList      `json:"files"`
	Reduce    []reduction   `json:"reductions"`
	Baselines []Baseline    `json:"baselines"`
	Notes     []string      `json:"notes"`
}

type fileList []file

type file struct {
	Path    string `json:"p"`
	State   int    `json:"s"`
	Targets []int  `json:"t,omitempty"`
	Why     []int  `json:"w,omitempty"`
}

type reduction struct {
	Symbol string   `json:"symbol"`
	Prompt string   `json:"prompt,omitempty"`
	Off    []string `json:"off,omitempty"`
	Files  []int    `json:"files"`
}

// places numbers values in the order in which they come.
type places[T comparable] struct {
	list []T
	at   map[T]int
}

func (p *places[T]) of(v T) int {
	i, ok := p.at[v]
	if !ok {
		if p.at == nil {
			p.at = map[T]int{}
		}
		i = len(p.list)
		p.at[v] = i
		p.list = append(p.list, v)
	}
	return i
}

// Write writes an inventory. Its files have to be sorted by path.
func (v *Inventory) Write(w io.Writer) error {
	d := document{Schema: Schema, Release: v.Release, Arch: v.Arch, Upstream: v.Upstream, Config: v.Config, Changelog: v.Changelog,
		Modules: v.Modules, Baselines: v.Baselines, Notes: v.Notes}
	if !v.MadeAt.IsZero() {
		d.MadeAt = &v.MadeAt
	}
	var targets places[string]
	var steps places[kbuild.Step]
	at := make(map[string]int, len(v.Files))
	for i, p := range v.Files {
		if i > 0 && v.Files[i-1].Path >= p.Path {
			return fmt.Errorf("inventory: %s comes after %s: files have to be sorted", p.Path, v.Files[i-1].Path)
		}
		f := file{Path: p.Path, State: int(p.State)}
		for _, t := range p.Targets {
			f.Targets = append(f.Targets, targets.of(t))
		}
		for _, s := range p.Why {
			f.Why = append(f.Why, steps.of(s))
		}
		at[p.Path] = i
		d.Files = append(d.Files, f)
	}
	for _, r := range v.Reductions {
		x := reduction{Symbol: r.Symbol, Prompt: r.Prompt, Off: r.Off, Files: []int{}}
		for _, f := range r.Files {
			i, ok := at[f]
			if !ok {
				return fmt.Errorf("inventory: without %s, %s would not be compiled, which is no file of the inventory", r.Symbol, f)
			}
			x.Files = append(x.Files, i)
		}
		d.Reduce = append(d.Reduce, x)
	}
	d.Targets, d.Steps = targets.list, steps.list
	z := gzip.NewWriter(w)
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	return errors.Join(e.Encode(&d), z.Close())
}

// Is tells whether what begins with head is an inventory.
func Is(head []byte) bool {
	z, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	const begin = `{"schema":"` + Schema + `"`
	b := make([]byte, len(begin))
	n, _ := io.ReadFull(z, b)
	return string(b[:n]) == begin
}

// Read reads an inventory. Numbers that point nowhere are errors: it is made by a
// program, and whoever changed it is not to be believed.
func Read(r io.Reader) (*Inventory, error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	limited := &io.LimitedReader{R: z, N: MaxSize + 1}
	var d document
	if err := json.NewDecoder(limited).Decode(&d); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("inventory: more than %d bytes: it is not one of a kernel", MaxSize)
		}
		return nil, fmt.Errorf("inventory: offset %d: %w", MaxSize+1-limited.N, err)
	}
	if d.Schema != Schema {
		return nil, fmt.Errorf("inventory: its schema is %.60q, this program reads %q: make it again", d.Schema, Schema)
	}
	if err := d.bound(); err != nil {
		return nil, err
	}
	v := &Inventory{Release: strings.TrimSpace(d.Release), Arch: strings.TrimSpace(d.Arch), Upstream: strings.TrimSpace(d.Upstream), Config: d.Config, Changelog: d.Changelog,
		Modules: d.Modules, Baselines: d.Baselines, Notes: d.Notes, Files: make([]kbuild.Presence, len(d.Files))}
	if d.MadeAt != nil {
		v.MadeAt = *d.MadeAt
	}
	for i, f := range d.Files {
		if f.State < 0 || f.State > int(kbuild.Absent) || i > 0 && d.Files[i-1].Path >= f.Path {
			return nil, fmt.Errorf("inventory: file %d, %.200q: not sorted, or of no known state", i, f.Path)
		}
		p := kbuild.Presence{Path: f.Path, State: kbuild.State(f.State)}
		if p.Targets, err = pick(d.Targets, f.Targets); err == nil {
			p.Why, err = pick(d.Steps, f.Why)
		}
		if err != nil {
			return nil, fmt.Errorf("inventory: file %.200q: %w", f.Path, err)
		}
		v.Files[i] = p
	}
	for _, x := range d.Reduce {
		files, err := pick([]file(d.Files), x.Files)
		if err != nil {
			return nil, fmt.Errorf("inventory: without %.200q: %w", x.Symbol, err)
		}
		r := Reduction{Symbol: x.Symbol, Prompt: x.Prompt, Off: x.Off}
		for _, f := range files {
			r.Files = append(r.Files, f.Path)
		}
		v.Reductions = append(v.Reductions, r)
	}
	return v, nil
}

// bound refuses what no kernel needs before it is made larger.
func (d *document) bound() error {
	refs := 0
	for i := range d.Files {
		refs += len(d.Files[i].Targets) + len(d.Files[i].Why)
	}
	for i := range d.Reduce {
		refs += len(d.Reduce[i].Files)
	}
	if len(d.Files) > maxFiles || refs > maxRefs {
		return fmt.Errorf("inventory: %d files with %d references: it is not one of a kernel", len(d.Files), refs)
	}
	return nil
}

// UnmarshalJSON reads files, unless there are more than a tree has.
func (l *fileList) UnmarshalJSON(b []byte) error {
	if n := bytes.Count(b, []byte{'{'}); n > maxFiles {
		return fmt.Errorf("%d files: it is not one of a kernel", n)
	}
	return json.Unmarshal(b, (*[]file)(l))
}

// pick returns the values at places.
func pick[T any](list []T, at []int) ([]T, error) {
	if len(at) == 0 {
		return nil, nil
	}
	out := make([]T, len(at))
	for k, i := range at {
		if i < 0 || i >= len(list) {
			return nil, fmt.Errorf("number %d of %d", i, len(list))
		}
		out[k] = list[i]
	}
	return out, nil
}
