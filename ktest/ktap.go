package ktest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// KTAP reads KTAP and TAP: kselftest's, KUnit's, nested by indentation or by "# ", out of a
// console with printk's prefixes on which others print, too.
func KTAP(r io.Reader) (*Run, error) {
	p := &ktap{run: &Run{Format: FormatKTAP}}
	in := bufio.NewReaderSize(r, 256<<10)
	for {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // a line of more than the buffer is no test's
			p.long = true
			line, err = in.ReadSlice('\n')
		}
		if len(line) > 0 && !p.long {
			p.number++
			p.line(line)
		} else if p.long {
			p.number++
			p.long = false
		}
		if err != nil {
			p.end()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return p.run.Judge(), err
		}
	}
}

// ktap is the state of a reading: the levels of nesting that are open.
type ktap struct {
	run     *Run
	number  int // of the line
	results int
	long    bool
	levels  []level // levels[0] is the top
	log     []string
	began   bool // a version, a plan or a header was seen
	died    int  // line on which the kernel said that it dies
	bail    bool

	program  string   // that a line before its version named
	programs []Result // that have ended, where several ran on one console
	verdicts []Result // "PASS: …" of programs that promise TAP and print their own
	ltp      ltpLines
}

// level is a list of tests that has begun.
type level struct {
	indent  int
	plan    int // -1 where none was given
	plain   bool
	name    string // by "# Subtest:"
	header  bool   // by a version or "# Subtest:"
	line    int
	tests   []Result
	log     []string
	hashed  int    // depth of "# " prefixes that its lines have
	program string // of the top: whose tests these are
}

// line takes one line of the input.
func (p *ktap) line(raw []byte) {
	b := bytes.TrimRight(raw, "\r\n")
	b = unprefix(b)
	indent := 0
	for indent < len(b) && (b[indent] == ' ' || b[indent] == '\t') {
		indent++
	}
	b = b[indent:]
	if len(b) == 0 {
		return
	}
	p.token(b, indent, 0)
}

// token takes what is on a line without its indentation. hashes is how many "# " were
// taken off.
func (p *ktap) token(b []byte, indent, hashes int) {
	switch c := b[0]; {
	case c == 'o' || c == 'n':
		if ok, rest := resultLine(b); rest != nil {
			p.result(ok, rest, indent, hashes)
			return
		}
	case c >= '0' && c <= '9':
		if n, reason, ok := planLine(b); ok {
			p.plan(n, reason, indent, hashes)
			return
		}
	case c == 'K' || c == 'T':
		if versionLine(b) {
			p.open(indent, hashes, "")
			return
		}
		if bytes.HasPrefix(b, []byte("Kernel panic - not syncing")) {
			p.dies(b)
		}
	case c == 'B':
		if bytes.HasPrefix(b, []byte("Bail out!")) {
			p.bailOut(b, indent)
			return
		}
		if bytes.HasPrefix(b, []byte("BUG: ")) {
			p.note(b)
			return
		}
	case c == '#':
		p.hash(b, indent, hashes)
		return
	case (c == 'P' || c == 'F') && len(p.levels) > 0:
		p.verdict(b)
	}
	if p.ltp.line(b, p.number) {
		return
	}
	if len(p.levels) > 0 {
		p.note(b)
	}
}

// verdict keeps what programs print that promise TAP and then print words of their own.
func (p *ktap) verdict(b []byte) {
	for _, v := range []struct {
		word   string
		status Status
	}{{"PASS: ", Pass}, {"FAIL: ", Fail}} {
		if rest, ok := bytes.CutPrefix(b, []byte(v.word)); ok && len(p.verdicts) < 10_000 {
			p.verdicts = append(p.verdicts, Result{Name: clip(bytes.TrimSpace(rest)), Status: v.status, Line: p.number})
		}
	}
}

// totals takes kselftest's own count: where it is that of the results and the verdicts
// together, the verdicts are the results that are missing.
func (p *ktap) totals(b []byte) {
	if len(p.levels) == 0 {
		return
	}
	sum := 0
	for _, field := range bytes.Fields(b[len("Totals: "):]) {
		if _, n, ok := bytes.Cut(field, []byte(":")); ok {
			k, err := strconv.Atoi(string(n))
			if err != nil || k < 0 || k > maxResults {
				return
			}
			sum += k
		}
	}
	top := &p.levels[len(p.levels)-1]
	if top.plan > len(top.tests) && sum == len(top.tests)+len(p.verdicts) && sum == top.plan {
		p.run.problem(p.number, false, "the results are no TAP: they are taken from lines of the program's own, whose number is the one that it says")
		for _, v := range p.verdicts {
			p.add(top, v)
		}
	}
	p.verdicts = nil
}

func (p *ktap) dies(b []byte) {
	if p.died == 0 && p.began {
		p.died = p.number
		p.log = append(p.log, clip(b))
	}
}

// hash takes a diagnostic line, which may hold a header, or a whole line of a nested run as
// kselftest's runner writes it.
func (p *ktap) hash(b []byte, indent, hashes int) {
	text := bytes.TrimLeft(b[1:], " ")
	if rest, ok := bytes.CutPrefix(text, []byte("Subtest: ")); ok {
		p.open(indent, hashes, string(bytes.TrimSpace(rest)))
		return
	}
	if rest, ok := bytes.CutPrefix(text, []byte("Subtest:")); ok && len(rest) == 0 {
		p.open(indent, hashes, "")
		return
	}
	inner := bytes.TrimPrefix(b[1:], []byte(" "))
	in := 0
	for in < len(inner) && (inner[in] == ' ' || inner[in] == '\t') {
		in++
	}
	if rest, ok := bytes.CutPrefix(text, []byte("selftests: ")); ok && hashes == 0 {
		p.program = clip(bytes.TrimSpace(rest))
	}
	if bytes.HasPrefix(text, []byte("Totals: ")) {
		p.totals(text)
	}
	if in < len(inner) && hashes < 8 && p.nested(inner[in:], indent, hashes) {
		p.token(inner[in:], indent+in+2, hashes+1)
		return
	}
	if len(p.levels) > 0 {
		p.note(b)
	}
}

// nested tells whether what stands behind "# " is of a run within the test that runs: one
// has begun, or begins here.
func (p *ktap) nested(b []byte, indent, hashes int) bool {
	if len(p.levels) == 0 {
		return false
	}
	if versionLine(b) {
		return true
	}
	top := &p.levels[len(p.levels)-1]
	inside := top.hashed > hashes && top.indent >= indent
	if _, _, ok := planLine(b); ok {
		return inside
	}
	if _, rest := resultLine(b); rest != nil {
		return inside
	}
	return b[0] == '#' && inside
}

// note keeps a line for the next result.
func (p *ktap) note(b []byte) {
	if len(p.log) < maxLog {
		p.log = append(p.log, clip(b))
	}
}

// open begins a level, or says more about one that has just begun.
func (p *ktap) open(indent, hashes int, name string) {
	p.began = true
	if len(p.levels) > 0 {
		top := &p.levels[len(p.levels)-1]
		// "KTAP version 1" and "# Subtest: x" are two lines of one header.
		if top.indent == indent && len(top.tests) == 0 && top.plan < 0 && top.header && (name == "" || top.name == "") && len(p.levels) > 1 {
			if name != "" {
				top.name = name
			}
			return
		}
		if len(p.levels) == 1 && name == "" && top.indent == indent {
			p.endProgram() // the version again: another program on the same console
			p.push(level{indent: indent, plan: -1, header: true, line: p.number, program: p.program})
			return
		}
		if name == "" && indent == p.levels[0].indent && hashes == 0 {
			p.closeTo(indent, false)
			p.endProgram()
			p.push(level{indent: indent, plan: -1, header: true, line: p.number, program: p.program})
			return
		}
	}
	if name != "" && len(p.levels) == 0 {
		p.push(level{indent: 0, plan: -1, line: p.number}) // tests on a console that lost its first lines
	}
	if len(p.levels) > 0 && name != "" && p.levels[len(p.levels)-1].indent == indent && p.levels[len(p.levels)-1].name == "" && len(p.levels) == 1 && !p.levels[0].plain {
		// A header as deep as its parent: KUnit prints none such, others do.
		p.push(level{indent: indent + 1, plan: -1, name: name, header: true, line: p.number, hashed: hashes})
		return
	}
	p.closeTo(indent, true)
	p.push(level{indent: indent, plan: -1, name: name, header: true, line: p.number, hashed: hashes, program: p.program})
}

// endProgram puts the tests of a program aside.
func (p *ktap) endProgram() {
	top := &p.levels[0]
	p.levels = p.levels[:0]
	if len(top.tests) == 0 && top.plan <= 0 {
		return
	}
	t := Result{Name: top.program, Status: worst(top.tests), Line: top.line, Log: p.log, Tests: top.tests}
	p.log, p.verdicts = nil, nil
	if t.Name == "" {
		t.Name = "tests from line " + strconv.Itoa(top.line)
	}
	if top.plan > len(top.tests) {
		p.missing(top)
		t.Status, t.Reason = Crashed, "some of its tests never ended"
	}
	p.programs = append(p.programs, t)
}

func (p *ktap) push(l level) {
	if len(p.levels) >= maxDepth {
		p.run.problem(p.number, true, "nested more than "+strconv.Itoa(maxDepth)+" deep; the rest is read as if it were not")
		return
	}
	if len(p.levels) > 0 {
		l.log, p.log = p.log, nil
	}
	p.levels = append(p.levels, l)
}

// plan takes how many tests a level has.
func (p *ktap) plan(n int, reason string, indent, hashes int) {
	p.began = true
	p.closeTo(indent, false)
	if len(p.levels) == 0 || p.levels[len(p.levels)-1].indent < indent {
		p.push(level{indent: indent, plan: -1, line: p.number, hashed: hashes})
	}
	top := &p.levels[len(p.levels)-1]
	if top.plan >= 0 && len(top.tests) > 0 && len(p.levels) == 1 {
		// Another run on the same console: its plan adds to the first.
		if top.plan > len(top.tests) {
			p.missing(top)
		}
		top.plan = len(top.tests) + n
		return
	}
	top.plan = n
	if n == 0 && reason != "" {
		p.add(top, Result{Name: top.name, Status: Skip, Reason: trimSkip(reason), Line: p.number})
		top.plan = len(top.tests)
	}
}

// result takes a test's end.
func (p *ktap) result(ok bool, rest []byte, indent, hashes int) {
	if !p.began && len(p.levels) == 0 {
		// TAP may begin without a word; a program that prints "ok" is no test yet.
		if n := bytes.TrimLeft(rest, " "); len(n) == 0 || n[0] < '0' || n[0] > '9' {
			return
		}
	}
	children, closed := p.closeTo(indent, false)
	if len(p.levels) == 0 || p.levels[len(p.levels)-1].indent < indent && !closed && len(p.levels) < maxDepth {
		p.push(level{indent: indent, plan: -1, line: p.number, hashed: hashes})
	}
	t := parseResult(ok, rest)
	t.Line = p.number
	t.Log, p.log = p.log, nil
	top := &p.levels[len(p.levels)-1]
	if closed {
		p.adopt(&t, children)
	}
	if t.Number > 0 && t.Number != len(top.tests)+1 && len(top.tests) < 1000 {
		p.run.problem(p.number, false, "test "+strconv.Itoa(t.Number)+" where "+strconv.Itoa(len(top.tests)+1)+" was due")
	}
	p.add(top, t)
}

func (p *ktap) add(to *level, t Result) {
	if p.results++; p.results > maxResults {
		if p.results == maxResults+1 {
			p.run.problem(p.number, true, "more than "+strconv.Itoa(maxResults)+" results; the rest is not kept")
		}
		return
	}
	to.tests = append(to.tests, t)
}

// adopt gives a test the children that ended before it.
func (p *ktap) adopt(t *Result, l *level) {
	t.Tests = l.tests
	if l.name != "" && t.Name == "" {
		t.Name = l.name
	}
	if l.name != "" && t.Name != l.name {
		p.run.problem(p.number, false, "the result of "+quote(t.Name)+" ends the subtests of "+quote(l.name))
	}
	t.Log = append(append([]string(nil), l.log...), t.Log...)
	t.Log = t.Log[:min(len(t.Log), maxLog)]
	switch {
	case len(l.tests) == 0 && l.header && (t.Status == Pass || t.Status == Crashed) && l.plan != 0:
		t.Status, t.Reason = Empty, "no test was run"
		p.run.problem(p.number, false, quote(t.Name)+": no test was run")
	case t.Status == Pass && anyBad(l.tests):
		t.Status = Fail
		p.run.problem(p.number, false, quote(t.Name)+" says ok, and a test in it failed")
	}
	if l.plan > len(l.tests) {
		p.missing(l)
		if t.Status == Pass {
			t.Status, t.Reason = Crashed, "some of its tests never ended"
		}
	}
}

// missing counts tests that were promised.
func (p *ktap) missing(l *level) {
	n := l.plan - len(l.tests)
	p.run.Totals.Missing += n
	where := l.name
	if where == "" {
		where = "the plan on line " + strconv.Itoa(l.line)
	}
	p.run.problem(p.number, true, where+": "+strconv.Itoa(n)+" of "+strconv.Itoa(l.plan)+" tests never ended")
}

func quote(s string) string { return strconv.Quote(s) }

// closeTo ends all levels that are deeper than an indentation, and with same those that are
// as deep. It returns the last one that ended, the outermost.
func (p *ktap) closeTo(indent int, same bool) (*level, bool) {
	var last *level
	for len(p.levels) > 1 {
		top := p.levels[len(p.levels)-1]
		if top.indent < indent || top.indent == indent && !same {
			break
		}
		p.levels = p.levels[:len(p.levels)-1]
		if last != nil {
			p.orphan(&top, last)
		}
		last = &top
	}
	if last != nil && same {
		p.orphan(&p.levels[len(p.levels)-1], last)
		return nil, false
	}
	return last, last != nil
}

// orphan adds a level whose own result never came to the one it is in.
func (p *ktap) orphan(to, l *level) {
	if len(l.tests) == 0 && l.name == "" && l.plan <= 0 {
		to.log = append(to.log, l.log...)
		return
	}
	t := Result{Name: l.name, Status: Crashed, Reason: "it has no result of its own", Line: l.line, Log: l.log, Tests: l.tests}
	if t.Name == "" {
		t.Name = "tests from line " + strconv.Itoa(l.line)
	}
	if l.plan > len(l.tests) {
		p.missing(l)
	}
	p.run.problem(p.number, true, quote(t.Name)+" has no result of its own")
	p.add(to, t)
}

// bailOut ends everything.
func (p *ktap) bailOut(b []byte, indent int) {
	p.closeTo(indent, false)
	if !p.bail {
		p.bail = true
		p.run.problem(p.number, true, clip(b))
	}
}

// end closes what is open.
func (p *ktap) end() {
	p.run.Tests = append(p.programs, p.ltp.tests...)
	if len(p.levels) == 0 {
		return
	}
	p.closeTo(p.levels[0].indent, true)
	top := &p.levels[0]
	if len(top.tests) == 0 && p.died == 0 && top.plan < 0 && top.name != "" {
		p.orphan(&level{}, top)
	}
	several := len(p.programs)+len(p.ltp.tests) > 0
	if several {
		p.endProgram()
	} else if top.plan > len(top.tests) {
		p.missing(top)
	}
	if p.died > 0 && len(p.run.Problems) > 0 && p.run.Totals.Missing > 0 {
		p.run.problem(p.died, true, "the kernel died before the tests had ended")
	}
	if several {
		p.run.Tests = append(p.programs, p.ltp.tests...)
	} else {
		p.run.Tests = top.tests
	}
}
