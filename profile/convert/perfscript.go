package convert

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"ringside/profile"
)

// ReadPerfScript reads the text of perf script. Samples with and without times,
// CPUs, periods and stacks are read; a line that is none of these is an error
// that names it, with what was read before.
func ReadPerfScript(r io.Reader) (*profile.Profile, error) {
	s := &scriptReader{a: adder{b: profile.NewBuilder(profile.Limits{})}, events: map[string]int{}, frames: map[string]profile.Frame{}}
	s.a.b.Source(profile.Source{Format: string(PerfScript)})
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxFoldedLine)
	line := 0
	var err error
	for err == nil && in.Scan() {
		line++
		err = s.line(in.Bytes())
	}
	if err == nil {
		err = in.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes", maxFoldedLine)
			line++
		}
	}
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return s.a.b.Profile(), fmt.Errorf("perf script: line %d: %w", line, err)
	}
	return s.a.b.Profile(), nil
}

// scriptReader reads lines.
type scriptReader struct {
	a      adder
	events map[string]int
	frames map[string]profile.Frame
	open   bool
	head   scriptHead
	stack  []profile.Frame // from the leaf
}

// scriptHead is a sample's first line.
type scriptHead struct {
	comm          string
	pid, tid, cpu int32
	timed         bool
	time          uint64
	period        int64
	event         string
	rest          string
}

func (s *scriptReader) line(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return s.end()
	}
	if text[0] == '#' {
		return nil
	}
	if text[0] == ' ' || text[0] == '\t' {
		if f, ok := s.frame(bytes.TrimSpace(text)); ok && s.open {
			if len(s.stack) >= maxDepth {
				return fmt.Errorf("more than %d frames deep", maxDepth)
			}
			s.stack = append(s.stack, f)
			return nil
		}
	}
	// perf pads the name of a task on its left.
	h, ok := scriptHeader(string(bytes.TrimSpace(text)))
	if !ok {
		return errors.New("neither a sample (\"comm pid [cpu] time: period event:\") nor a frame (\"address function (object)\")")
	}
	if err := s.end(); err != nil {
		return err
	}
	s.open, s.head = true, h
	if f, ok := s.frame([]byte(h.rest)); ok {
		s.stack = append(s.stack, f)
	}
	return nil
}

// end adds the sample that was read.
func (s *scriptReader) end() error {
	if !s.open {
		return nil
	}
	s.open = false
	h := &s.head
	e, ok := s.events[h.event]
	if !ok {
		e = s.a.b.Event(profile.Event{Name: h.event, Unit: unitOf(h.event)})
		s.events[h.event] = e
	}
	var id profile.StackID
	module := ""
	var kind profile.Kind
	for _, f := range slices.Backward(s.stack) {
		if f.Inlined { // its line does not say in which object
			f.Module, f.Kind = module, kind
		}
		module, kind = f.Module, f.Kind
		id = s.a.b.Push(id, s.a.b.Frame(f))
	}
	s.stack = s.stack[:0]
	l := s.a.b.Label(profile.Labels{Event: e, Comm: h.comm, PID: h.pid, TID: h.tid, CPU: h.cpu})
	return s.a.add(h.timed, h.time, id, l, 1, h.period)
}

// scriptHeader reads "comm pid/tid [cpu] time: period event: rest". Every part
// but the task may be missing; the task's name may hold spaces.
func scriptHeader(text string) (scriptHead, bool) {
	h := scriptHead{pid: -1, tid: -1, cpu: -1, period: 1, event: "samples"}
	fields := strings.Fields(text)
	at := -1 // of the time
	for i, f := range fields {
		if t, ok := scriptTime(f); ok && i > 0 {
			at, h.time, h.timed = i, t, true
			break
		}
	}
	if at < 0 {
		return h, false
	}
	left := fields[:at]
	if n := len(left); n > 0 && strings.HasPrefix(left[n-1], "[") && strings.HasSuffix(left[n-1], "]") {
		if cpu, err := strconv.ParseInt(strings.Trim(left[n-1], "[]"), 10, 32); err == nil {
			h.cpu, left = int32(cpu), left[:n-1]
		}
	}
	if n := len(left); n > 0 {
		pid, tid, both := strings.Cut(left[n-1], "/")
		if v, err := strconv.ParseInt(pid, 10, 32); err == nil {
			h.pid, h.tid = int32(v), int32(v)
			if both {
				if v, err := strconv.ParseInt(tid, 10, 32); err == nil {
					h.tid = int32(v)
				}
			} else {
				h.pid = -1 // perf prints the thread alone
			}
			left = left[:n-1]
		}
	}
	h.comm = strings.TrimPrefix(strings.Join(left, " "), ":")
	right := fields[at+1:]
	if len(right) > 1 {
		if v, err := strconv.ParseInt(right[0], 10, 64); err == nil && v >= 0 {
			h.period, right = v, right[1:]
		}
	}
	if len(right) > 0 {
		if name, ok := strings.CutSuffix(right[0], ":"); ok {
			h.event, right = name, right[1:]
		}
	}
	h.rest = strings.Join(right, " ")
	return h, true
}

// scriptTime reads "12345.678901:" into ns.
func scriptTime(s string) (uint64, bool) {
	s, ok := strings.CutSuffix(s, ":")
	if !ok {
		return 0, false
	}
	sec, frac, ok := strings.Cut(s, ".")
	if !ok || len(frac) == 0 || len(frac) > 9 {
		return 0, false
	}
	a, err := strconv.ParseUint(sec, 10, 33)
	if err != nil {
		return 0, false
	}
	b, err := strconv.ParseUint(frac+"000000000"[len(frac):], 10, 64)
	if err != nil {
		return 0, false
	}
	return a*1e9 + b, true
}

// frame reads "address function+0x1f (object)".
func (s *scriptReader) frame(text []byte) (profile.Frame, bool) {
	space := bytes.IndexByte(text, ' ')
	if space <= 0 || space > 18 || text[len(text)-1] != ')' {
		return profile.Frame{}, false
	}
	for _, c := range text[:space] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != 'x' {
			return profile.Frame{}, false
		}
	}
	rest := text[space+1:]
	if f, ok := s.frames[string(rest)]; ok {
		return f, true
	}
	inner := string(rest[:len(rest)-1])
	var name, module string
	if base, ok := strings.CutSuffix(inner, " (deleted)"); ok {
		i := strings.LastIndex(base, " (")
		if i < 0 {
			return profile.Frame{}, false
		}
		name, module = base[:i], base[i+2:]
	} else {
		i := strings.LastIndex(inner, " (")
		if i < 0 {
			return profile.Frame{}, false
		}
		name, module = inner[:i], inner[i+2:]
	}
	f := profile.Frame{Func: strings.TrimSpace(name), Module: module, Kind: kindOf(module)}
	if i := strings.LastIndex(f.Func, "+0x"); i > 0 {
		f.Func = f.Func[:i]
	}
	if f.Func == "[unknown]" {
		f.Func = ""
	}
	switch module {
	case "inlined":
		f.Inlined, f.Module, f.Kind = true, "", profile.User
	case "[unknown]":
		f.Module = ""
	}
	if len(s.frames) < 1<<20 {
		s.frames[string(rest)] = f
	}
	return f, true
}

// looksPerfScript says whether text begins as perf script's does.
func looksPerfScript(head []byte) bool {
	n := 0
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if h, ok := scriptHeader(string(line)); ok {
			return h.tid >= 0 || h.cpu >= 0 || strings.HasSuffix(string(line), ":")
		}
		if n++; n > 5 {
			break
		}
	}
	return false
}

// WritePerfScript writes the text of perf script, a sample of a stack as often as
// it was seen. Addresses are not kept in a profile: they are written as 0.
func WritePerfScript(w io.Writer, p *profile.Profile, event int) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for i := range p.Cells {
		c := &p.Cells[i]
		if !selected(p, c, event) || c.Count <= 0 {
			continue
		}
		l := &p.Labels[c.Label]
		t := p.Start + uint64(c.Slice)*p.SliceWidth
		comm := strings.Join(strings.Fields(l.Comm), " ")
		if comm == "" {
			comm = "unknown"
		}
		var stack bytes.Buffer
		for f := range p.Stack(c.Stack) {
			module := f.Module
			switch {
			case f.Inlined:
				module = "inlined"
			case module == "":
				module = "[unknown]"
			}
			fmt.Fprintf(&stack, "\t%16x %s (%s)\n", 0, foldedName.Replace(f.Name()), module)
		}
		each, more := c.Weight/c.Count, c.Weight%c.Count
		for n := range c.Count {
			weight := each
			if n == 0 {
				weight += more
			}
			cpu := ""
			if l.CPU >= 0 {
				cpu = fmt.Sprintf("[%03d] ", l.CPU)
			}
			fmt.Fprintf(out, "%s %d/%d %s%d.%09d: %10d %s: \n", comm, l.PID, l.TID, cpu, t/1e9, t%1e9, weight, p.Events[l.Event].Name)
			if _, err := out.Write(stack.Bytes()); err != nil {
				return fmt.Errorf("perf script: %w", err)
			}
			if err := out.WriteByte('\n'); err != nil {
				return fmt.Errorf("perf script: %w", err)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("perf script: %w", err)
	}
	return nil
}
