package crash

import "fmt"

// A Format recognises one headline of the kernel's.
//
// The tables of formats are data: an entry says what the line looks like and
// what it means. What the captures of its pattern are called decides where
// they go: cpu, pid, comm, file, line, address, access, size, reason, workqueue
// and release fill the fields of the report; guilty is the function that the
// kernel itself blames.
type Format struct {
	ID      string // "family/name", cited as the rule in evidence
	Kind    Kind
	Pattern string // see pattern
	Example string // one line as a kernel printed it; the tests check that this format reads it
	Rank    Rank
	Reason  string // Fault.Reason, where the line says it only by its wording
	Access  string // Fault.Access, likewise
	// Alone is set for a line that is complete by itself: the kernel prints
	// no stack with it, or one that does not matter.
	Alone bool
	// NoStack is set for a line of a kind with stacks with which the kernel
	// prints none, or one that says nothing more.
	NoStack bool
	// Bare is set for a wording so general that other programs print it too.
	// It counts only with the kernel's time stamp or tag in front of it.
	Bare bool
	// Joins is set for a line that many kinds of report print in their middle.
	// It is a headline only where no report is open.
	Joins bool
	// Stack names the stack that follows the line within its report, where it
	// is not the report's own.
	Stack string
	// Follows tells for a panic which kinds of report it is the consequence
	// of. If there is such a report just before it, the panic is that report's
	// end and not a report of its own.
	Follows func(Kind) bool
}

// Rank says how much of the story a headline tells. A report often has several
// headlines in a row, from the most to the least specific:
//
//	list_add corruption. next->prev should be prev (...)   RankCause
//	------------[ cut here ]------------
//	kernel BUG at lib/list_debug.c:27!                     RankCheck
//	invalid opcode: 0000 [#1] PREEMPT SMP                  RankTrap
//
// A headline of lower rank right after a higher one continues that report; one
// of the same or a higher rank starts the next.
type Rank uint8

// The ranks.
const (
	RankReport Rank = iota // always a report of its own
	RankOops               // "Oops: 0000 [#1]": the oops counter
	RankTrap               // the exception: "invalid opcode: 0000 [#1]"
	RankCheck              // what was checked or accessed: "kernel BUG at", "WARNING:", "BUG: unable to handle"
	RankCause              // what a debugging aid found before it raised the check
	RankPanic              // "Kernel panic - not syncing"
)

// detail recognises a line inside an open report and adds to it. Captures are
// named as in Format.
type detail struct {
	id      string
	pattern string
	example string
	implies Kind // KindNone where several kinds have such a line
}

// compiledFormat is a format ready to match.
type compiledFormat struct {
	*Format
	p *pattern
}

// grammar is every table compiled. It is immutable and shared by parsers.
type grammar struct {
	formats  []compiledFormat
	heads    *headIndex
	needles  needleIndex
	details  []compiledDetail
	detailAt [256][]int // by first byte after blanks
	detailIn []int      // those that start with a capture
}

type compiledDetail struct {
	*detail
	p *pattern
}

// Formats returns the headline tables in the order in which they are tried.
func Formats() []Format {
	var all []Format
	for _, table := range [][]Format{
		faultFormats, assertFormats, sanitizerFormats, memoryFormats,
		lockFormats, hangFormats, panicFormats, deviceFormats, userFormats,
	} {
		all = append(all, table...)
	}
	return all
}

// compileGrammar compiles the tables. Its errors are mistakes in them.
func compileGrammar() (*grammar, error) {
	g := &grammar{}
	heads := newHeadBuilder()
	var needles []needle
	formats := Formats()
	for i := range formats {
		f := &formats[i]
		p, err := compilePattern(f.Pattern)
		if err != nil {
			return nil, fmt.Errorf("format %s: %w", f.ID, err)
		}
		if _, ok := kinds[f.Kind]; !ok {
			return nil, fmt.Errorf("format %s: unknown kind %q", f.ID, f.Kind)
		}
		g.formats = append(g.formats, compiledFormat{f, p})
		hs := p.heads()
		if hs == nil || shortest(hs) < headBytes {
			n := p.needle()
			if len(n) < minNeedle {
				return nil, fmt.Errorf("format %s: has neither %d literal bytes to start with nor %d elsewhere to find it by", f.ID, headBytes, minNeedle)
			}
			needles = append(needles, needle{n, i})
			continue
		}
		for _, h := range hs {
			heads.add(h, i)
		}
	}
	g.needles = buildNeedles(needles)
	for i := range details {
		d := &details[i]
		p, err := compilePattern(d.pattern)
		if err != nil {
			return nil, fmt.Errorf("detail %s: %w", d.id, err)
		}
		g.details = append(g.details, compiledDetail{d, p})
		hs := p.heads()
		if hs == nil {
			g.detailIn = append(g.detailIn, i)
		}
		for _, h := range hs {
			if h == "" {
				return nil, fmt.Errorf("detail %s: an optional part alone does not start a line", d.id)
			}
			if d.implies != KindNone && len(h) >= headBytes {
				heads.add(h, noFormat)
			}
			if at := g.detailAt[h[0]]; len(at) == 0 || at[len(at)-1] != i {
				g.detailAt[h[0]] = append(at, i)
			}
		}
	}
	g.heads = heads.build()
	return g, nil
}

// headline returns the first format that reads text, or nil.
func (g *grammar) headline(text []byte, c *captures) *compiledFormat {
	for _, i := range g.heads.candidates(text) {
		if i == noFormat {
			continue
		}
		if f := &g.formats[i]; f.p.match(text, c) {
			return f
		}
	}
	for at := g.needles.next(text, 0); at >= 0; at = g.needles.next(text, at+1) {
		for n := range g.needles.needles {
			if !g.needles.at(text, at, n) {
				continue
			}
			if f := &g.formats[g.needles.needles[n].format]; f.p.match(text, c) {
				return f
			}
		}
	}
	return nil
}
