package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/patch"
	"ringside/patch/diff"
)

// PatchShowSchemaID names the JSON form of what was read of patches.
const PatchShowSchemaID = "https://ringside.dev/schemas/patch-show.v1.json"

// PatchShow is what was read.
type PatchShow struct {
	Schema string     `json:"schema"`
	Stacks []StackDoc `json:"stacks"`
}

// StackDoc is a stack in JSON.
type StackDoc struct {
	Name     string            `json:"name"`
	Base     string            `json:"base,omitempty"`
	Patches  []PatchDoc        `json:"patches"`
	Covers   []PatchDoc        `json:"covers,omitempty"`
	Problems []StackProblemDoc `json:"problems"`
	// Totals over all patches.
	Files   int `json:"files"`
	Hunks   int `json:"hunks"`
	Added   int `json:"added"`
	Removed int `json:"removed"`
	// Origins counts the patches by where they say they come from.
	Origins map[string]int `json:"origins"`
}

// PatchDoc is a patch in JSON.
type PatchDoc struct {
	Name     string       `json:"name"`
	File     string       `json:"file"`
	Line     int          `json:"line"`
	Commit   string       `json:"commit,omitempty"`
	Subject  string       `json:"subject"`
	Tags     []string     `json:"tags,omitempty"`
	Version  int          `json:"version,omitempty"`
	Number   int          `json:"number,omitempty"`
	Total    int          `json:"total,omitempty"`
	Author   string       `json:"author,omitempty"`
	Date     *time.Time   `json:"date,omitempty"`
	Reverse  bool         `json:"reverse,omitempty"`
	Body     string       `json:"body,omitempty"`
	Origin   OriginDoc    `json:"origin"`
	Headers  []TrailerDoc `json:"headers,omitempty"`
	Trailers []TrailerDoc `json:"trailers,omitempty"`
	Files    []DiffDoc    `json:"files"`
	Problems []ProblemDoc `json:"problems,omitempty"`
}

// OriginDoc is where a patch says it comes from.
type OriginDoc struct {
	Kind     string        `json:"kind" enum:"unsaid,upstream,backport,from-tree,from-list,downstream,revert"`
	Commits  []string      `json:"commits,omitempty"`
	Reverts  []string      `json:"reverts,omitempty"`
	Release  string        `json:"release,omitempty"`
	Tree     string        `json:"tree,omitempty"`
	Link     string        `json:"link,omitempty"`
	Evidence []EvidenceDoc `json:"evidence,omitempty"`
}

// EvidenceDoc is a line that says so; line 0 is the file's name.
type EvidenceDoc struct {
	Text string `json:"text"`
	Line int    `json:"line"`
}

// TrailerDoc is a trailer or a field of a header.
type TrailerDoc struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Line  int    `json:"line"`
}

// DiffDoc is what a patch does to a file.
type DiffDoc struct {
	Path    string `json:"path"`
	Old     string `json:"old,omitempty"`
	Op      string `json:"op" enum:"modify,add,delete,rename,copy"`
	OldMode string `json:"old_mode,omitempty"`
	NewMode string `json:"new_mode,omitempty"`
	Binary  bool   `json:"binary,omitempty"`
	Hunks   int    `json:"hunks"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	Line    int    `json:"line"`
}

// ProblemDoc is what could not be read of a patch.
type ProblemDoc struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// StackProblemDoc is what could not be read of a stack.
type StackProblemDoc struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// StackOf makes the JSON form of a stack.
func StackOf(s *patch.Stack) StackDoc {
	d := StackDoc{Name: s.Name, Base: s.Base, Patches: []PatchDoc{}, Problems: []StackProblemDoc{}, Origins: map[string]int{}}
	for _, p := range s.Patches {
		x := PatchOf(p)
		for _, f := range x.Files {
			d.Files++
			d.Hunks += f.Hunks
			d.Added += f.Added
			d.Removed += f.Removed
		}
		d.Origins[x.Origin.Kind]++
		d.Patches = append(d.Patches, x)
	}
	for _, p := range s.Covers {
		d.Covers = append(d.Covers, PatchOf(p))
	}
	for _, x := range s.Problems {
		d.Problems = append(d.Problems, StackProblemDoc(x))
	}
	return d
}

// PatchOf makes the JSON form of a patch.
func PatchOf(p *patch.Patch) PatchDoc {
	d := PatchDoc{
		Name: p.Name, File: p.File, Line: p.Line, Commit: p.Commit, Subject: p.Subject, Tags: p.Tags, Version: p.Version,
		Number: p.Number, Total: p.Total, Author: p.Author.String(), Reverse: p.Reverse, Body: p.Body, Files: []DiffDoc{},
		Origin: OriginDoc{Kind: p.Origin.Kind.String(), Commits: p.Origin.Commits, Reverts: p.Origin.Reverts, Release: p.Origin.Release, Tree: p.Origin.Tree, Link: p.Origin.Link},
	}
	if !p.Date.IsZero() {
		d.Date = &p.Date
	}
	for _, e := range p.Origin.Evidence {
		d.Origin.Evidence = append(d.Origin.Evidence, EvidenceDoc(e))
	}
	for _, t := range p.Headers {
		d.Headers = append(d.Headers, TrailerDoc(t))
	}
	for _, t := range p.Trailers {
		d.Trailers = append(d.Trailers, TrailerDoc(t))
	}
	for i := range p.Files {
		d.Files = append(d.Files, diffOf(&p.Files[i]))
	}
	for _, x := range p.Problems {
		d.Problems = append(d.Problems, ProblemDoc(x))
	}
	return d
}

func diffOf(f *diff.File) DiffDoc {
	d := DiffDoc{Path: f.Path(), Op: f.Op.String(), OldMode: f.OldMode, NewMode: f.NewMode, Binary: f.Binary, Hunks: len(f.Hunks), Line: f.Line}
	if f.Old != d.Path {
		d.Old = f.Old
	}
	for i := range f.Hunks {
		for _, l := range f.Hunks[i].Lines {
			switch l.Op {
			case '+':
				d.Added++
			case '-':
				d.Removed++
			}
		}
	}
	return d
}

// PatchStack prints a stack: a line for each patch with its origin, and all that could
// not be read.
func PatchStack(w io.Writer, d StackDoc, full bool, st Style) error {
	p := &printer{w: w, s: st}
	for i := range d.Patches {
		x := &d.Patches[i]
		p.line("%s", p.s.paint(strong, x.title()))
		added, removed := 0, 0
		for _, f := range x.Files {
			added += f.Added
			removed += f.Removed
		}
		facts := []string{x.Origin.text()}
		if x.Author != "" {
			facts = append(facts, x.Author)
		}
		facts = append(facts, fmt.Sprintf("%s +%d -%d", plural(len(x.Files), "file"), added, removed))
		p.line("  %s", p.s.paint(faint, strings.Join(facts, " · ")))
		if full {
			for _, e := range x.Origin.Evidence {
				p.line("  %s", p.s.paint(faint, at(x.File, e.Line)+": "+e.Text))
			}
			for _, f := range x.Files {
				p.line("    %-7s %s %s", f.Op, f.Path, p.s.paint(faint, fmt.Sprintf("+%d -%d", f.Added, f.Removed)))
			}
		}
		for _, e := range x.Problems {
			p.wrapped("  ! ", at(x.File, e.Line)+": "+e.Text, caution)
		}
	}
	if len(d.Problems) > 0 {
		p.section("not read")
		for _, e := range d.Problems {
			p.wrapped("  ! ", at(e.File, e.Line)+": "+e.Text, caution)
		}
	}
	var kinds []string
	for _, k := range []string{"upstream", "backport", "from-tree", "from-list", "downstream", "revert", "unsaid"} {
		if n := d.Origins[k]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, k))
		}
	}
	p.line("\n%s: %s, %s, %s, +%d -%d", p.s.paint(strong, d.Name), patches(len(d.Patches)), plural(d.Files, "file"), plural(d.Hunks, "hunk"), d.Added, d.Removed)
	if len(kinds) > 0 {
		p.line("%s", p.s.paint(faint, "by their own words: "+strings.Join(kinds, ", ")))
	}
	return p.err
}

func patches(n int) string {
	if n == 1 {
		return "1 patch"
	}
	return fmt.Sprintf("%d patches", n)
}

func (x *PatchDoc) title() string {
	if x.Subject == "" || x.Subject == x.Name {
		return x.Name
	}
	if x.Commit == x.Name && len(x.Name) > 12 {
		return x.Name[:12] + " " + x.Subject
	}
	return x.Name + ": " + x.Subject
}

func (o *OriginDoc) text() string {
	s := o.Kind
	for _, c := range o.Commits {
		s += " " + c[:min(12, len(c))]
	}
	if o.Release != "" {
		s += " " + o.Release
	}
	for _, c := range o.Reverts {
		s += " reverts " + c[:min(12, len(c))]
	}
	return s
}

func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
