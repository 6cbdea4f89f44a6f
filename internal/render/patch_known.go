package render

import (
	"io"
	"strings"

	"ringside/internal/knownfix"
)

// KnownFixSchemaID names the JSON form of fixes that are known.
const KnownFixSchemaID = "https://ringside.dev/schemas/patch-known-fix.v1.json"

// KnownFixes are the changes that may mend a crash.
type KnownFixes struct {
	Schema    string         `json:"schema"`
	Crash     string         `json:"crash"` // its headline, or what was asked for
	Functions []string       `json:"functions"`
	Files     []string       `json:"files,omitempty"`
	Kernel    string         `json:"kernel,omitempty"`
	Searched  []string       `json:"searched"`
	Fixes     []knownfix.Fix `json:"fixes"`
}

// KnownFixReport writes them.
func KnownFixReport(w io.Writer, d KnownFixes, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", st.paint(strong, d.Crash))
	if d.Kernel != "" {
		p.line("in %s", d.Kernel)
	}
	if len(d.Fixes) == 0 {
		p.line("no fix is known in %s", strings.Join(d.Searched, ", "))
		return p.err
	}
	for i := range d.Fixes {
		p.line("")
		knownFix(p, &d.Fixes[i], "")
	}
	return p.err
}

// knownFix writes one fix.
func knownFix(p *printer, f *knownfix.Fix, indent string) {
	p.line("%s%s  %s", indent, p.s.paint(strong, shortID(f.Where)), f.Subject)
	indent += "    "
	if text := fixStatus(f); f.Status == knownfix.Later {
		p.line("%s%s", indent, p.s.paint(good, text))
	} else if f.Status != knownfix.Unknown {
		p.line("%s%s", indent, p.s.paint(caution, text))
	}
	if len(f.Releases) > 0 {
		p.wrapped(painted(indent), "in "+strings.Join(f.Releases, ", "), plain)
	}
	p.wrapped(painted(indent), strings.Join(f.Evidence, "; "), faint)
	for _, x := range f.MendedBy {
		p.line("%s%s", indent, p.s.paint(caution, "take also "+shortID(x)+", which mends it"))
	}
	for _, x := range f.RevertedBy {
		p.line("%s%s", indent, p.s.paint(danger, "taken back by "+shortID(x)))
	}
}

// fixStatus says what a fix is to the kernel that crashed.
func fixStatus(f *knownfix.Fix) string {
	switch f.Status {
	case knownfix.Later:
		return "the kernel's line has it since " + f.InLine
	case knownfix.Already:
		return "the kernel has it, since " + f.InLine + ": the fault is another, or came back"
	case knownfix.NotInLine:
		return "not in the kernel's stable line: to be backported"
	}
	return "nothing says which releases have it"
}
