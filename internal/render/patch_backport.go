package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/kbuild"
	"ringside/patch/backport"
)

// PatchBackportSchemaID names the JSON form of a backport's plan.
const PatchBackportSchemaID = "https://ringside.dev/schemas/patch-backport.v1.json"

// PatchBackport is what becomes of commits on an older tree.
type PatchBackport struct {
	Schema        string          `json:"schema"`
	To            string          `json:"to"`
	Series        string          `json:"series,omitempty"`
	Steps         []BackportStep  `json:"steps"`
	Conflicts     int             `json:"conflicts"`
	Prerequisites int             `json:"prerequisites"`
	Searched      int             `json:"searched"` // commits of the history
	Missing       int             `json:"missing"`  // commits that the repository lacks
	Paths         []string        `json:"paths"`
	Risk          BackportRisk    `json:"risk"`
	Tests         []BackportTest  `json:"tests"`
	Builds        []BackportBuild `json:"builds,omitempty"`
}

// BackportStep is one commit on its way.
type BackportStep struct {
	Commit  string               `json:"commit"`
	Subject string               `json:"subject"`
	State   string               `json:"state" enum:"clean,merged,there,conflict"`
	Asked   bool                 `json:"asked"` // otherwise it comes along
	For     []string             `json:"for,omitempty"`
	Needs   []BackportNeed       `json:"needs,omitempty"`
	Files   []BackportFile       `json:"files"`
	Wanted  []BackportPrerequest `json:"wanted,omitempty"`
	Later   []BackportLater      `json:"later,omitempty"`
}

// BackportNeed is what is needed of a prerequisite.
type BackportNeed struct {
	Kind string `json:"kind" enum:"line,removal,file,symbol"`
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

// BackportPrerequest is a commit that would fill needs, where no set of them suffices.
type BackportPrerequest struct {
	Commit  string         `json:"commit"`
	Subject string         `json:"subject"`
	Needs   []BackportNeed `json:"needs"`
}

// BackportFile is what becomes of a file.
type BackportFile struct {
	Path      string             `json:"path"`
	From      string             `json:"from,omitempty"`
	State     string             `json:"state" enum:"clean,merged,there,conflict"`
	Why       string             `json:"why,omitempty"`
	Conflicts []BackportConflict `json:"conflicts,omitempty"`
}

// BackportConflict is a stretch that both sides have changed.
type BackportConflict struct {
	Line   int      `json:"line"`
	Base   []string `json:"base"`
	Ours   []string `json:"ours"`
	Theirs []string `json:"theirs"`
}

// BackportLater is a commit that fixes a step, or takes it back.
type BackportLater struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
	Revert  bool   `json:"revert"`
}

// BackportRisk is what a reviewer should know.
type BackportRisk struct {
	Level string   `json:"level" enum:"low,medium,high"`
	Notes []string `json:"notes"`
}

// BackportTest is one that covers what is changed.
type BackportTest struct {
	Kind string   `json:"kind" enum:"kunit,selftest"`
	Path string   `json:"path"`
	Why  string   `json:"why"`
	For  []string `json:"for"`
}

// BackportBuild is what a configuration compiles of the changed files.
type BackportBuild struct {
	Config string            `json:"config"`
	Arch   string            `json:"arch"`
	Files  []kbuild.Presence `json:"files"`
}

// BackportOf makes the JSON form of a plan.
func BackportOf(p *backport.Plan, to string) PatchBackport {
	d := PatchBackport{Schema: PatchBackportSchemaID, To: to, Steps: []BackportStep{}, Searched: p.Searched, Missing: p.Missing, Tests: []BackportTest{}, Paths: append([]string{}, p.Paths()...)}
	r := p.Risk()
	d.Risk = BackportRisk{r.Level, append([]string{}, r.Notes...)}
	for i := range p.Steps {
		s := &p.Steps[i]
		x := BackportStep{Commit: s.Commit.ID.String(), Subject: s.Commit.Subject(), State: string(s.State), Asked: s.Asked, Needs: needsOf(s.Needs), Files: []BackportFile{}}
		if s.State == backport.Conflict {
			d.Conflicts++
		}
		if !s.Asked {
			d.Prerequisites++
		}
		for _, c := range s.For {
			x.For = append(x.For, c.ID.String())
		}
		for k := range s.Files {
			x.Files = append(x.Files, backportFile(&s.Files[k]))
		}
		for _, w := range s.Wanted {
			x.Wanted = append(x.Wanted, BackportPrerequest{w.Commit.ID.String(), w.Commit.Subject(), needsOf(w.Needs)})
		}
		for _, l := range s.Later {
			x.Later = append(x.Later, BackportLater{l.Commit.ID.String(), l.Commit.Subject(), l.Revert})
		}
		d.Steps = append(d.Steps, x)
	}
	return d
}

func backportFile(f *backport.FilePick) BackportFile {
	y := BackportFile{Path: f.Path, State: string(f.State), Why: f.Why}
	if f.From != f.Path {
		y.From = f.From
	}
	trim := func(lines []string) []string {
		out := []string{}
		for _, l := range lines {
			out = append(out, strings.TrimRight(l, "\r\n"))
		}
		return out
	}
	for _, c := range f.Conflicts {
		y.Conflicts = append(y.Conflicts, BackportConflict{c.Line, trim(c.Base), trim(c.Ours), trim(c.Theirs)})
	}
	return y
}

func needsOf(list []backport.Need) []BackportNeed {
	out := []BackportNeed{}
	for _, n := range list {
		out = append(out, BackportNeed{string(n.Kind), n.File, n.Line, n.Text})
	}
	return out
}

// PatchBackportReport prints a plan.
func PatchBackportReport(w io.Writer, d PatchBackport, st Style) error {
	p := &printer{w: w, s: st}
	for i := range d.Steps {
		p.backportStep(&d.Steps[i])
	}
	p.section("risk: " + d.Risk.Level)
	for _, n := range d.Risk.Notes {
		p.wrapped("  ", n, plain)
	}
	if len(d.Tests) > 0 {
		p.section("tests that cover it")
		for _, t := range d.Tests {
			p.line("  %-8s %s  %s", t.Kind, t.Path, p.s.paint(faint, t.Why))
		}
	}
	for _, b := range d.Builds {
		p.section("compiled by " + b.Config)
		for _, f := range b.Files {
			p.line("  %-12s %s  %s", strings.ReplaceAll(f.State.String(), "_", " "), f.Path, p.s.paint(faint, strings.Join(kbuild.Symbols(f.Why), " ")))
		}
	}
	p.line("")
	p.line("%s to %s: %s, %d conflict%s", p.s.paint(strong, plural(len(d.Steps)-d.Prerequisites, "commit")), d.To, plural(d.Prerequisites, "prerequisite"), d.Conflicts, map[bool]string{true: "s"}[d.Conflicts != 1])
	if d.Missing > 0 {
		p.wrapped("  ! ", fmt.Sprintf("the repository lacks %d commits of the history: prerequisites beyond them were not found", d.Missing), caution)
	}
	if d.Series != "" {
		p.line("written to %s", d.Series)
	}
	return p.err
}

func (p *printer) backportStep(s *BackportStep) {
	role, word := plain, fmt.Sprintf("%-8s", s.State)
	switch s.State {
	case "conflict":
		role = danger
	case "merged", "there":
		role = caution
	}
	p.line("%s %s", p.s.paint(role, word), s.Commit[:12]+" "+s.Subject)
	if !s.Asked {
		p.line("         %s", p.s.paint(faint, "comes along, for:"))
	}
	for _, n := range s.Needs {
		p.line("           %s", p.s.paint(faint, n.text()))
	}
	for _, f := range s.Files {
		if f.State == "conflict" || f.Why != "" || f.State == "merged" {
			why := f.Why
			if why != "" {
				why = ": " + why
			}
			p.line("         %-8s %s%s", f.State, f.Path, why)
		}
		for k, c := range f.Conflicts {
			if k == 3 {
				p.line("           %s", p.s.paint(faint, fmt.Sprintf("… %d more stretches", len(f.Conflicts)-k)))
				break
			}
			p.line("           %s", p.s.paint(faint, fmt.Sprintf("line %d of the target", c.Line)))
			for _, side := range []struct {
				mark  string
				lines []string
			}{{"target", c.Ours}, {"commit", c.Theirs}} {
				for n, l := range side.lines {
					if n == 4 {
						p.line("             %s …", p.s.paint(faint, side.mark))
						break
					}
					p.line("             %s %s", p.s.paint(faint, side.mark), cut(l, 100))
				}
			}
		}
	}
	if len(s.Wanted) > 0 {
		p.line("         %s", p.s.paint(faint, "these brought what is missing, but do not suffice:"))
		for _, w := range s.Wanted {
			p.line("           %s %s", w.Commit[:12], w.Subject)
			for n, x := range w.Needs {
				if n == 3 {
					break
				}
				p.line("             %s", p.s.paint(faint, x.text()))
			}
		}
	}
	for _, l := range s.Later {
		what := "fixed later by"
		if l.Revert {
			what = "taken back later by"
		}
		p.line("         %s", p.s.paint(danger, what+" "+l.Commit[:12]+" "+l.Subject))
	}
}

func (n *BackportNeed) text() string {
	where := at(n.File, n.Line)
	switch n.Kind {
	case "removal":
		return where + " has a line that it takes away: " + strings.TrimSpace(n.Text)
	case "file":
		return "brings " + n.Text
	case "symbol":
		return where + " uses " + n.Text
	}
	return where + " lacks: " + strings.TrimSpace(n.Text)
}
