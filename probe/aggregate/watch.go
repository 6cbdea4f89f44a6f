package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ringside/probe"
)

// Watch measures until ctx ends, or see returns an error, and shows what has come
// since the time before, each time that tick comes. With it goes the CPU time that
// the programs took, 0 where the kernel does not measure it. What is measured may
// end between two reads: sums of rows and of histograms may differ by that.
func (e *Engine) Watch(ctx context.Context, c probe.Capture, begun func() <-chan time.Time, see func(tables []probe.Table, spent time.Duration) error) (err error) {
	stats, noStats := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if noStats == nil {
		defer stats.Close()
	}
	l, err := e.load(c, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.attach(e); err != nil {
		return err
	}
	before := make([]probe.Table, len(l.measures))
	var spentBefore time.Duration
	tick := begun()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
		since := make([]probe.Table, len(l.measures))
		for i, m := range l.measures {
			t, err := e.read(m)
			if err != nil {
				return fmt.Errorf("read the table %s: %w", m.Name, err)
			}
			since[i], before[i] = t.Since(before[i]), t
			// A table of tasks fills up in the course of days; it begins anew.
			if len(t.Rows) > maxRows*3/4 {
				if err := m.forget(); err != nil {
					return fmt.Errorf("clear the table %s: %w", m.Name, err)
				}
				before[i].Rows = nil
			}
		}
		var spent time.Duration
		if noStats == nil {
			for _, p := range l.programs {
				st, err := p.Stats()
				if err != nil {
					return fmt.Errorf("cost of the probe: %w", err)
				}
				spent += st.Runtime
			}
		}
		if err := see(since, spent-spentBefore); err != nil {
			return err
		}
		spentBefore = spent
	}
}

// forget empties the rows.
func (m *measured) forget() error {
	var labels [][labelSize]byte
	var label [labelSize]byte
	var per [][3]uint64
	rows := m.rows.Iterate()
	for rows.Next(&label, &per) {
		labels = append(labels, label)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, l := range labels {
		if err := m.rows.Delete(l); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	return nil
}
