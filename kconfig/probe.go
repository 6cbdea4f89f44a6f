package kconfig

import (
	"strconv"
	"strings"
)

// A probe is a shell command of the files: a question to the toolchain.
type probe struct {
	command string // with $(srctree) for the tree's path
	at      at
	answer  string
	known   bool // asked when the tree was parsed
}

// The text of an unknown answer is a mark with the probe's number, in bytes that are in
// no word of a Kconfig file.
const (
	probeOpen  = '\x01'
	probeClose = '\x02'
)

func hasProbe(s string) bool { return strings.IndexByte(s, probeOpen) >= 0 }

// shell gives the answer of a command, or a mark where there is none.
func (p *parser) shell(command string, at at) string {
	key := command
	if tree := p.env["srctree"]; tree != "" && tree != "." {
		key = strings.ReplaceAll(command, tree, "$(srctree)")
	}
	if id, ok := p.asked[key]; ok {
		return p.t.answer(id)
	}
	if len(p.t.probes) >= 1<<16 {
		p.macroError(at, "more than %d shell commands", 1<<16)
		return ""
	}
	q := probe{command: key, at: at}
	if out, ok := p.t.shellFree(key); ok {
		q.answer, q.known = out, true
	} else if p.run != nil && !hasProbe(command) && !strings.HasPrefix(command, "$(") {
		q.answer, q.known = p.run(p.ctx, command)
	}
	p.t.probes = append(p.t.probes, q)
	id := len(p.t.probes) - 1
	p.asked[key] = id
	return p.t.answer(id)
}

func (t *Tree) answer(id int) string {
	if q := &t.probes[id]; q.known {
		return q.answer
	}
	return string(rune(probeOpen)) + strconv.Itoa(id) + string(rune(probeClose))
}

// fill puts answers in the place of their marks.
func fill(s string, answer func(id int) string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, probeOpen)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		n := strings.IndexByte(s[i:], probeClose)
		if n < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		if id, err := strconv.Atoi(s[i+1 : i+n]); err == nil {
			b.WriteString(answer(id))
		}
		s = s[i+n+1:]
	}
}

// eachProbe calls f with the probes that a text has marks of.
func eachProbe(s string, f func(id int)) {
	fill(s, func(id int) string { f(id); return "" })
}
