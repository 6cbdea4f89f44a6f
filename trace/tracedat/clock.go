package tracedat

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"ringside/trace/event"
)

// clock turns the stamps of a recording into nanoseconds.
type clock struct {
	name string // that of a file of version 6
	// nanoseconds of a cycle: stamp * mult >> shift.
	mult, shift uint32
	offset      int64
	// cpus are, of a guest, what turns the time of each of its CPUs into the
	// host's.
	cpus        [][]sync
	interpolate bool
}

// sync is what a guest's clock was found to be at one time: the host's is
// time * scaling >> fraction + offset.
type sync struct {
	time, offset      int64
	scaling, fraction uint64
}

// A Guest is a guest of a host that was recorded.
type Guest struct {
	Name    string
	TraceID uint64
	// PIDs are the host's tasks that are the guest's CPUs.
	PIDs []int
}

// currentClock finds the clock that is used among all: "[local] global …".
func currentClock(text string) string {
	_, text, _ = strings.Cut(text, "[")
	name, _, _ := strings.Cut(text, "]")
	return strings.TrimRight(name, "\x00")
}

// Ticks says whether the buffer's times are ticks of a clock that cannot be
// turned into nanoseconds.
func (b *Buffer) Ticks() bool {
	switch b.Clock {
	case "", "local", "global", "uptime", "perf", "mono", "mono_raw", "boot", "tai", "tsc2nsec":
		return false
	}
	return b.file == nil || b.file.clock.mult == 0
}

// Synced says whether this is a guest's recording that knows its host's time:
// its own times are the host's.
func (f *File) Synced() bool { return len(f.clock.cpus) > 0 }

// describe reads an option about the clock.
func (c *clock) describe(id uint16, data []byte, layout event.Layout) error {
	s := event.NewSource(bytes.NewReader(data), layout)
	switch id {
	case optDate, optOffset:
		text := strings.TrimSpace(strings.TrimRight(string(data), "\x00"))
		v, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return fmt.Errorf("the offset of its clock: %w", err)
		}
		if id == optDate { // in microseconds
			v *= 1000
		}
		c.offset += v
	case optTSC2NSEC:
		mult, err := s.U32()
		shift, err2 := s.U32()
		// What follows is what the kernel adds to its own clock; trace-cmd does
		// not apply it, so that the cycles of host and guest remain comparable.
		if err := errors.Join(err, err2); err != nil {
			return fmt.Errorf("conversion of cycles: %w", err)
		}
		if shift < 64 {
			c.mult, c.shift = mult, shift
		}
	case optTimeShift:
		return c.readShift(s)
	}
	return nil
}

// readShift reads when and how far a guest's clock was off.
func (c *clock) readShift(s *event.Source) error {
	_, err := s.U64() // the host's session
	flags, err2 := s.U32()
	n, err3 := s.U32()
	if err := errors.Join(err, err2, err3); err != nil {
		return fmt.Errorf("time shift: %w", err)
	}
	if n > maxCPUs {
		return fmt.Errorf("time shift of %d CPUs", n)
	}
	var cpus [][]sync
	for range n {
		count, err := s.U32()
		if err != nil {
			return fmt.Errorf("time shift: %w", err)
		}
		var all []sync
		for range count { // grows with what is there
			v, err := s.U64()
			if err != nil {
				return fmt.Errorf("time shift: %w", err)
			}
			all = append(all, sync{time: int64(v), scaling: 1})
		}
		for k := range all {
			v, err := s.U64()
			if err != nil {
				return fmt.Errorf("time shift: %w", err)
			}
			all[k].offset = int64(v)
		}
		for k := range all {
			if all[k].scaling, err = s.U64(); err != nil {
				return fmt.Errorf("time shift: %w", err)
			}
		}
		cpus = append(cpus, all)
	}
	// Older recordings have no fractions.
	for i := range cpus {
		for k := range cpus[i] {
			v, err := s.U64()
			if err != nil {
				break
			}
			cpus[i][k].fraction = v
		}
	}
	for i, all := range cpus {
		slices.SortStableFunc(all, func(a, b sync) int { return cmp.Compare(a.time, b.time) })
		cpus[i] = slices.CompactFunc(all, func(a, b sync) bool { return a.time == b.time })
	}
	c.cpus, c.interpolate = cpus, flags&1 != 0
	return nil
}

// time turns a stamp of a CPU into nanoseconds.
func (c *clock) time(ts uint64, cpu int) uint64 {
	if cpu < len(c.cpus) {
		ts = c.synced(ts, c.cpus[cpu])
	}
	if c.mult != 0 {
		ts = mulShift(ts, uint64(c.mult), uint64(c.shift))
	}
	return ts + uint64(c.offset)
}

func mulShift(v, mult, shift uint64) uint64 {
	if shift == 0 || shift >= 64 {
		return v * mult
	}
	hi, lo := bits.Mul64(v, mult)
	return lo>>shift | hi<<(64-shift)
}

// synced turns a guest's time into the host's, by what was found before and
// after it.
func (c *clock) synced(ts uint64, all []sync) uint64 {
	switch len(all) {
	case 0:
		return ts
	case 1:
		return ts + uint64(all[0].offset)
	}
	i, found := slices.BinarySearchFunc(all, ts, func(s sync, t uint64) int { return cmp.Compare(uint64(s.time), t) })
	if !found {
		i--
	}
	i = min(max(i, 0), len(all)-2)
	from, to := all[i], all[i+1]
	offset := from.offset
	if c.interpolate {
		offset += share(int64(ts)-from.time, to.offset-from.offset, to.time-from.time)
	}
	return mulShift(ts, from.scaling, from.fraction) + uint64(offset)
}

// share is a * b / whole, rounded, without overflow between.
func share(a, b, whole int64) int64 {
	negative := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	w := magnitude(whole)
	if w == 0 || hi >= w {
		return 0
	}
	lo, carry := bits.Add64(lo, w/2, 0)
	if hi += carry; hi >= w {
		return 0
	}
	v, _ := bits.Div64(hi, lo, w)
	if negative {
		return -int64(v)
	}
	return int64(v)
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// eachSynced is Each for a guest whose CPUs have clocks of their own: what is in
// order by stamps need not be by time.
func (b *Buffer) eachSynced(want func(id int) bool, yield func(*event.Record) bool) (Loss, error) {
	losses := make([]Loss, len(b.CPUs))
	errs := make([]error, len(b.CPUs))
	var streams []iter.Seq[*event.Record]
	for i, cpu := range b.CPUs {
		one := *b
		one.CPUs = []CPU{cpu}
		streams = append(streams, func(yield func(*event.Record) bool) { losses[i], errs[i] = one.Each(want, yield) })
	}
	Merge(streams, func(r *event.Record) uint64 { return r.Time }, func(_ int, r *event.Record) bool { return yield(r) })
	var loss Loss
	for _, l := range losses {
		loss.Events, loss.Gaps, loss.Problems = loss.Events+l.Events, loss.Gaps+l.Gaps, append(loss.Problems, l.Problems...)
	}
	return loss, errors.Join(errs...)
}

// readGuest reads the option about a guest.
func readGuest(s *event.Source) (Guest, error) {
	var g Guest
	var err error
	if g.Name, err = s.String(); err != nil {
		return g, err
	}
	if g.TraceID, err = s.U64(); err != nil {
		return g, err
	}
	n, err := s.U32()
	if err != nil {
		return g, err
	}
	for range n { // grows with what is there
		cpu, err := s.U32()
		pid, err2 := s.U32()
		if err := errors.Join(err, err2); err != nil {
			return g, err
		}
		for len(g.PIDs) <= int(cpu) && len(g.PIDs) < maxCPUs {
			g.PIDs = append(g.PIDs, 0)
		}
		if int(cpu) < len(g.PIDs) {
			g.PIDs[cpu] = int(int32(pid))
		}
	}
	return g, nil
}
