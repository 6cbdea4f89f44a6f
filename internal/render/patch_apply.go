package render

import (
	"fmt"
	"io"

	"ringside/patch"
	"ringside/patch/apply"
)

// PatchApplySchemaID names the JSON form of what becomes of patches on a tree.
const PatchApplySchemaID = "https://ringside.dev/schemas/patch-apply.v1.json"

// PatchApply is what becomes of patches on a tree.
type PatchApply struct {
	Schema   string            `json:"schema"`
	Tree     string            `json:"tree"`
	Clean    int               `json:"clean"`
	Fuzz     int               `json:"fuzz"`
	Fail     int               `json:"fail"`
	There    int               `json:"there"` // of those that fail: the tree has them already
	Patches  []PatchApplied    `json:"patches"`
	Problems []StackProblemDoc `json:"problems,omitempty"`
}

// PatchApplied is what becomes of one patch.
type PatchApplied struct {
	Name    string        `json:"name"`
	File    string        `json:"file"`
	Subject string        `json:"subject,omitempty"`
	Apply   string        `json:"apply" enum:"clean,fuzz,fail"`
	There   bool          `json:"there"` // it fails, and the tree has its change already
	Files   []FileApplied `json:"files"`
}

// FileApplied is what becomes of a patch's change of a file.
type FileApplied struct {
	Path    string        `json:"path"`
	Line    int           `json:"line"`
	Apply   string        `json:"apply" enum:"clean,fuzz,fail"`
	There   bool          `json:"there,omitempty"`
	Error   string        `json:"error,omitempty"`
	Warning string        `json:"warning,omitempty"`
	Hunks   []HunkApplied `json:"hunks,omitempty"`
}

// HunkApplied is what becomes of a hunk.
type HunkApplied struct {
	Line        int                 `json:"line"`
	Apply       string              `json:"apply" enum:"clean,fuzz,fail"`
	At          int                 `json:"at,omitempty"`
	Offset      int                 `json:"offset,omitempty"`
	Fuzz        int                 `json:"fuzz,omitempty"`
	There       bool                `json:"there,omitempty"`
	Why         string              `json:"why,omitempty"`
	Near        int                 `json:"near,omitempty"`
	Found       int                 `json:"found,omitempty"`
	Wanted      int                 `json:"wanted,omitempty"`
	Differences []DifferenceApplied `json:"differences,omitempty"`
}

// DifferenceApplied is a line that only the tree, or only the hunk has.
type DifferenceApplied struct {
	Line int    `json:"line"`
	Has  string `json:"has" enum:"tree,context,removed"`
	Text string `json:"text"`
}

// Add adds the results of a stack.
func (d *PatchApply) Add(s *patch.Stack, results []apply.Result) {
	for i := range results {
		r := &results[i]
		switch r.Outcome {
		case apply.Clean:
			d.Clean++
		case apply.Fuzz:
			d.Fuzz++
		case apply.Fail:
			d.Fail++
			if r.There {
				d.There++
			}
		}
		d.Patches = append(d.Patches, AppliedOf(r))
	}
	for _, p := range s.Problems {
		d.Problems = append(d.Problems, StackProblemDoc(p))
	}
}

// AppliedOf makes the JSON form of what becomes of a patch.
func AppliedOf(r *apply.Result) PatchApplied {
	x := PatchApplied{Name: r.Patch.Name, File: r.Patch.File, Subject: r.Patch.Subject, Apply: r.Outcome.String(), There: r.There, Files: []FileApplied{}}
	for i := range r.Files {
		f := &r.Files[i]
		y := FileApplied{Path: f.Path, Line: f.Line, Apply: f.Outcome.String(), There: f.There, Warning: f.Warning}
		if f.Err != nil {
			y.Error = f.Err.Error()
		}
		for k := range f.Hunks {
			h := &f.Hunks[k]
			z := HunkApplied{Line: h.Line, Apply: h.Outcome.String(), At: h.At, Offset: h.Offset, Fuzz: h.Fuzz, There: h.There, Why: h.Why()}
			if h.Near != nil && !h.There {
				z.Near, z.Found, z.Wanted = h.Near.Line, h.Near.Found, h.Near.Wanted
				for _, v := range h.Near.Differences {
					has := "context"
					if v.Tree {
						has = "tree"
					} else if v.Change {
						has = "removed"
					}
					z.Differences = append(z.Differences, DifferenceApplied{v.Line, has, v.Text})
				}
			}
			y.Hunks = append(y.Hunks, z)
		}
		x.Files = append(x.Files, y)
	}
	return x
}

// PatchApplication prints what becomes of patches: those that do not go on clean, and
// why.
func PatchApplication(w io.Writer, d PatchApply, all bool, st Style) error {
	p := &printer{w: w, s: st}
	for i := range d.Patches {
		x := &d.Patches[i]
		warned := false
		for _, f := range x.Files {
			warned = warned || f.Warning != ""
		}
		if x.Apply == "clean" && !all && !warned {
			continue
		}
		p.applied(x)
	}
	if len(d.Problems) > 0 {
		p.section("not read")
		for _, e := range d.Problems {
			p.wrapped("  ! ", at(e.File, e.Line)+": "+e.Text, caution)
		}
	}
	there := ""
	if d.There > 0 {
		there = fmt.Sprintf(" (%d of them are in the tree already)", d.There)
	}
	p.line("%s on %s: %d clean, %d with fuzz, %d fail%s", p.s.paint(strong, patches(len(d.Patches))), d.Tree, d.Clean, d.Fuzz, d.Fail, there)
	return p.err
}

func (p *printer) applied(x *PatchApplied) {
	role, word := plain, fmt.Sprintf("%-5s", x.Apply)
	switch {
	case x.There:
		role, word = caution, "there"
	case x.Apply == "fail":
		role = danger
	case x.Apply == "fuzz":
		role = caution
	}
	p.line("%s %s", p.s.paint(role, word), x.Name)
	for i := range x.Files {
		f := &x.Files[i]
		if f.Warning != "" {
			p.wrapped("        ! ", at(x.File, f.Line)+": "+f.Warning, caution)
		}
		if f.Error != "" {
			p.wrapped("        ", f.Path+": "+f.Error, plain)
		}
		for k := range f.Hunks {
			h := &f.Hunks[k]
			switch {
			case x.There:
			case h.Apply == "fuzz":
				p.line("        %s", p.s.paint(faint, fmt.Sprintf("%s:%d: fuzz %d, moved by %d lines", f.Path, h.At, h.Fuzz, h.Offset)))
			case h.Apply == "fail":
				p.wrapped("        ", fmt.Sprintf("%s: hunk in line %d: %s", f.Path, h.Line, h.Why), plain)
				if h.There {
					continue
				}
				for n, v := range h.Differences {
					if n == 8 {
						p.line("          %s", p.s.paint(faint, fmt.Sprintf("… %d more", len(h.Differences)-n)))
						break
					}
					mark := map[string]string{"tree": "tree   ", "context": "context", "removed": "removed"}[v.Has]
					p.line("          %6d %s %s", v.Line, p.s.paint(faint, mark), cut(v.Text, 100))
				}
			}
		}
	}
}
