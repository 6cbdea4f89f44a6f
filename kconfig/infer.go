package kconfig

import (
	"regexp"
	"strings"

	"ringside/kconfig/dotconfig"
)

// A .config remembers much of what the toolchain answered: CONFIG_CC_HAS_X is the answer
// to "does the compiler have X", CONFIG_GCC_VERSION the version itself, and a symbol that
// depends on an answer is in the file or is not. infer takes the answers back out. A
// symbol that mentions a shell command is computed from the values that the file has for
// everything else, once for each answer; where only one of the two gives what the file
// has, that was the answer.
type inference struct {
	c *Config
	f *dotconfig.File
	// complete says that the file is of this kernel: what it does not have was not there.
	complete bool
	// recorded is an evaluation in which all symbols have the values of the file.
	recorded *Config
	using    [][]symID // constants with a probe in their text, by probe
}

// infer finds answers to shell commands in a .config.
func (c *Config) infer(f *dotconfig.File) {
	in := &inference{c: c, f: f, complete: c.t.sameKernel(f)}
	open := false
	for i := range c.answers {
		if c.answers[i].From == Assumed {
			c.answers[i].Value = assumed(c.t.probes[i].command)
			open = true
		}
		c.answers[i].Place = c.t.place(c.t.probes[i].at.file, int32(c.t.probes[i].at.line))
	}
	if !open {
		return
	}
	in.record()
	in.texts()
	in.derive()
	in.witnesses(false)
	in.names()
	in.derive()
	if in.complete {
		in.witnesses(true)
		in.together()
		in.derive()
	}
	// Nothing was computed by the answers of before.
	c.invalidate()
}

var ifSuccess = regexp.MustCompile(`(?s)^\{ .*; \} >/dev/null 2>&1 && echo "([^"]*)" \|\| echo "([^"]*)"$`)

// assumed gives the answer of a toolchain that can do what it is asked for.
func assumed(command string) string {
	if m := ifSuccess.FindStringSubmatch(command); m != nil && !hasProbe(m[1]) {
		return m[1]
	}
	return ""
}

// alternatives gives the two answers that a command can have.
func alternatives(command string) (success, failure string, ok bool) {
	m := ifSuccess.FindStringSubmatch(command)
	if m == nil || hasProbe(m[1]+m[2]) {
		return "", "", false
	}
	return m[1], m[2], m[1] != m[2]
}

var releaseOf = regexp.MustCompile(`[0-9]+\.[0-9]+`)

// sameKernel says that a .config was written for this tree: its heading names the same
// release, but for the third number.
func (t *Tree) sameKernel(f *dotconfig.File) bool {
	want := releaseOf.FindString(t.Title())
	if want == "" {
		return false
	}
	for _, line := range f.Header {
		if strings.Contains(line, "Kernel Configuration") {
			return releaseOf.FindString(line) == want
		}
	}
	return false
}

// record makes the evaluation in which everything is as in the file.
func (in *inference) record() {
	c := in.c.t.New()
	in.recorded = c
	c.read(in.f)
	in.using = make([][]symID, len(c.t.probes))
	for id := range c.t.symbols {
		s, st := &c.t.symbols[id], &c.state[id]
		if s.probe {
			eachProbe(s.Name, func(i int) { in.using[i] = append(in.using[i], symID(id)) })
			continue
		}
		if s.choice || id < int(symFirst) {
			continue
		}
		in.file(symID(id), st)
	}
	for id := range c.t.symbols {
		if s := &c.t.symbols[id]; s.choice {
			c.state[id].valid, c.state[id].tri = true, yes
		}
	}
	c.calc(symNo)
	c.calc(symModule)
	c.calc(symYes)
	c.modules = c.state[c.t.modules].tri
	c.answers = in.c.answers
}

// file sets a symbol's state to what the file says.
func (in *inference) file(id symID, st *state) {
	s := &in.c.t.symbols[id]
	*st = state{valid: true}
	if s.Type == Unknown {
		st.text = s.Name
		return
	}
	v, ok := in.f.Lookup(s.Name)
	st.write = ok
	switch s.Type {
	case Bool, Tristate:
		st.tri = in.f.Tristate(s.Name)
	default:
		if !v.Unset {
			st.text = v.Text
		}
	}
}

// answer sets the answer to one command.
func (in *inference) answer(i int, value string, from From, symbol string) {
	a := &in.c.answers[i]
	if a.From != Assumed {
		return
	}
	a.Value, a.From, a.Symbol = value, from, symbol
	in.stale(i)
}

// stale forgets what was computed with an answer.
func (in *inference) stale(i int) {
	for _, id := range in.using[i] {
		in.recorded.state[id].valid = false
	}
	clear(in.recorded.values)
}

// single gives the probe that a text is all of.
func single(text string) (int, bool) {
	if len(text) < 3 || text[0] != probeOpen || strings.IndexByte(text, probeClose) != len(text)-1 {
		return 0, false
	}
	id := -1
	eachProbe(text, func(i int) { id = i })
	return id, id >= 0
}

// texts takes answers that are the values of strings and numbers: version numbers.
func (in *inference) texts() {
	t := in.c.t
	for id := symFirst; int(id) < len(t.symbols); id++ {
		s := &t.symbols[id]
		if s.Type != Int && s.Type != Hex && s.Type != String {
			continue
		}
		v, ok := in.f.Lookup(s.Name)
		if !ok || v.Unset {
			continue
		}
		for p := s.firstProp; p != 0; p = t.props[p].next {
			q := &t.props[p]
			if q.kind != propDefault {
				continue
			}
			if in.recorded.eval(q.cond) == no {
				continue
			}
			// The first default that holds is the one.
			if from, ok := t.exprs.isSymbol(q.expr); ok {
				if i, ok := single(t.symbols[from].Name); ok {
					in.answer(i, v.Text, FromConfig, s.Name)
				}
			}
			break
		}
	}
}

// derive answers the commands that only take earlier answers apart.
func (in *inference) derive() {
	t := in.c.t
	for i := range t.probes {
		if in.c.answers[i].From != Assumed || !hasProbe(t.probes[i].command) {
			continue
		}
		known := true
		symbol := ""
		command := fill(t.probes[i].command, func(j int) string {
			if j >= i || in.c.answers[j].From == Assumed {
				known = false
				return ""
			}
			symbol = in.c.answers[j].Symbol
			return in.c.answers[j].Value
		})
		if !known {
			continue
		}
		if out, ok := t.shellFree(command); ok {
			in.answer(i, out, FromConfig, symbol)
		}
	}
}

var testedName = regexp.MustCompile(`^\{ test "\x01([0-9]+)\x02" = ([A-Za-z0-9_]+); \}`)

// names takes answers out of tests that are known to hold: where "is it GCC" is y, the
// compiler's name is GCC.
func (in *inference) names() {
	for i := range in.c.t.probes {
		a := &in.c.answers[i]
		m := testedName.FindStringSubmatch(in.c.t.probes[i].command)
		if m == nil || a.From == Assumed || a.Value != "y" {
			continue
		}
		eachProbe("\x01"+m[1]+"\x02", func(j int) {
			if j < i {
				in.answer(j, m[2], FromConfig, a.Symbol)
			}
		})
	}
}

// witnesses computes the symbols that mention open commands, with both answers. absence
// says that what the file does not have counts, too.
func (in *inference) witnesses(absence bool) {
	t := in.c.t
	mentions := t.mentions()
	for i := range t.probes {
		success, failure, ok := alternatives(t.probes[i].command)
		if !ok || in.c.answers[i].From != Assumed {
			continue
		}
		for _, id := range mentions[i] {
			s := &t.symbols[id]
			_, present := in.f.Lookup(s.Name)
			if !present && !absence {
				continue
			}
			withSuccess, withFailure := in.fits(id, i, success), in.fits(id, i, failure)
			if withSuccess != withFailure {
				value := success
				if withFailure {
					value = failure
				}
				in.answer(i, value, FromConfig, s.Name)
				break
			}
		}
		in.stale(i)
	}
}

// fits says that a symbol is as in the file if a command had an answer.
func (in *inference) fits(id symID, probe int, answer string) bool {
	a := &in.c.answers[probe]
	before := a.Value
	a.Value = answer
	in.stale(probe)
	ok := in.fit(id)
	a.Value = before
	return ok
}

// fit says that a symbol is as in the file with the answers of now.
func (in *inference) fit(id symID) bool {
	c := in.recorded
	have := c.state[id]
	defer func() { c.state[id] = have }()
	if c.t.symbols[id].choiceOf != 0 {
		// Which member a choice has is the user's affair; which can be seen is not.
		c.visibility(id)
		return (c.state[id].visible != no) == have.write
	}
	c.state[id].valid = false
	c.calc(id)
	got := c.state[id]
	return got.write == have.write && got.tri == have.tri && got.text == have.text
}

// together finds symbols that are in the file only if several commands failed.
func (in *inference) together() {
	t := in.c.t
	open := map[symID][]int{}
	for i, ids := range t.mentions() {
		if _, _, ok := alternatives(t.probes[i].command); !ok || in.c.answers[i].From != Assumed {
			continue
		}
		for _, id := range ids {
			open[id] = append(open[id], i)
		}
	}
	for id := symFirst; int(id) < len(t.symbols); id++ {
		probes := open[id]
		if len(probes) < 2 || in.fit(id) {
			continue
		}
		before := make([]string, len(probes))
		for k, i := range probes {
			before[k] = in.c.answers[i].Value
			_, in.c.answers[i].Value, _ = alternatives(t.probes[i].command)
			in.stale(i)
		}
		fits := in.fit(id)
		for k, i := range probes {
			failure := in.c.answers[i].Value
			in.c.answers[i].Value = before[k]
			in.stale(i)
			if fits {
				in.answer(i, failure, FromConfig, t.symbols[id].Name)
			}
		}
	}
}

// mentions gives the symbols that mention each probe, in the order of the files.
func (t *Tree) mentions() [][]symID {
	list := make([][]symID, len(t.probes))
	if len(t.probes) == 0 {
		return list
	}
	// Which probes an expression has, by expression; most have none.
	has := make([][]int, len(t.exprs.list))
	for e := 1; e < len(t.exprs.list); e++ {
		n := t.exprs.list[e]
		switch n.op {
		case opAnd, opOr:
			has[e] = merge(has[n.l], has[n.r])
		case opNot:
			has[e] = has[n.l]
		default:
			for _, s := range []int32{n.l, n.r} {
				if t.symbols[s].probe {
					eachProbe(t.symbols[s].Name, func(i int) { has[e] = append(has[e], i) })
				}
				if n.op == opSymbol {
					break
				}
			}
		}
	}
	for id := symFirst; int(id) < len(t.symbols); id++ {
		s := &t.symbols[id]
		if s.Type == Unknown || s.choice {
			continue
		}
		add := func(e exprID) {
			for _, i := range has[e] {
				if l := list[i]; i < len(list) && (len(l) == 0 || l[len(l)-1] != id) {
					list[i] = append(l, id)
				}
			}
		}
		for p := s.firstProp; p != 0; p = t.props[p].next {
			add(t.props[p].cond)
			add(t.props[p].expr)
		}
		add(s.dirDep)
		add(s.revDep)
		add(s.implied)
	}
	return list
}

func merge(a, b []int) []int {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	return append(append(make([]int, 0, len(a)+len(b)), a...), b...)
}
