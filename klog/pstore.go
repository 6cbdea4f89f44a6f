package klog

import (
	"cmp"
	"slices"
)

// pstore keeps the end of the log in parts of some kilobytes, the newest
// first: each begins with "Panic#1 Part1", where the first number counts the
// dumps of one boot. A file of several parts, however it was put together, is
// read in the order of time.

// Bounds of what is held of one dump.
const (
	maxDump      = 8 << 20
	heldLineCost = 96
)

var dumpReasons = [...]string{
	"Panic", "Oops", "Emergency", "Shutdown", "Restart", "Halt", "Poweroff", "Unknown", "Undef",
}

// A partHeader is a part's first line.
type partHeader struct {
	reason string
	count  uint64
	part   uint64
}

// dumpOf reports whether both are parts of one dump.
func (h partHeader) dumpOf(o partHeader) bool { return h.reason == o.reason && h.count == o.count }

func scanPart(b []byte) (h partHeader, ok bool) {
	for _, reason := range dumpReasons {
		if !hasPrefix(b, reason) {
			continue
		}
		rest := b[len(reason):]
		if len(rest) == 0 || rest[0] != '#' {
			return h, false
		}
		var d int
		h.reason = reason
		h.count, d = scanUint(rest[1:], 9)
		rest = rest[1+d:]
		if d == 0 || !hasPrefix(rest, " Part") {
			return h, false
		}
		h.part, d = scanUint(rest[5:], 9)
		return h, d > 0 && 5+d == len(rest)
	}
	return h, false
}

// A dump holds the lines of reassembled parts until they are read.
type dump struct {
	lines []line
	next  int
}

func (d *dump) open() bool { return d.next < len(d.lines) }

// replay moves the next held line into ln.
func (d *dump) replay(ln *line) bool {
	if !d.open() {
		return false
	}
	cuts := ln.cuts[:0]
	*ln = d.lines[d.next]
	ln.cuts = cuts
	d.lines[d.next] = line{}
	if d.next++; d.next == len(d.lines) {
		*d = dump{}
	}
	return true
}

// dumpHeader decodes a part's header, and collects the dump that it belongs to.
func (r *Reader) dumpHeader(b []byte) (int, shape) {
	h, ok := scanPart(b)
	if !ok {
		return 0, bare
	}
	if r.parts.open() {
		return 0, silent
	}
	r.boot.fresh()
	r.collect(h)
	return 0, silent
}

// collect reads the parts of a dump and lines them up, oldest first.
func (r *Reader) collect(first partHeader) {
	type part struct {
		partHeader
		lines []line
	}
	parts := []part{{partHeader: first}}
	seen := map[uint64]bool{first.part: true}
	size := 0
	var tail []line // the line that ended the dump
	for size < maxDump {
		var ln line
		if !r.in.next(&ln) {
			break
		}
		size += len(ln.b) + heldLineCost
		ln.b = slices.Clone(ln.b)
		h, ok := scanPart(ln.b)
		if !ok {
			last := &parts[len(parts)-1]
			last.lines = append(last.lines, ln)
			continue
		}
		if !h.dumpOf(first) || seen[h.part] {
			tail = []line{ln}
			break
		}
		seen[h.part] = true
		parts = append(parts, part{partHeader: h})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.part, a.part) })
	r.parts = dump{}
	for _, p := range parts {
		r.parts.lines = append(r.parts.lines, p.lines...)
	}
	r.parts.lines = append(r.parts.lines, tail...)
}
