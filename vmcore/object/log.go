package object

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"ringside/vmcore/kernel"
)

// Record is one record of the kernel's log.
type Record struct {
	Seq      uint64
	Time     time.Duration // since boot
	Level    int           // -1 where the kernel kept none
	Facility int
	// Caller is the CPU or the task that printed it, as the kernel keeps it:
	// the number of a CPU where the highest bit is set.
	Caller    uint32
	HasCaller bool
	Text      string // may have several lines
}

// CallerName returns "T113" for a task and "C1" for a CPU.
func (r Record) CallerName() string {
	switch {
	case !r.HasCaller:
		return ""
	case r.Caller&(1<<31) != 0:
		return fmt.Sprintf("C%d", r.Caller&^(1<<31))
	}
	return fmt.Sprintf("T%d", r.Caller)
}

// LogStats say what of the log could not be read.
type LogStats struct {
	Records int    `json:"records"`
	Lost    int    `json:"lost,omitempty"` // whose memory is not in the dump or that contradict themselves
	Style   string `json:"style"`          // of the ring buffer
}

// LogError says that there is no log to be read.
type LogError struct{ Why string }

func (e *LogError) Error() string { return "the kernel's log cannot be read: " + e.Why }

// Log reads the kernel's log, oldest record first. It needs VMCOREINFO only.
func Log(w *kernel.Walk, yield func(Record) bool) (LogStats, error) {
	in := w.Kernel().Info
	l := logReader{w: w, yield: yield}
	switch {
	case has(in.Symbol("prb")) && has(in.Offset("printk_ringbuffer.desc_ring")):
		l.stats.Style = "printk_ringbuffer" // 5.10 and later
		return l.stats, l.ring()
	case has(in.Symbol("log_first_idx")):
		l.stats.Style = "log records" // 3.5 to 5.9
		err := l.records()
		return l.stats, err
	case has(in.Symbol("log_end")):
		l.stats.Style = "text"
		err := l.text()
		return l.stats, err
	case in.Empty():
		return l.stats, &LogError{"where it is says VMCOREINFO, which the dump does not have"}
	}
	return l.stats, &LogError{"VMCOREINFO does not say where it is"}
}

func has(_ uint64, ok bool) bool { return ok }

// logReader goes through one ring buffer.
type logReader struct {
	w     *kernel.Walk
	yield func(Record) bool
	stats LogStats
}

// maxLog bounds the ring: the kernel's own limit for log_buf_len.
const maxLog = 1 << 31

// descRing is what is needed of struct printk_ringbuffer.
type descRing struct {
	descs, infos, count uint64
	descSize, infoSize  uint64
	state, begin, next  uint64 // offsets within a descriptor
	data, dataSize      uint64
	ts, length, caller  uint64 // offsets within an info
	head, tail          uint64
	seq                 uint64
	hasSeq              bool
}

// offsets reads a list of OFFSET() lines, and names the first that is missing.
func offsets(in kernel.Info, want map[string]*uint64) error {
	for name, to := range want {
		v, ok := in.Offset(name)
		if !ok || v > 1<<20 {
			return &LogError{"VMCOREINFO lacks OFFSET(" + name + ")"}
		}
		*to = v
	}
	return nil
}

func (l *logReader) ring() error {
	in, w := l.w.Kernel().Info, l.w
	var d descRing
	var ring, tail, head, bits, descs, infos, text, dataBits, data, lpos, counter uint64
	if err := offsets(in, map[string]*uint64{
		"printk_ringbuffer.desc_ring": &ring, "printk_ringbuffer.text_data_ring": &text,
		"prb_desc_ring.count_bits": &bits, "prb_desc_ring.descs": &descs, "prb_desc_ring.infos": &infos,
		"prb_desc_ring.head_id": &head, "prb_desc_ring.tail_id": &tail, "prb_desc.state_var": &d.state,
		"prb_desc.text_blk_lpos": &lpos, "prb_data_blk_lpos.begin": &d.begin, "prb_data_blk_lpos.next": &d.next,
		"prb_data_ring.size_bits": &dataBits, "prb_data_ring.data": &data,
		"printk_info.ts_nsec": &d.ts, "printk_info.text_len": &d.length, "printk_info.caller_id": &d.caller, "atomic_long_t.counter": &counter,
	}); err != nil {
		return err
	}
	d.begin, d.next, d.state = d.begin+lpos, d.next+lpos, d.state+counter
	d.seq, d.hasSeq = in.Offset("printk_info.seq")
	var ok bool
	if d.descSize, ok = in.Size("prb_desc"); !ok {
		return &LogError{"VMCOREINFO lacks SIZE(prb_desc)"}
	}
	if d.infoSize, ok = in.Size("printk_info"); !ok {
		return &LogError{"VMCOREINFO lacks SIZE(printk_info)"}
	}
	at, _ := in.Symbol("prb")
	prb, err := w.Pointer(at)
	if err != nil {
		return fmt.Errorf("the kernel's log cannot be read: %w", err)
	}
	var countBits, sizeBits uint32
	for _, f := range []struct {
		to *uint64
		at uint64
	}{{&d.descs, ring + descs}, {&d.infos, ring + infos}, {&d.data, text + data}, {&d.head, ring + head + counter}, {&d.tail, ring + tail + counter}} {
		if *f.to, err = w.Pointer(prb + f.at); err != nil {
			return fmt.Errorf("the kernel's log cannot be read: %w", err)
		}
	}
	if countBits, err = w.U32(prb + ring + bits); err == nil {
		sizeBits, err = w.U32(prb + text + dataBits)
	}
	if err != nil {
		return fmt.Errorf("the kernel's log cannot be read: %w", err)
	}
	if countBits == 0 || countBits > 26 || sizeBits == 0 || sizeBits > 31 {
		return &LogError{fmt.Sprintf("its ring buffer says 2^%d records of 2^%d bytes", countBits, sizeBits)}
	}
	d.count, d.dataSize = 1<<countBits, 1<<sizeBits
	l.walk(d)
	return nil
}

// The two highest bits of a descriptor's state; the rest is its ID.
const (
	descCommitted = 1
	descFinalized = 2
)

func (l *logReader) walk(d descRing) {
	w := l.w
	wordBits := uint(w.Kernel().PtrSize() * 8)
	mask := uint64(1)<<(wordBits-2) - 1
	seen := uint64(0)
	for id := d.tail & mask; ; id = (id + 1) & mask {
		if seen++; seen > d.count || w.Err() != nil {
			return
		}
		l.one(d, id, wordBits, mask)
		if l.yield == nil || id == d.head&mask {
			return
		}
	}
}

// one reads the record of an ID. A record that a CPU was writing when all
// stopped is not in the log yet.
func (l *logReader) one(d descRing, id uint64, wordBits uint, mask uint64) {
	w, index := l.w, id%d.count
	desc := d.descs + index*d.descSize
	state, err := w.Pointer(desc + d.state)
	if err != nil {
		l.stats.Lost++
		return
	}
	if kind := state >> (wordBits - 2); state&mask != id || kind != descCommitted && kind != descFinalized {
		return
	}
	info := d.infos + index*d.infoSize
	begin, err1 := w.Pointer(desc + d.begin)
	next, err2 := w.Pointer(desc + d.next)
	ts, err3 := w.U64(info + d.ts)
	length, err4 := w.Uint(info+d.length, 2)
	caller, err5 := w.U32(info + d.caller)
	flags, err6 := w.Uint(info+d.length+3, 1)
	facility, err7 := w.Uint(info+d.length+2, 1)
	for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if err != nil {
			l.stats.Lost++
			return
		}
	}
	r := Record{Time: time.Duration(ts), Level: int(flags >> 5), Facility: int(facility), Caller: caller, HasCaller: true, Seq: uint64(l.stats.Records)}
	if w.Kernel().BigEndian() { // big-endian: bit-fields begin at the other end
		r.Level = int(flags & 7)
	}
	if d.hasSeq {
		r.Seq, _ = w.U64(info + d.seq)
	}
	if begin&1 == 0 { // an odd position marks a record without text
		ptr := uint64(wordBits / 8)
		at, end := begin%d.dataSize, next%d.dataSize
		if begin/d.dataSize != next/d.dataSize && end != 0 {
			at = 0 // the block did not fit before the end, and is at the beginning
		} else if end == 0 {
			end = d.dataSize
		}
		if at+ptr > end {
			l.stats.Lost++
			return
		}
		text := make([]byte, min(length, end-at-ptr))
		if err := w.Read(text, d.data+at+ptr); err != nil {
			l.stats.Lost++
			return
		}
		r.Text = clean(text)
	}
	l.give(r)
}

func (l *logReader) give(r Record) {
	l.stats.Records++
	if l.yield != nil && !l.yield(r) {
		l.yield = nil
	}
}

func clean(text []byte) string {
	return strings.ToValidUTF8(strings.TrimRight(string(text), "\x00"), "\ufffd")
}

// records reads the log of 3.5 to 5.9: records of varying length one after the
// other in log_buf.
func (l *logReader) records() error {
	in, w := l.w.Kernel().Info, l.w
	kind := "printk_log"
	if _, ok := in.Size(kind); !ok {
		kind = "log" // before 3.11
	}
	size, ok := in.Size(kind)
	var ts, length, textLen uint64
	if err := offsets(in, map[string]*uint64{kind + ".ts_nsec": &ts, kind + ".len": &length, kind + ".text_len": &textLen}); err != nil {
		return err
	}
	if !ok || size < textLen+2 || size > 256 {
		return &LogError{"VMCOREINFO lacks SIZE(" + kind + ")"}
	}
	at, end, buf, bufLen, err := l.bounds("log_first_idx", "log_next_idx")
	if err != nil {
		return err
	}
	caller, hasCaller := in.Offset(kind + ".caller_id")
	wrapped := false
	for read := uint64(0); (at != end || !wrapped && at > end) && l.yield != nil && w.Err() == nil; {
		n, err := w.Uint(buf+at+length, 2)
		if err != nil || at+size > bufLen {
			return fmt.Errorf("the kernel's log ends at %#x of %#x: %w", at, bufLen, err)
		}
		if n == 0 { // the rest of the buffer was too short for the next
			if wrapped {
				break
			}
			at, wrapped = 0, true
			continue
		}
		if read += n; read > bufLen || at+n > bufLen || n < size {
			l.stats.Lost++
			break
		}
		nsec, _ := w.U64(buf + at + ts)
		text, _ := w.Uint(buf+at+textLen, 2)
		flags, _ := w.Uint(buf+at+textLen+5, 1)
		facility, _ := w.Uint(buf+at+textLen+4, 1)
		r := Record{Seq: uint64(l.stats.Records), Time: time.Duration(nsec), Level: int(flags >> 5), Facility: int(facility)}
		if hasCaller {
			r.Caller, _ = w.U32(buf + at + caller)
			r.HasCaller = true
		}
		raw := make([]byte, min(text, n-size))
		if w.Read(raw, buf+at+size) != nil {
			l.stats.Lost++
		} else {
			r.Text = clean(raw)
			l.give(r)
		}
		at += n
	}
	return nil
}

// bounds reads the two positions, the buffer and its length.
func (l *logReader) bounds(first, next string) (at, end, buf, bufLen uint64, err error) {
	in, w := l.w.Kernel().Info, l.w
	read := func(symbol string, size int) uint64 {
		a, ok := in.Symbol(symbol)
		if !ok {
			err = &LogError{"VMCOREINFO lacks " + symbol}
			return 0
		}
		v, e := w.Uint(a, size)
		if e != nil && err == nil {
			err = fmt.Errorf("the kernel's log cannot be read: %s: %w", symbol, e)
		}
		return v
	}
	if first != "" {
		at = read(first, 4)
	}
	end, bufLen = read(next, 4), read("log_buf_len", 4)
	a, _ := in.Symbol("log_buf")
	if buf, _ = w.Pointer(a); buf == 0 && err == nil {
		err = &LogError{"log_buf is NULL"}
	}
	if err == nil && (bufLen == 0 || bufLen > maxLog) {
		err = &LogError{fmt.Sprintf("log_buf_len is %d", bufLen)}
	}
	return at, end, buf, bufLen, err
}

// text reads the log before 3.5: a ring of plain text.
func (l *logReader) text() error {
	_, end, buf, bufLen, err := l.bounds("", "log_end")
	if err != nil {
		return err
	}
	raw := make([]byte, min(bufLen, 16<<20))
	if err := l.w.Read(raw, buf); err != nil {
		return fmt.Errorf("the kernel's log cannot be read: %w", err)
	}
	if end > uint64(len(raw)) {
		at := end % uint64(len(raw))
		raw = append(bytes.Clone(raw[at:]), raw[:at]...)
	} else {
		raw = raw[:end]
	}
	for line := range bytes.Lines(raw) {
		r := Record{Level: -1, Seq: uint64(l.stats.Records)}
		if line = bytes.Trim(line, "\n\x00"); len(line) == 0 {
			continue
		}
		if len(line) > 3 && line[0] == '<' && line[2] == '>' {
			r.Level, line = int(line[1]-'0'), line[3:]
		}
		r.Text = clean(line)
		l.give(r)
	}
	return nil
}

// Lines returns the lines of a record.
func (r Record) Lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(strings.TrimSuffix(r.Text, "\n"), "\n") {
			if !yield(line) {
				return
			}
		}
	}
}

// LogStyle says how records are written.
type LogStyle struct {
	Level  bool // "<4>" before each line
	Caller bool // "[   T113]" after the time
}

// Write writes a record as the kernel prints it: each line with the time.
func (s LogStyle) Write(out io.Writer, r Record) error {
	var b []byte
	for line := range r.Lines() {
		if s.Level && r.Level >= 0 {
			b = fmt.Appendf(b, "<%d>", r.Level)
		}
		b = fmt.Appendf(b, "[%5d.%06d]", r.Time/time.Second, r.Time%time.Second/time.Microsecond)
		if s.Caller && r.HasCaller {
			b = fmt.Appendf(b, "[%6s]", r.CallerName())
		}
		b = append(append(append(b, ' '), line...), '\n')
	}
	_, err := out.Write(b)
	return err
}
