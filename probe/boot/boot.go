// Package boot says what a boot took its time for, out of the kernel's log: the
// milestones, the initcalls and device probes that initcall_debug prints, and
// the longest silences, each with what was said before and after. A log that was
// kept will do; nothing needs to run.
package boot

import (
	"cmp"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/klog"
	"ringside/probe"
)

const (
	// maxCalls bounds what is kept of a log; a large kernel has 5,000 initcalls.
	maxCalls    = 64 << 10
	maxSilences = 20
	maxText     = 160
)

// milestones are the messages that end a part of the boot, in their order.
var milestones = []struct {
	what    string
	message *regexp.Regexp
}{
	{"memory is set up", regexp.MustCompile(`^Memory: \d+K/\d+K available`)},
	{"other CPUs run", regexp.MustCompile(`^smp: Brought up `)},
	{"initrd is unpacked", regexp.MustCompile(`^Freeing initrd memory`)},
	{"drivers are there, kernel memory is freed", regexp.MustCompile(`^Freeing unused kernel image`)},
	{"init is started", regexp.MustCompile(`^Run \S+ as init process`)},
	{"root is mounted", regexp.MustCompile(`^(EXT4-fs|XFS|BTRFS)\b.*(mounted filesystem|Mounting|Ending clean mount|first mount of)|^VFS: Mounted root`)},
	{"systemd runs", regexp.MustCompile(`^systemd\[1\]: systemd \S+ running in system mode`)},
	{"systemd has started everything", regexp.MustCompile(`^systemd\[1\]: Startup finished`)},
}

var (
	initcall    = regexp.MustCompile(`^initcall ([\w.$]+)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?: \[(\S+)\])? returned (-?\d+) after (\d+) usecs`)
	deviceProbe = regexp.MustCompile(`^probe of (\S+) returned (-?\d+) after (\d+) usecs`)
)

// line is one message.
type line struct {
	at   time.Duration
	text string
}

// Read reads a log's first boot and returns what it took, with notes on what the
// log does not say.
func Read(r io.Reader) ([]probe.Table, []string, error) {
	reader := klog.NewReader(r, klog.Options{})
	steps := probe.Table{Name: "steps", Title: "From milestone to milestone", By: []string{"milestone", "reached at"}, Timed: true}
	calls := probe.Table{Name: "initcalls", Title: "Initcalls", By: []string{"function", "module", "result"}, Timed: true}
	devices := probe.Table{Name: "devices", Title: "Probing devices", By: []string{"device", "result"}, Timed: true}
	var silences, pending []probe.Row
	var last line
	var reached time.Duration
	next, boot, lines, beginning, init, running := 0, 0, 0, false, false, false
	for {
		rec, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if rec.Boot != boot {
			if lines > 0 {
				break
			}
			boot = rec.Boot
		}
		if !rec.HasTime || rec.Cont {
			continue
		}
		text := string(rec.Text[:min(len(rec.Text), maxText)])
		lines++
		beginning = beginning || strings.HasPrefix(text, "Linux version ")
		if m := initcall.FindStringSubmatch(text); m != nil {
			module := m[2]
			if module == "" {
				module = "built in"
			}
			add(&calls, m[4], m[1], module, m[3])
		} else if m := deviceProbe.FindStringSubmatch(text); m != nil {
			add(&devices, m[3], m[1], m[2])
		}
		for i := next; i < len(milestones); i++ {
			if !milestones[i].message.MatchString(text) {
				continue
			}
			next = i + 1
			init = init || milestones[i].what == "init is started"
			steps.Count++
			steps.Total += rec.Time - reached
			steps.Max = max(steps.Max, rec.Time-reached)
			steps.Rows = append(steps.Rows, probe.Row{Label: []string{milestones[i].what, rec.Time.String()}, Count: 1, Total: rec.Time - reached, Max: rec.Time - reached})
			reached = rec.Time
			break
		}
		if gap := rec.Time - last.at; last.text != "" && gap > 0 {
			pending = append(pending, probe.Row{Label: []string{last.text, text}, Count: 1, Total: gap, Max: gap})
		}
		// Behind the boot, silence is what a machine should have: once init runs,
		// only what comes before another milestone is of the boot.
		if !running || reached == rec.Time {
			silences, pending = longest(append(silences, pending...), maxSilences), nil
		}
		pending = longest(pending, maxSilences)
		running = init
		last = line{rec.Time, text}
	}
	if lines == 0 {
		return nil, nil, errors.New("the log has no messages with the time since boot: record it with printk.time=1, or take dmesg's output")
	}
	var notes []string
	if !beginning {
		notes = append(notes, "the log does not have its beginning: what came before is not counted")
	}
	if calls.Count == 0 {
		notes = append(notes, "no initcall says how long it took: boot with initcall_debug (and loglevel=8 for a serial log) to see them")
	}
	calls.Rows, devices.Rows = longest(calls.Rows, maxCalls), longest(devices.Rows, maxCalls)
	quiet := probe.Table{Name: "silences", Title: "Longest silences", By: []string{"after", "before"}, Timed: true, Rows: longest(silences, maxSilences)}
	for _, r := range quiet.Rows {
		quiet.Count++
		quiet.Total += r.Total
		quiet.Max = max(quiet.Max, r.Max)
	}
	tables := []probe.Table{steps}
	for _, t := range []probe.Table{calls, devices, quiet} {
		if t.Count > 0 {
			tables = append(tables, t)
		}
	}
	return tables, notes, nil
}

// add adds a call that took so many microseconds, as a text.
func add(t *probe.Table, micros string, label ...string) {
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || n > int64(24*time.Hour/time.Microsecond) {
		return // no call takes that long: the line is broken
	}
	d := time.Duration(n) * time.Microsecond
	t.Count++
	t.Total += d
	t.Max = max(t.Max, d)
	t.Histogram.Add(uint64(d))
	if len(t.Rows) < maxCalls {
		t.Rows = append(t.Rows, probe.Row{Label: label, Count: 1, Total: d, Max: d})
	} else {
		t.Lost++
	}
}

// longest keeps the n rows with the most time, those first.
func longest(rows []probe.Row, n int) []probe.Row {
	slices.SortStableFunc(rows, func(a, b probe.Row) int { return cmp.Compare(b.Total, a.Total) })
	return rows[:min(len(rows), n)]
}
