package crash

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"ringside/klog"
)

// Bounds of one report. Real reports stay far below them; hostile ones must not
// make it grow.
const (
	maxFrames    = 1024
	maxStacks    = 64
	maxModules   = 1024
	maxRegisters = 96
	maxEvidence  = 1024
	maxText      = 4096
	maxReason    = 256
)

// maxItems bounds what all reports of an input hold together, in frames,
// registers, modules and pieces of evidence: some 200 MB.
const maxItems = 1 << 20

// room is what is left of maxItems.
type room struct{ left int }

// take asks for n items.
func (r *room) take(n int) bool {
	if r.left < n {
		r.left = -1
		return false
	}
	r.left -= n
	return true
}

// full reports whether something had to be left out.
func (r *room) full() bool { return r.left < 0 }

// stage is how far a report has been read.
type stage uint8

const (
	stageHead      stage = iota // headlines and details; further headlines may join
	stageBody                   // who was running, registers, stacks
	stageEnded                  // after "---[ end trace": the registers are printed again
	stageAftermath              // after the panic that followed
)

// builder is a report being read.
type builder struct {
	rep         Report
	mem         *scratch
	regs        map[string]string // to read registers into, empty between reports
	key         streamKey
	serial      int      // in the order of opening
	cutOff      bool     // the input ended in it
	weak        bool     // nobody on its stack can really be blamed
	fatal       bool     // the kernel's own word that it was an oops: "Fatal exception"
	taskColumns []string // of the table of tasks of a report about memory
	codeForm    codeForm // how the code goes on
	codeOpen    bool     // what goes on is the code that the report keeps
	gprNext     int      // number of the register with which the next line of a list begins
	pendingDump bool     // somebody asked for a dump, whose lines have not begun
	room        *room
	record      int // ordinal of the record being read
	attached    int // streams that it is the open report of
	bootAt      int // position in Parser.boots, -1 where that was not kept
	verdict     verdict
	rank        Rank
	place       place // where the kernel prints the stack of this kind
	format      *Format
	bare        bool // opened by structure alone: no headline yet
	implied     Kind // what the details of a bare report speak for
	dump        bool // a stack dump that somebody asked for, not a complaint
	cut         bool // opened by "cut here"
	stage       stage
	pc          *Location // where the program counter was
	named       *Location // the function the headline names
	file        string    // the place the headline names
	fileLine    int
	detailPC    *Location  // "IP: foo+0x1/0x2" of older x86
	link        *Location  // the link register: who made the last call
	sites       []Location // where lockdep says that locks were taken
	holder      HeldLock   // whose locks are being listed
	lost        int64      // records lost while it was open
	aliens      []alien    // frames too early to be its own
	interleaved bool       // another report's lines stood between its own
	traceRecord int        // where "Call Trace:" stood
	atStart     bool       // began with the first lines of the log, or after a gap
	last        lastLine
	quiet       int // lines of its stream since the last one that belonged to it
	headLine    int // lines read since the last headline
	seen        struct{ cpu, regs, trace, end bool }
	dumped      taskDump // the dump of tasks within it
}

// lastLine is where a report last grew.
type lastLine struct {
	time    time.Duration
	hasTime bool
}

// target says which stack of a report frames go to.
type target int

const (
	targetMain target = -1
	targetNone target = -2
)

// stream is the sequence of records of one caller.
type stream struct {
	window   *window // the records since cur opened, where lines of two reports could be mixed
	cur      *builder
	to       target
	label    string // of the stack to come
	sticky   bool   // label survives "Call Trace:"
	labelCPU *int
	ctx      string // TASK, IRQ, NMI
	user     bool   // the registers being printed are user space's
}

func (s *stream) resetStack() {
	s.to, s.label, s.sticky, s.labelCPU, s.ctx, s.user = targetMain, "", false, nil, "", false
}

// newBuilder opens a report at rec.
func newBuilder(rec *klog.Record, boot *Boot, room *room, mem *scratch) *builder {
	b := mem.builder()
	b.mem, b.bare, b.rank, b.room, b.bootAt = mem, true, RankPanic+1, room, -1
	r := &b.rep
	r.Kind = KindUnknown
	r.Frames, r.Evidence = spare(&mem.frames), spare(&mem.cited)
	r.Registers = b.regs
	r.Boot = rec.Boot
	r.Span = rec.Span
	r.Lines = LineRange{rec.Line, rec.Line}
	if rec.HasTime {
		s := rec.Time.Seconds()
		r.Time = &s
	}
	if !rec.Wall.IsZero() {
		w := rec.Wall
		r.Wall = &w
	}
	switch rec.Caller.Kind {
	case klog.CallerTask:
		r.Caller = "T" + strconv.FormatUint(uint64(rec.Caller.ID), 10)
	case klog.CallerCPU:
		r.Caller = "C" + strconv.FormatUint(uint64(rec.Caller.ID), 10)
	}
	if boot != nil {
		r.Kernel, r.Version, r.Arch = boot.Release, boot.Version, boot.Arch
	}
	if len(rec.Release) > 0 && r.Kernel == "" {
		r.Kernel = string(rec.Release)
	}
	return b
}

// grow notes that rec belongs to the report.
func (b *builder) grow(rec *klog.Record) {
	r := &b.rep
	r.Span.Start = min(r.Span.Start, rec.Span.Start)
	r.Span.End = max(r.Span.End, rec.Span.End)
	r.Lines.First = min(r.Lines.First, rec.Line)
	r.Lines.Last = max(r.Lines.Last, rec.Line)
	b.quiet = 0
	b.last = lastLine{rec.Time, rec.HasTime}
}

// evidence ties field to bytes [start, end) of rec's text.
func (b *builder) evidence(field, rule string, rec *klog.Record, start, end int) {
	if len(b.rep.Evidence) >= maxEvidence || !b.room.take(1) {
		return
	}
	b.rep.Evidence = append(b.rep.Evidence, Evidence{field, rule, rec.Line, textSpan(rec, start, end)})
}

// textSpan is the place of bytes [start, end) of rec's text in the input. Where
// the transport encoded the text it is the whole record.
func textSpan(rec *klog.Record, start, end int) klog.Span {
	if rec.TextStart < 0 {
		return rec.Span
	}
	return klog.Span{Start: rec.TextStart + int64(start), End: rec.TextStart + int64(end)}
}

// headline reads a headline into the report. join means that a more specific
// one has been read before it.
func (b *builder) headline(f *Format, rec *klog.Record, c *captures, join bool) {
	r := &b.rep
	if !join {
		b.format, b.rank, b.bare, b.dump = f, f.Rank, false, false
		r.Kind, b.place = f.Kind, stackPlace(f.Kind)
		r.Headline = clip(rec.Text)
		b.evidence("headline", f.ID, rec, 0, len(rec.Text))
		b.evidence("kind", f.ID, rec, 0, len(rec.Text))
		if f.Reason != "" || f.Access != "" {
			b.fault().Reason, b.fault().Access = f.Reason, f.Access
		}
	}
	b.headLine = 0
	b.captured(f.ID, rec, c, true)
	if aboutMemory(r.Kind) {
		b.memoryLine(rec)
	}
	if aboutHardware(r.Kind) {
		b.hardwareLine(rec)
	}
}

func (b *builder) fault() *Fault {
	if b.rep.Fault == nil {
		b.rep.Fault = &Fault{}
	}
	return b.rep.Fault
}

// captured moves what a pattern captured into the report's fields. Fields that
// are set stay: the first line that says something is the nearest to the event.
func (b *builder) captured(rule string, rec *klog.Record, c *captures, head bool) {
	r := &b.rep
	for _, x := range c.c {
		v := c.text[x.start:x.end]
		used := true
		switch x.name {
		case "cpu":
			used = r.CPU == nil
			if n, m := atoi(v); used && m > 0 {
				r.CPU = &n
			}
		case "pid":
			used = r.PID == nil
			if n, m := atoi(v); used && m > 0 {
				r.PID = &n
			}
		case "comm":
			if used = r.Task == ""; used {
				r.Task = clip(v)
			}
		case "workqueue":
			if used = r.Workqueue == ""; used {
				r.Workqueue = clip(v)
			}
		case "koffset":
			if used = r.KernelOffset == ""; used {
				r.KernelOffset = string(v)
			}
		case "kbase":
			if used = r.KernelBase == ""; used {
				r.KernelBase = string(v)
			}
		case "hardware":
			if used = r.Hardware == ""; used {
				r.Hardware = clip(v)
			}
		case "file":
			if used = head && b.file == ""; used {
				b.file = clip(v)
			}
		case "line":
			if used = head && b.fileLine == 0; used {
				b.fileLine, _ = atoi(v)
			}
		case "guilty":
			used = false
			if s, n := parseSymbol(v); n > 0 {
				loc := &Location{Function: s.name, Offset: s.offset, Size: s.size, Module: s.module}
				switch {
				case !head && b.detailPC == nil:
					b.detailPC, used = loc, true
				case head && b.named == nil:
					b.named, used = loc, true
				}
			}
		case "address":
			if used = b.fault().Address == ""; used {
				b.fault().Address = clip(v)
			}
		case "access":
			if used = b.fault().Access == ""; used {
				b.fault().Access = accessName(v)
			}
		case "wnr":
			if used = b.fault().Access == ""; used {
				b.fault().Access = map[byte]string{'0': "read", '1': "write"}[v[0]]
			}
		case "size":
			used = b.fault().Size == 0
			if n, m := atoi(v); used && m > 0 {
				b.fault().Size = n
			}
		case "reason":
			if used = b.fault().Reason == ""; used {
				b.fault().Reason = clip(bytes.Trim(v[:min(len(v), maxReason)], " :,."))
			}
		case "device", "cache", "driver":
			if r.Subject == "" {
				r.Subject = clip(v)
			} else {
				used = false
			}
			if used {
				b.evidence("subject", rule, rec, x.start, x.end)
			}
			continue
		default:
			used = false
		}
		if used {
			b.evidence(fieldOf[x.name], rule, rec, x.start, x.end)
		}
	}
	if f := r.Fault; f != nil && *f == (Fault{}) {
		r.Fault = nil
	}
}

// fieldOf names the JSON field that a capture fills.
var fieldOf = map[string]string{
	"koffset": "kernel_offset", "kbase": "kernel_base",
	"cpu": "cpu", "pid": "pid", "comm": "task", "workqueue": "workqueue", "hardware": "hardware",
	"file": "guilty.file", "line": "guilty.line", "guilty": "guilty", "address": "fault.address",
	"access": "fault.access", "wnr": "fault.access", "size": "fault.size", "reason": "fault.reason",
}

func accessName(v []byte) string {
	switch {
	case bytes.HasPrefix(v, []byte("instruction")), bytes.HasPrefix(v, []byte("exec")):
		return "exec"
	case len(v) > 0 && (v[0] == 'R' || v[0] == 'r'):
		return "read"
	case len(v) > 0 && (v[0] == 'W' || v[0] == 'w'):
		return "write"
	}
	return string(bytes.ToLower(v))
}

// clip copies text, bounded and fit for JSON.
func clip(text []byte) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	if utf8.Valid(text) {
		return string(text)
	}
	return string(bytes.ToValidUTF8(text, []byte("�")))
}

// cpuLine reads who was running.
func (b *builder) cpuLine(rec *klog.Record, l cpuLine) {
	r := &b.rep
	if b.seen.cpu {
		return
	}
	if r.Caller == "" && r.PID != nil && l.pid >= 0 && *r.PID != l.pid && !b.bare && b.place == placeCPU {
		return // another report's, between this one's lines
	}
	b.seen.cpu = true
	const rule = "body/cpu-line"
	if l.cpu >= 0 && r.CPU == nil {
		n := l.cpu // not the whole line
		r.CPU = &n
		b.evidence("cpu", rule, rec, l.cpuAt[0], l.cpuAt[1])
	}
	if l.pid >= 0 && r.PID == nil {
		n := l.pid
		r.PID = &n
		b.evidence("pid", rule, rec, l.pidAt[0], l.pidAt[1])
	}
	if l.comm != "" && r.Task == "" {
		r.Task = l.comm
		b.evidence("task", rule, rec, l.commAt[0], l.commAt[1])
	}
	if l.tainted {
		b.taint(rec, l.taint)
	}
}

func (b *builder) taint(rec *klog.Record, t taintState) {
	r := &b.rep
	const rule = "body/taint"
	if r.Taint == nil {
		r.TaintFlags, r.Taint = t.flags, taintList([]byte(t.flags))
		b.evidence("taint", rule, rec, t.start, t.end)
	}
	if t.release != "" {
		// The report's own word goes before the boot banner's.
		r.Kernel, r.Version = t.release, t.version
		if a := archOf(t.release, ""); r.Arch == "" {
			r.Arch = a
		}
		i := bytes.LastIndex(rec.Text, []byte(t.release))
		b.evidence("kernel", rule, rec, i, i+len(t.release))
		if from := i + len(t.release); t.version != "" {
			from += run(rec.Text[from:], blanks)
			end := len(rec.Text)
			if t.buildID != "" {
				end = max(from, len(bytes.TrimRight(rec.Text[:bytes.LastIndex(rec.Text, []byte(t.buildID))], " ")))
			}
			b.evidence("kernel_version", rule, rec, from, end)
		}
		if at := bytes.LastIndex(rec.Text, []byte(t.buildID)); t.buildID != "" && r.KernelBuildID == "" {
			r.KernelBuildID = t.buildID
			b.evidence("kernel_build_id", rule, rec, at, at+len(t.buildID))
		}
	}
}

// frame adds a frame to the stack that s points to.
func (b *builder) frame(s *stream, rec *klog.Record, l *frameLine) {
	f := l.frame(b.mem.names)
	f.Context = s.ctx
	f.Span = textSpan(rec, 0, len(rec.Text))
	f.LogLine = rec.Line
	f.record = uint32(b.record)
	b.taskFrame(&f)
	if f.Context != "pc" && f.Context != "interrupted" && b.tooEarly(s) {
		b.addAlien(f, b.record)
		return
	}
	if s.label != "" || s.to == targetNone {
		b.openStack(s, rec)
	}
	if s.to == targetMain {
		if len(b.rep.Frames) < maxFrames && b.room.take(1) {
			b.rep.Frames = append(b.rep.Frames, f)
		}
		return
	}
	if i := int(s.to); i >= 0 && i < len(b.rep.Stacks) && len(b.rep.Stacks[i].Frames) < maxFrames && b.room.take(1) {
		st := &b.rep.Stacks[i]
		if st.Frames == nil {
			st.Frames = spare(&b.mem.frames)
		}
		st.Frames = append(st.Frames, f)
		st.Span.End = rec.Span.End
	}
}

// openStack starts the stack that s.label announced.
func (b *builder) openStack(s *stream, rec *klog.Record) {
	if len(b.rep.Stacks) >= maxStacks || !b.room.take(1) {
		s.label = ""
		s.to = maxStacks
		return
	}
	b.rep.Stacks = append(b.rep.Stacks, Stack{Name: s.label, CPU: s.labelCPU, Span: rec.Span})
	s.to = target(len(b.rep.Stacks) - 1)
	s.label, s.sticky, s.labelCPU = "", false, nil
}
