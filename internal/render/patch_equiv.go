package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/patch/equiv"
	"ringside/patch/landed"
)

// PatchEquivSchemaID names the JSON form of changes that are alike.
const PatchEquivSchemaID = "https://ringside.dev/schemas/patch-equiv.v1.json"

// PatchEquiv is which changes are alike.
type PatchEquiv struct {
	Schema  string         `json:"schema"`
	Indexes []string       `json:"indexes"`
	Patches []EquivPatch   `json:"patches"`
	Found   int            `json:"found"`
	Kinds   map[string]int `json:"kinds"`
}

// EquivPatch is one patch and what it is the same as.
type EquivPatch struct {
	File    string `json:"file"`
	Subject string `json:"subject,omitempty"`
	// Match is the best; null if nothing is alike.
	Match    *EquivMatch  `json:"match"`
	Others   []EquivMatch `json:"others,omitempty"`
	Problems []string     `json:"problems,omitempty"`
}

// EquivMatch is a change that is the same, or a tree that has it.
type EquivMatch struct {
	// Where is a commit, the name of a patch or the source tree.
	Where string `json:"where"`
	Index string `json:"index"`
	// Score is the share of the lines' weight that both have, 0 to 1.
	Score float64 `json:"score"`
	// Kind: of a history or stack identical, equal, modified, part, said, subject; of a
	// source tree present, partly, absent, unknown.
	Kind     string   `json:"kind" enum:"identical,equal,modified,part,said,subject,present,partly,absent,unknown"`
	Subject  string   `json:"subject,omitempty"`
	Author   string   `json:"author,omitempty"`
	Releases []string `json:"releases,omitempty"`
	Because  []string `json:"because,omitempty"`
	Hunks    []Pair   `json:"hunks,omitempty"`
}

// Pair is two hunks side by side.
type Pair struct {
	File      string    `json:"file,omitempty"`
	OtherFile string    `json:"other_file,omitempty"`
	Common    int       `json:"common"`
	Only      int       `json:"only"`
	OnlyOther int       `json:"only_other"`
	Rows      []PairRow `json:"rows,omitempty"`
}

// PairRow is a line of each hunk; one is empty where the other stands alone.
type PairRow struct {
	Line  string `json:"line"`
	Other string `json:"other"`
}

// EquivMatchOf makes the JSON form of a match.
func EquivMatchOf(index string, m *equiv.Match) EquivMatch {
	return EquivMatch{
		Where: m.Doc.Name, Index: index, Score: round3(m.Score), Kind: string(m.Kind), Subject: m.Doc.Subject,
		Author: m.Doc.Author, Releases: m.Doc.Releases, Because: m.Because,
	}
}

// EquivTreeOf makes the JSON form of what a tree has.
func EquivTreeOf(tree string, v *landed.Verdict) EquivMatch {
	return EquivMatch{Where: tree, Index: tree, Score: round3(max(v.Added, 0)), Kind: string(v.State), Because: v.Evidence}
}

func round3(f float64) float64 { return float64(int(f*1000+0.5)) / 1000 }

// PairsOf makes the JSON form of hunks side by side.
func PairsOf(pairs []equiv.Pair) []Pair {
	out := make([]Pair, 0, len(pairs))
	for i := range pairs {
		p := &pairs[i]
		x := Pair{File: p.AFile, OtherFile: p.BFile, Common: p.Common, Only: p.OnlyA, OnlyOther: p.OnlyB}
		if !p.Same() {
			for _, row := range p.Columns() {
				x.Rows = append(x.Rows, PairRow{row[0], row[1]})
			}
		}
		out = append(out, x)
	}
	return out
}

// EquivReport writes which changes are alike.
func EquivReport(w io.Writer, d PatchEquiv, st Style) error {
	p := &printer{w: w, s: st}
	for i := range d.Patches {
		x := &d.Patches[i]
		p.line("%s", st.paint(strong, x.File))
		for _, problem := range x.Problems {
			p.line("    %s", st.paint(caution, problem))
		}
		if x.Match == nil {
			p.line("    %s", st.paint(faint, "nothing like it"))
			continue
		}
		equivMatch(p, x.Match)
		for k := range x.Others {
			equivMatch(p, &x.Others[k])
		}
	}
	p.line("")
	p.line("%d of %s found in %s", d.Found, pluralOf(len(d.Patches), "patch", "patches"), strings.Join(d.Indexes, ", "))
	return p.err
}

func pluralOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

var equivRoles = map[string]role{
	"identical": good, "equal": good, "present": good, "modified": notice, "part": notice, "partly": notice,
	"subject": caution, "said": caution, "unknown": caution, "absent": faint,
}

func equivMatch(p *printer, m *EquivMatch) {
	p.line("    %s %.0f %%  %s  %s", p.s.paint(equivRoles[m.Kind], m.Kind), 100*m.Score, m.Where, p.s.paint(faint, m.Subject))
	if len(m.Releases) > 0 {
		p.line("      in %s", strings.Join(m.Releases, ", "))
	}
	for _, b := range m.Because {
		p.line("      %s", p.s.paint(faint, b))
	}
	half := (p.s.width() - 11) / 2
	for _, h := range m.Hunks {
		name := h.File
		if h.OtherFile != "" && h.OtherFile != h.File {
			name += " | " + h.OtherFile
		}
		p.line("      %s  %d lines in both, %d and %d in one alone", p.s.paint(strong, name), h.Common, h.Only, h.OnlyOther)
		for _, row := range h.Rows {
			p.line("        %s | %s", column(row.Line, half), column(row.Other, half))
		}
	}
}

// column fits a line of a diff into a column.
func column(s string, n int) string {
	r := []rune(safe(strings.ReplaceAll(s, "\t", "    ")))
	if len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return string(r) + strings.Repeat(" ", n-len(r))
}
