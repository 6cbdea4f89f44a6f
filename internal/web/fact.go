package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/crash"
)

// fact is one thing that was read from a log, or that follows from it.
type fact struct {
	Label string
	Value string
	Note  string // says more about the value
	Mono  bool   // the kernel's own text
	source
}

// source says where a fact was read. The zero value is a fact that follows
// from others.
type source struct {
	Marks string // IDs of its marks in the log, space between
	Line  int    // where the first one is
	Rule  string
}

// Href is the place in the log, for readers without scripts.
func (s source) Href() string { return "#L" + strconv.Itoa(s.Line) }

// frameFact is a frame of a stack with its place in the log.
type frameFact struct {
	crash.Frame
	Guilty bool
	source
}

// stackFacts is a stack of a report.
type stackFacts struct {
	Name   string
	Frames []frameFact
	Hidden int
}

// codeByte is a byte of the instruction stream.
type codeByte struct {
	Hex  string
	Trap bool
}

// factSheet is everything that one report says, in the order a kernel engineer
// asks: what, where, who, on what; then the evidence.
type factSheet struct {
	Groups    []factGroup
	Stack     stackFacts
	Others    []stackFacts
	Registers []fact
	Code      []codeByte
	CodeFrom  source
	Modules   []crash.Module
	ModFrom   source
	Missing   []string
	Also      []fact // what was read and has no place above

	rep     *crash.Report
	marks   []mark
	byField map[string]source
	used    map[string]bool
}

// factGroup is facts that belong together.
type factGroup struct {
	Name  string
	Facts []fact
}

// readFacts lays out a report. Marks get IDs of their own, so that a fact and
// its bytes find each other.
func readFacts(doc *crash.Document, rep *crash.Report) *factSheet {
	s := &factSheet{rep: rep, byField: map[string]source{}, used: map[string]bool{}, Missing: rep.Missing, Modules: rep.Modules}
	for i, e := range rep.Evidence {
		m := mark{id: "e" + strconv.Itoa(i), start: e.Span.Start, end: e.Span.End}
		switch {
		case e.Field == "guilty":
			m.class = "guilty"
		case strings.HasPrefix(e.Field, "registers."):
			m.class = "register"
		case e.Field == "modules" || e.Field == "code":
			m.class = "wide"
		}
		s.marks = append(s.marks, m)
		from, ok := s.byField[e.Field]
		if !ok {
			from = source{Line: e.Line, Rule: e.Rule}
		} else {
			from.Marks += " "
		}
		from.Marks += m.id
		s.byField[e.Field] = from
	}
	s.what()
	s.where()
	s.who()
	s.kernel(doc)
	s.stacks()
	s.registers()
	s.ModFrom, s.CodeFrom = s.from("modules"), s.from("code")
	s.code()
	for _, e := range rep.Evidence {
		if !s.used[e.Field] {
			s.Also = append(s.Also, fact{Label: e.Field, source: s.from(e.Field)})
		}
	}
	return s
}

// from returns where the fields of a fact were read.
func (s *factSheet) from(fields ...string) source {
	var out source
	for _, f := range fields {
		s.used[f] = true
		v, ok := s.byField[f]
		switch {
		case !ok:
		case out.Marks == "":
			out = v
		default:
			out.Marks += " " + v.Marks
		}
	}
	return out
}

// group adds the facts that have a value.
func (s *factSheet) group(name string, facts ...fact) {
	facts = slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
	if len(facts) > 0 {
		s.Groups = append(s.Groups, factGroup{name, facts})
	}
}

func (s *factSheet) what() {
	r := s.rep
	f := cmp.Or(r.Fault, &crash.Fault{})
	bytes := ""
	if f.Size > 0 {
		bytes = count(f.Size, "byte", "bytes")
	}
	facts := []fact{
		{Label: "Headline", Value: r.Headline, Mono: true, source: s.from("headline")},
		{Label: "Kind", Value: string(r.Kind), Note: string(r.Class), source: s.from("kind")},
		{Label: "Impact", Value: r.Impact},
		{Label: "Fault address", Value: f.Address, Mono: true, source: s.from("fault.address")},
		{Label: "Access", Value: f.Access, source: s.from("fault.access")},
		{Label: "Size", Value: bytes, source: s.from("fault.size")},
		{Label: "Reason", Value: f.Reason, source: s.from("fault.reason")},
		{Label: "Subject", Value: r.Subject, Mono: true, source: s.from("subject")},
	}
	if r.Panicked {
		facts = append(facts, fact{Label: "Panicked", Value: "yes", source: s.from("panicked")})
	}
	s.group("What", facts...)
}

func (s *factSheet) where() {
	var facts []fact
	if g := s.rep.Guilty; g != nil {
		facts = append(facts, fact{Label: "Guilty", Value: symbolPlace(g.Function, g.Offset, g.Size, g.Module), Note: g.Why, Mono: true,
			source: s.from("guilty")})
		file := g.File
		if file != "" && g.Line > 0 {
			file += ":" + strconv.Itoa(g.Line)
		}
		facts = append(facts, fact{Label: "Source", Value: file, Mono: true, source: s.from("guilty.file", "guilty.line")})
	} else {
		facts = append(facts, fact{Label: "Guilty", Value: "not known", Note: "the report has no stack to tell it from"})
	}
	pc := ""
	for _, name := range []string{"RIP", "pc", "PC", "EIP"} {
		pc = cmp.Or(pc, s.rep.Registers[name])
	}
	facts = append(facts, fact{Label: "Program counter", Value: pc, Mono: true, source: s.from("pc")})
	s.group("Where", facts...)
}

func (s *factSheet) who() {
	r := s.rep
	uptime, wall := "", ""
	if r.Time != nil {
		uptime = strconv.FormatFloat(*r.Time, 'f', 6, 64) + " s"
		if d := time.Duration(*r.Time * float64(time.Second)); d >= time.Hour {
			uptime += " (" + d.Round(time.Minute).String() + ")"
		}
	}
	if r.Wall != nil {
		wall = stamp(*r.Wall)
	}
	clock := s.clock()
	s.group("Who and when",
		fact{Label: "CPU", Value: optional(r.CPU), source: s.from("cpu")},
		fact{Label: "Task", Value: r.Task, Mono: true, source: s.from("task")},
		fact{Label: "PID", Value: optional(r.PID), source: s.from("pid")},
		fact{Label: "Workqueue", Value: r.Workqueue, Mono: true, source: s.from("workqueue")},
		fact{Label: "Caller", Value: r.Caller, Mono: true, Note: "printk's own mark"},
		fact{Label: "Since boot", Value: uptime, source: clock},
		fact{Label: "Wall clock", Value: wall, source: clock},
	)
}

// maxStamp is the longest text in front of a message that can be its time.
const maxStamp = 64

// clock returns where the time of the report stands: in front of its headline.
func (s *factSheet) clock() source {
	for _, e := range s.rep.Evidence {
		if e.Field != "headline" || e.Line != s.rep.Lines.First {
			continue
		}
		if n := e.Span.Start - s.rep.Span.Start; n > 0 && n <= maxStamp {
			s.marks = append(s.marks, mark{id: "c0", start: s.rep.Span.Start, end: e.Span.Start, class: "wide"})
			return source{Marks: "c0", Line: e.Line, Rule: "stamp"}
		}
	}
	return source{}
}

func (s *factSheet) kernel(doc *crash.Document) {
	r := s.rep
	facts := []fact{
		{Label: "Release", Value: r.Kernel, Mono: true, source: s.from("kernel")},
		{Label: "Build", Value: r.Version, Mono: true, source: s.from("kernel_version")},
		{Label: "Architecture", Value: r.Arch, source: s.from("arch")},
		{Label: "Hardware", Value: r.Hardware, source: s.from("hardware")},
	}
	taint := fact{Label: "Taint", Value: strings.Join(r.Taint, ", "), Note: r.TaintFlags, source: s.from("taint")}
	if taint.Value == "" {
		taint.Value = "none"
	}
	facts = append(facts, taint)
	if r.Boot >= 0 && r.Boot < len(doc.Boots) {
		b := doc.Boots[r.Boot]
		facts = append(facts,
			fact{Label: "Banner", Value: b.Version, Mono: true},
			fact{Label: "Compiler", Value: b.Compiler},
			fact{Label: "Command line", Value: b.Cmdline, Mono: true})
	}
	s.group("Kernel and machine", facts...)
}

// maxOtherFrames bounds each stack beside the main one.
const maxOtherFrames = 64

func (s *factSheet) stacks() {
	s.Stack = s.stack("t", "", s.rep.Frames, s.rep.Guilty)
	for i, st := range s.rep.Stacks {
		name := st.Name
		if st.Task != "" {
			name += " · " + st.Task
		}
		s.Others = append(s.Others, s.stack("o"+strconv.Itoa(i)+"x", name, st.Frames, nil))
	}
}

func (s *factSheet) stack(prefix, name string, frames []crash.Frame, guilty *crash.Location) stackFacts {
	out := stackFacts{Name: name}
	for i, f := range frames {
		ff := frameFact{Frame: f}
		if guilty != nil && f.Function == guilty.Function {
			ff.Guilty, guilty = true, nil // the innermost one
		}
		if f.Span.End > f.Span.Start {
			m := mark{id: prefix + strconv.Itoa(i), start: f.Span.Start, end: f.Span.End, class: "frame"}
			s.marks = append(s.marks, m)
			ff.source = source{Marks: m.id, Line: f.LogLine, Rule: "frame"}
		}
		if i < maxOtherFrames {
			out.Frames = append(out.Frames, ff)
		} else {
			out.Hidden++
		}
	}
	return out
}

// registers come in the order in which the log has them; those that it names
// elsewhere follow by name.
func (s *factSheet) registers() {
	seen := map[string]bool{}
	add := func(name string) {
		v, ok := s.rep.Registers[name]
		if !ok || seen[name] {
			return
		}
		seen[name] = true
		s.Registers = append(s.Registers, fact{Label: name, Value: v, Mono: true, source: s.from("registers." + name)})
	}
	for _, e := range s.rep.Evidence {
		if name, ok := strings.CutPrefix(e.Field, "registers."); ok {
			add(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.rep.Registers)) {
		add(name)
	}
}

func (s *factSheet) code() {
	c := s.rep.Code
	if c == nil {
		return
	}
	hex := strings.ReplaceAll(c.Bytes, " ", "")
	for i := 0; i+2 <= len(hex); i += 2 {
		s.Code = append(s.Code, codeByte{hex[i : i+2], c.Trap >= 0 && i/2 == c.Trap})
	}
}

// symbolPlace writes a place in a function as the kernel does.
func symbolPlace(function string, offset, size uint64, module string) string {
	if size > 0 {
		function += fmt.Sprintf("+%#x/%#x", offset, size)
	}
	if module != "" {
		function += " [" + module + "]"
	}
	return function
}

func optional(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}
