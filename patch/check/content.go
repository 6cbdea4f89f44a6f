package check

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/patch/diff"
)

// change is a line of a diff with its places.
type change struct {
	op   byte
	text string
	line int // of the file: after the patch for '+' and ' ', before it for '-'
	at   int // of the patch's own file
}

// lines are the lines of a diff, context among them.
func lines(f *diff.File) []change {
	var out []change
	for i := range f.Hunks {
		h := &f.Hunks[i]
		old, now, at := h.OldStart, h.NewStart, h.Line
		for _, l := range h.Lines {
			at++
			c := change{op: l.Op, text: l.Text, line: now, at: at}
			switch l.Op {
			case '-':
				c.line = old
				old++
			case '+':
				now++
			default:
				old++
				now++
			}
			out = append(out, c)
		}
	}
	return out
}

// content asks about what is added and taken away.
func (r *reviewer) content() {
	bindings, drivers := false, ""
	for i := range r.p.Files {
		f := &r.p.Files[i]
		if f.Err != nil || f.Binary {
			continue
		}
		name := f.Path()
		all := lines(f)
		if f.Op == diff.Add {
			r.newFile(name, all)
		}
		if isC(name) {
			r.exports(name, all)
			r.syscalls(name, all)
		}
		if isUAPI(name) {
			r.uapi(name, f.Op, all)
		}
		if strings.HasPrefix(path.Base(name), "Kconfig") {
			r.kconfig(name, all)
		}
		switch {
		case strings.HasPrefix(name, "Documentation/devicetree/bindings/"):
			bindings = true
		case strings.HasSuffix(name, ".c"):
			drivers = name
		}
	}
	if bindings && drivers != "" && r.target() == Upstream {
		r.add("dt-bindings", Finding{File: drivers, Text: "the patch changes a binding and " + drivers})
	}
}

func isC(name string) bool {
	return strings.HasSuffix(name, ".c") || strings.HasSuffix(name, ".h")
}

func isUAPI(name string) bool {
	return strings.HasPrefix(name, "include/uapi/") || strings.HasPrefix(name, "arch/") && strings.Contains(name, "/include/uapi/")
}

var spdxLine = regexp.MustCompile(`SPDX-License-Identifier:\s*(.*?)\s*(\*/|-->)?\s*$`)

// newFile asks for the licence and, of modules, what modules have to say.
func (r *reviewer) newFile(name string, all []change) {
	if len(all) == 0 {
		return
	}
	base := path.Base(name)
	wants := isC(name) || strings.HasSuffix(name, ".S") || strings.HasSuffix(name, ".dts") || strings.HasSuffix(name, ".dtsi") ||
		strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".rs") || strings.HasSuffix(name, ".sh") || strings.HasSuffix(name, ".py") ||
		strings.HasSuffix(name, ".rst") || base == "Makefile" || strings.HasPrefix(base, "Kconfig")
	var id string
	for _, c := range all[:min(2, len(all))] {
		if m := spdxLine.FindStringSubmatch(c.text); m != nil {
			id = m[1]
			r.licence(name, id, c)
		}
	}
	if id == "" && wants {
		r.add("spdx", Finding{File: name, Line: 1, At: all[0].at, Quote: all[0].text, Text: "the new file " + name + " does not say its licence in the first two lines"})
	}
	if isUAPI(name) && strings.HasSuffix(name, ".h") && id != "" && !strings.Contains(id, "Linux-syscall-note") && strings.Contains(id, "GPL") {
		r.add("uapi-licence", Finding{File: name, Line: 1, At: all[0].at, Quote: all[0].text, Text: "programs that include it would come under the GPL"})
	}
	if strings.HasSuffix(name, ".c") {
		r.module(name, all)
	}
	if r.o.Owners != nil && wants && !owned(r.o.Owners, name) && r.target() == Upstream && !r.touches("MAINTAINERS") {
		r.add("maintainers", Finding{File: name, Text: "no entry of MAINTAINERS covers the new file " + name})
	}
}

func (r *reviewer) touches(name string) bool {
	return slices.Contains(r.p.Paths(), name)
}

// valid are the identifiers and exceptions in LICENSES/.
var valid = strings.Fields(`GPL-2.0 GPL-2.0+ GPL-2.0-only GPL-2.0-or-later LGPL-2.0 LGPL-2.0+ LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1 LGPL-2.1+
	LGPL-2.1-only LGPL-2.1-or-later GPL-1.0 GPL-1.0+ GPL-1.0-only GPL-1.0-or-later BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear MIT ISC X11 Zlib
	Apache-2.0 CC0-1.0 CC-BY-4.0 CDDL-1.0 CDDL-1.1 GFDL-1.1-no-invariants-or-later GFDL-1.1-no-invariants-only GFDL-1.2 GFDL-1.2-no-invariants-only
	GFDL-1.2-no-invariants-or-later GFDL-1.1 GFDL-1.1-or-later GFDL-1.2-only Linux-OpenIB MPL-1.1 copyleft-next-0.3.1 0BSD Unicode-3.0
	Linux-syscall-note GCC-exception-2.0`)

func (r *reviewer) licence(name, id string, c change) {
	for _, w := range strings.FieldsFunc(id, func(c rune) bool { return c == ' ' || c == '(' || c == ')' }) {
		switch w {
		case "OR", "AND", "WITH":
			continue
		}
		if !slices.Contains(valid, w) {
			r.add("licence", Finding{File: name, Line: c.line, At: c.at, Quote: c.text, Text: fmt.Sprintf("%q is no licence of LICENSES/", w)})
			return
		}
	}
	// Some are there for code from elsewhere that has another licence, too.
	for _, only := range []string{"Apache-2.0", "CDDL-1.0", "MPL-1.1", "CC-BY-4.0"} {
		if id == only && isC(name) {
			r.add("licence", Finding{File: name, Line: c.line, At: c.at, Quote: c.text, Text: only + " cannot be combined with the kernel's licence; only \"… OR GPL-2.0\" can"})
		}
	}
}

var moduleEntry = regexp.MustCompile(`^(module_init|module_[a-z0-9_]*driver|builtin_[a-z_]*driver)\s*\(`)

func (r *reviewer) module(name string, all []change) {
	entry, licence := change{}, false
	for _, c := range all {
		if moduleEntry.MatchString(c.text) && !strings.HasPrefix(c.text, "builtin_") {
			entry = c
		}
		licence = licence || strings.HasPrefix(c.text, "MODULE_LICENSE")
	}
	if entry.at > 0 && !licence {
		r.add("module-licence", Finding{File: name, Line: entry.line, At: entry.at, Quote: entry.text, Text: "the module has no MODULE_LICENSE: it taints the kernel and gets no GPL symbols, and modpost refuses it"})
	}
}

var export = regexp.MustCompile(`^\s*(EXPORT_SYMBOL(?:_GPL|_NS|_NS_GPL)?)\s*\(\s*([A-Za-z0-9_]+)`)

// exports compares the exports that lines take away with those that they add.
func (r *reviewer) exports(name string, all []change) {
	type exported struct {
		macro string
		c     change
	}
	gone, new := map[string]exported{}, map[string]exported{}
	var order []string
	for _, c := range all {
		m := export.FindStringSubmatch(c.text)
		if m == nil || c.op == ' ' {
			continue
		}
		order = append(order, m[2])
		if c.op == '-' {
			gone[m[2]] = exported{m[1], c}
		} else {
			new[m[2]] = exported{m[1], c}
		}
	}
	slices.Sort(order)
	for _, sym := range slices.Compact(order) {
		was, old := gone[sym]
		is, now := new[sym]
		at := func(c change, text string) Finding {
			return Finding{File: name, Line: c.line, At: c.at, Quote: c.text, Text: text}
		}
		switch {
		case old && now && strings.HasSuffix(was.macro, "_GPL") != strings.HasSuffix(is.macro, "_GPL"):
			r.add("export-licence", at(is.c, fmt.Sprintf("%s is exported by %s, no longer by %s", sym, is.macro, was.macro)))
		case old && !now && !r.movedTo(sym):
			r.add("export-removed", at(was.c, sym+" is no longer exported"))
		case now && !old && !r.movedFrom(sym):
			r.add("export-added", at(is.c, fmt.Sprintf("%s is exported by %s", sym, is.macro)))
		}
	}
}

func (r *reviewer) movedTo(sym string) bool   { return r.elsewhere(sym, '+') }
func (r *reviewer) movedFrom(sym string) bool { return r.elsewhere(sym, '-') }

// elsewhere tells whether another file of the patch adds or removes the export.
func (r *reviewer) elsewhere(sym string, op byte) bool {
	for i := range r.p.Files {
		for _, h := range r.p.Files[i].Hunks {
			for _, l := range h.Lines {
				if l.Op == op {
					if m := export.FindStringSubmatch(l.Text); m != nil && m[2] == sym {
						return true
					}
				}
			}
		}
	}
	return false
}

var (
	ioctlNumber = regexp.MustCompile(`^\s*#\s*define\s+([A-Z0-9_]+)\s+_IO[RW]*\s*\(`)
	syscall     = regexp.MustCompile(`^(?:COMPAT_)?SYSCALL_DEFINE[0-6]\s*\(\s*([a-z0-9_]+)`)
	configLine  = regexp.MustCompile(`^\s*(config|menuconfig)\s+([A-Za-z0-9_]+)`)
	promptLine  = regexp.MustCompile(`^\s*(bool|tristate|string|int|hex|prompt)\s+["']`)
	helpLine    = regexp.MustCompile(`^\s*(help|---help---)\s*$`)
	entryLine   = regexp.MustCompile(`^\s*(config|menuconfig|menu|endmenu|if|endif|choice|endchoice|source|comment)\b`)
)

// uapi looks at a header of user space: what is taken away, what is added.
func (r *reviewer) uapi(name string, op diff.Op, all []change) {
	if op == diff.Delete {
		r.add("uapi-removed", Finding{File: name, Text: "the header " + name + " goes"})
		return
	}
	added, removed := map[string]bool{}, []change{}
	var first change
	for _, c := range all {
		text := strings.Join(strings.Fields(c.text), " ")
		code := text != "" && !strings.HasPrefix(text, "*") && !strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "//") && text != "}" && text != "};"
		switch {
		case !code:
		case c.op == '+':
			added[text] = true
			if first.at == 0 {
				first = c
			}
		case c.op == '-':
			removed = append(removed, c)
		}
	}
	flagged := false
	for _, c := range removed {
		text := strings.Join(strings.Fields(c.text), " ")
		if added[text] || op == diff.Rename {
			continue // moved or white space
		}
		if m := ioctlNumber.FindStringSubmatch(c.text); m != nil {
			r.add("uapi-ioctl", Finding{File: name, Line: c.line, At: c.at, Quote: c.text, Text: "the number of " + m[1] + " changes or goes"})
			flagged = true
			continue
		}
		if text == firstWordOf(text, added) {
			continue
		}
		if !flagged {
			r.add("uapi-removed", Finding{File: name, Line: c.line, At: c.at, Quote: c.text, Text: "programs were compiled with this line of " + name})
			flagged = true
		}
	}
	if first.at > 0 && !flagged && op != diff.Rename {
		r.add("uapi-added", Finding{File: name, Line: first.line, At: first.at, Quote: first.text, Text: "programs will rely on what is added to " + name})
	}
}

// firstWordOf gives the text back if an added line begins with it: something was put
// behind, as a comma after the last of an enum.
func firstWordOf(text string, added map[string]bool) string {
	bare := strings.TrimRight(text, ",; \\")
	for a := range added {
		if strings.HasPrefix(a, bare) && bare != "" {
			return text
		}
	}
	return ""
}

func (r *reviewer) syscalls(name string, all []change) {
	old := map[string]bool{}
	for _, c := range all {
		if m := syscall.FindStringSubmatch(c.text); m != nil && c.op == '-' {
			old[m[1]] = true
		}
	}
	for _, c := range all {
		if m := syscall.FindStringSubmatch(c.text); m != nil && c.op == '+' && !old[m[1]] {
			r.add("syscall-added", Finding{File: name, Line: c.line, At: c.at, Quote: c.text, Text: "the system call " + m[1] + " is new"})
		}
	}
}

// kconfig asks for a help text of symbols that users are asked for.
func (r *reviewer) kconfig(name string, all []change) {
	var entry change
	var sym string
	prompt, help := false, false
	end := func() {
		if sym != "" && prompt && !help {
			r.add("kconfig-help", Finding{File: name, Line: entry.line, At: entry.at, Quote: entry.text, Text: sym + " is asked for and has no help text"})
		}
		sym, prompt, help = "", false, false
	}
	for _, c := range all {
		if c.op == '-' {
			continue
		}
		switch m := configLine.FindStringSubmatch(c.text); {
		case m != nil:
			end()
			if c.op == '+' {
				entry, sym = c, m[2]
			}
		case entryLine.MatchString(c.text):
			end()
		case promptLine.MatchString(c.text):
			prompt = true
		case helpLine.MatchString(c.text):
			help = true
		}
	}
	end()
}
