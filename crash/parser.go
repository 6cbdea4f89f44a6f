package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"ringside/klog"
)

// Options bound a [Parser]. The zero value is ready to use.
type Options struct {
	// MaxReports is how many reports are kept; those beyond are counted in a
	// note. 0 means 10,000.
	MaxReports int
	// MaxLine is handed to klog by [Parse].
	MaxLine int
}

// Parse reads a log from r and returns what it found. On an error of the input
// (a truncated archive, a limit) it returns the error together with the
// document of what could be read.
func Parse(ctx context.Context, r io.Reader, o Options) (*Document, error) {
	// Nobody else sees this parser, so that it can be used again.
	mem := scratches.Get().(*scratch)
	p := &mem.parser
	p.init(o, mem)
	rd := &mem.reader
	rd.Reset(r, klog.Options{MaxLine: o.MaxLine})
	for n := 0; ; n++ {
		if n&0xfff == 0 && ctx.Err() != nil {
			return p.Finish(rd.Stats()), fmt.Errorf("parse log: %w", ctx.Err())
		}
		rec, err := rd.Next()
		if errors.Is(err, io.EOF) {
			return p.Finish(rd.Stats()), nil
		}
		if err != nil {
			doc := p.Finish(rd.Stats())
			doc.Notes = append(doc.Notes, Note{Text: "the input could not be read to its end: " + err.Error(),
				Span: klog.Span{Start: doc.Input.Bytes, End: doc.Input.Bytes}})
			return doc, fmt.Errorf("parse log: %w", err)
		}
		p.Record(rec)
	}
}

// sharedGrammar compiles the tables once; the result is immutable.
var sharedGrammar = sync.OnceValues(compileGrammar)

// Parser finds reports in records. Feed it with [Parser.Record], then call
// [Parser.Finish].
type Parser struct {
	g           *grammar
	structure   *structureIndex
	mem         *scratch
	max         int
	boots       []Boot
	boot        *Boot // current
	bootIndex   int
	lostBoots   int
	reports     []*builder
	room        *room
	serial      int // reports opened so far
	dropped     int
	streams     map[streamKey]*stream
	open        int
	lastKey     streamKey // of lastStream: most lines come from the same caller as the one before
	lastStream  *stream
	caps        captures
	ending      bool // the input has ended
	stamped     bool // the kernel's time stamps have been seen
	lastNMI     *builder
	notes       []Note
	split       bool // reads one of two sequences, which is not split again
	records     int
	asFrame     frameness // of the line at work
	machine     *builder  // the last report about the hardware, which is not an open one
	machineLeft int       // lines left in which it may go on
	torn        int       // lines left in which a report may go on whose head is lost
}

// streamKey tells streams apart: printk callers of one kernel, and the kernels
// of a log that several hosts write.
type streamKey struct {
	caller klog.Caller
	host   string
}

// maxBoots bounds how many boots are described.
const maxBoots = 10_000

// maxStreams bounds how many callers are followed at once.
const maxStreams = 1024

// NewParser returns a Parser. It panics if the package's own tables are wrong,
// which its tests rule out.
func NewParser(o Options) *Parser {
	p := &Parser{}
	p.init(o, scratches.Get().(*scratch))
	return p
}

func (p *Parser) init(o Options, mem *scratch) {
	g, err := sharedGrammar()
	if err != nil {
		panic(err)
	}
	if o.MaxReports <= 0 {
		o.MaxReports = 10_000
	}
	mem.room = room{maxItems}
	*p = Parser{g: g, structure: sharedStructure(), mem: mem, max: o.MaxReports, streams: mem.streams, caps: captures{c: mem.caps}, bootIndex: -1, room: &mem.room}
}

// Record takes the next record of the log.
func (p *Parser) Record(rec *klog.Record) {
	if rec.Boot != p.bootIndex {
		p.startBoot(rec)
	}
	p.records++
	if rec.HasTime {
		p.stamped = true
	}
	if rec.Lost > 0 || p.records == 1 {
		p.torn = tornLines
	} else if p.torn > 0 {
		p.torn--
	}
	if p.open == 0 && p.torn == 0 && p.machineLeft == 0 && !p.g.maybe(rec.Text) {
		return
	}
	p.examine(rec)
}

// examine reads a record that may matter, and keeps it while a report is open.
func (p *Parser) examine(rec *klog.Record) {
	if rec.Origin == klog.OriginUser {
		return
	}
	s, before := p.stream(rec), p.serial
	p.asFrame = frameUnknown
	head := p.read(s, rec)
	if s.cur != nil {
		p.watch(s, rec, head, before)
	} else {
		p.judge(s)
	}
}

// read reads a record of s. It reports whether that is a headline.
func (p *Parser) read(s *stream, rec *klog.Record) (head bool) {
	if s.cur != nil {
		s.cur.record = p.records
		if aboutMemory(s.cur.rep.Kind) && s.cur.stage < stageEnded {
			s.cur.memoryLine(rec)
		}
	}
	foreign := p.stamped && !rec.HasTime && rec.Level < 0 && rec.Transport == klog.Plain && !s.promised()
	text := rec.Text
	if f := p.headline(text); f != nil && !foreign && (!f.Bare || rec.HasTime || rec.Origin == klog.OriginKernel || rec.Level >= 0) {
		p.head(s, f, rec)
		return true
	}
	if p.machineLeft > 0 {
		if p.machineLeft--; p.machine.hardwareLine(rec) {
			p.machineLeft = machineLines
			return false
		}
	}
	trimmed := trimBlanks(text)
	if part := p.structure.of(trimmed); part != partNone && p.part(s, part, rec, trimmed) {
		return false
	}
	if s.cur != nil && p.body(s, rec, text) {
		s.cur.grow(rec)
		return false
	}
	switch {
	case s.cur == nil:
		p.headless(s, rec, trimmed)
	case !foreign:
		p.idle(s, rec)
	}
	return false
}

// headline returns the format that reads text, which some consoles indent by a
// blank.
func (p *Parser) headline(text []byte) *compiledFormat {
	if f := p.g.headline(text, &p.caps); f != nil || !indented(text) {
		return f
	}
	f := p.g.headline(text[1:], &p.caps)
	if f != nil {
		p.caps.shift(text, 1)
	}
	return f
}

// indented reports whether text has one leading blank.
func indented(text []byte) bool { return len(text) > 1 && text[0] == ' ' && text[1] > ' ' }

// promised reports whether the kernel has announced a headline and said none.
func (s *stream) promised() bool {
	return s.cur != nil && s.cur.cut && s.cur.bare && s.cur.stage == stageHead
}

// detail returns the detail that text, without leading blanks, is.
func (p *Parser) detail(text []byte) *compiledDetail {
	if len(text) == 0 {
		return nil
	}
	for _, list := range [...][]int{p.g.detailAt[text[0]], p.g.detailIn} {
		for _, i := range list {
			if d := &p.g.details[i]; d.p.match(text, &p.caps) {
				return d
			}
		}
	}
	return nil
}

// idle counts a line that is not of the open report, and closes the report
// when enough of them have passed.
func (p *Parser) idle(s *stream, rec *klog.Record) {
	b := s.cur
	b.quiet++
	b.lost += rec.Lost
	if b.quiet > slack(b.rep.Kind) || b.last.hasTime && rec.HasTime && rec.Time-b.last.time > maxPause {
		p.detach(s)
	}
}

// maxPause is the longest silence within a report.
const maxPause = 30 * time.Second

// slack is how many foreign lines a report bears in a row.
func slack(k Kind) int {
	switch k {
	case KindOOM, KindAllocFailure, KindHungTask, KindRCUStall:
		return 60
	}
	return 20
}

func keyOf(rec *klog.Record) streamKey { return streamKey{rec.Caller, string(rec.Host)} }

// stream returns the stream that rec belongs to.
func (p *Parser) stream(rec *klog.Record) *stream {
	if p.lastStream != nil && p.lastKey.caller == rec.Caller && p.lastKey.host == string(rec.Host) {
		return p.lastStream
	}
	key := keyOf(rec)
	s, ok := p.streams[key]
	if !ok {
		if len(p.streams) >= maxStreams {
			p.closeAll()
		}
		s = p.mem.stream()
		p.streams[key] = s
	}
	p.lastStream, p.lastKey = s, key
	return s
}

// startBoot closes what is open and begins a new boot.
func (p *Parser) startBoot(rec *klog.Record) {
	p.closeAll()
	p.bootIndex = rec.Boot
	p.machine, p.machineLeft = nil, 0
	p.lastNMI = nil
	if len(p.boots) >= maxBoots {
		p.boot = nil
		p.lostBoots++
		return
	}
	p.boots = append(p.boots, Boot{Index: rec.Boot, Span: rec.Span, Line: rec.Line, Host: string(rec.Host), Release: string(rec.Release)})
	p.boot = &p.boots[len(p.boots)-1]
}

func (p *Parser) closeAll() {
	for _, s := range p.streams {
		if s.cur != nil {
			s.cur.attached--
			s.cur.cutOff = p.ending
			s.cur = nil
		}
		p.judge(s)
		p.mem.putStream(s)
	}
	clear(p.streams)
	p.lastStream = nil
	p.open = 0
}

func (p *Parser) detach(s *stream) {
	if s.cur != nil {
		s.cur.attached--
		s.cur = nil
		p.open--
	}
	s.resetStack()
}

// attach makes b the open report of s.
func (p *Parser) attach(s *stream, b *builder) {
	p.detach(s)
	s.cur = b
	b.attached++
	p.open++
}

// add registers a new report; nil means that there are too many.
func (p *Parser) add(rec *klog.Record) *builder {
	b := newBuilder(rec, p.boot, p.room, p.mem)
	b.key, b.serial = keyOf(rec), p.serial
	p.serial++
	b.lost = rec.Lost
	b.atStart = p.torn > 0
	if p.boot != nil {
		b.bootAt = len(p.boots) - 1
	}
	// One that is not kept is read all the same, so that its lines are not
	// taken for another's.
	p.keep(b)
	return b
}

// keep takes b into the list of reports, if that is not full.
func (p *Parser) keep(b *builder) {
	if len(p.reports) >= p.max {
		p.dropped++
		return
	}
	p.reports = append(p.reports, b)
}

func (p *Parser) openBare(s *stream, rec *klog.Record) {
	p.attach(s, p.add(rec))
}

// body reads a line into the open report that is no headline and no structure.
func (p *Parser) body(s *stream, rec *klog.Record, text []byte) bool {
	b := s.cur
	trimmed := trimBlanks(text)
	if len(trimmed) == 0 {
		return false
	}
	if task, pid, ok := parseHolder(trimmed); ok {
		b.holder = HeldLock{Task: task, PID: pid}
	}
	if l, ok := parseLock(trimmed); ok {
		b.lockLine(rec, l)
		return true
	}
	f, framed := scanFrame(text)
	p.asFrame = knownFrame(framed)
	if framed {
		if b.stage == stageHead && b.rep.Kind.Class() == ClassLocking && len(text) == len(trimmed) && !b.seen.trace {
			at := f.frame(b.mem.names)
			b.sites = append(b.sites, *at.location("")) // "is trying to release lock (x) at:"
			return true
		}
		if b.stage == stageHead && !b.dump && len(f.sym.name) > 0 && len(text) == len(trimmed) && !b.seen.trace && b.bare {
			return false // text that happens to look like a frame
		}
		if b.stage == stageHead && !b.tooEarly(s) {
			b.stage = stageBody
		}
		if b.stage == stageEnded && s.to == targetMain {
			return true
		}
		b.frame(s, rec, &f)
		return true
	}
	if (b.dump || b.rep.Kind.Class() == ClassHang) && b.dumpLine(rec, trimmed) {
		return true
	}
	if l, ok := parsePC(trimmed, len(text)-len(trimmed)); ok && (len(l.sym.name) > 0 || b.pc == nil || l.user) {
		b.programCounter(s, rec, l)
		return true
	}
	if b.codeLine(s, rec, trimmed) || b.registerLine(s, rec, trimmed) {
		return true
	}
	if d := p.detail(trimmed); d != nil {
		p.caps.shift(text, len(text)-len(trimmed))
		if b.stage < stageEnded || d.id == "panic/kaslr" { // which comes last of all
			b.captured(d.id, rec, &p.caps, false)
			if b.bare && b.implied == KindNone {
				b.implied = d.implies
			}
		}
		if d.id == "nmi/sending" {
			p.lastNMI = b
		}
		return true
	}
	b.headLine++
	return false
}

// maybe reports whether text can open a report or matter to one that is not
// open: the test that every line of the log takes.
func (g *grammar) maybe(text []byte) bool {
	return g.heads.maybe(text) || g.needles.next(text, 0) >= 0 || indented(text) && g.heads.maybe(text[1:])
}
