package probe

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestReadCounters(t *testing.T) {
	c := ReadCounters(fstest.MapFS{
		"proc/stat":             {Data: []byte("cpu 1 2\nintr 50 1 2\nctxt 100\nprocesses x\n")},
		"proc/vmstat":           {Data: []byte("pgfault 7\nallocstall_normal 2\nallocstall_movable 3\n")},
		"proc/net/snmp":         {Data: []byte("Tcp: A RetransSegs B\nTcp: 1 9 2\n")},
		"proc/net/softnet_stat": {Data: []byte("00000010 00000002 00000001 0\n00000001 00000000 00000000 0\n")},
		"proc/pressure/cpu":     {Data: []byte("some avg10=4.55 avg60=1 avg300=2 total=3\nfull avg10=0.50 avg60=0 avg300=0 total=0\n")},
	})
	for name, want := range map[string]uint64{
		"context switches": 100, "interrupts": 50, "page faults": 7, "direct reclaims": 5, "TCP segments sent again": 9, "packets received": 17, "packets dropped at the backlog": 2, "network budget used up": 1,
	} {
		if c.Counts[name] != want {
			t.Errorf("%s: %d, want %d", name, c.Counts[name], want)
		}
	}
	if _, ok := c.Counts["tasks made"]; ok {
		t.Error("a number was read that is none")
	}
	if len(c.Pressures) != 1 || c.Pressures[0] != (Pressure{"cpu", 4.55, .5}) {
		t.Errorf("pressures: %v", c.Pressures)
	}
}

func TestSince(t *testing.T) {
	table := func(n uint64, rows ...Row) Table {
		x := Table{Timed: true, Count: n, Total: time.Duration(n) * time.Millisecond, Max: time.Second, Rows: rows}
		for range n {
			x.Histogram.Add(uint64(time.Millisecond))
		}
		return x
	}
	a := table(3, Row{Label: []string{"x", "1"}, Count: 3, Total: 3})
	b := table(5, Row{Label: []string{"x", "1"}, Count: 4, Total: 10}, Row{Label: []string{"y", "1"}, Count: 1, Total: 20})
	d := b.Since(a)
	if d.Count != 2 || d.Total != 2*time.Millisecond || d.Max < time.Millisecond || d.Max > 1050*time.Microsecond {
		t.Errorf("%d in %v, longest %v", d.Count, d.Total, d.Max)
	}
	if len(d.Rows) != 2 || d.Rows[0].Label[0] != "y" || d.Rows[1].Count != 1 || d.Rows[1].Total != 7 {
		t.Errorf("rows: %v", d.Rows)
	}
	if d := a.Since(a); d.Count != 0 || len(d.Rows) != 0 || d.Max != 0 {
		t.Errorf("nothing has come, and is %+v", d)
	}
}
