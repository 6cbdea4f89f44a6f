// Package bringup reads the log of a boot as somebody does who brings a board up: what came
// when, what took its time, which devices and drivers did not come together and why.
//
// [Read] makes a [Report] of a log (bringup.go); its troubles are a table of the kernel's own
// messages (trouble.go). [Compare] holds boots against boots (compare.go): what is new, what
// is gone, and which initcalls, probes and silences a difference in time is made of. The
// times need initcall_debug and loglevel=8 on the kernel's command line; the troubles do not.
package bringup

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ringside/klog"
)

// ReportSchemaID names the JSON form of a [Report].
const ReportSchemaID = "https://ringside.dev/schemas/boot-report.v1.json"

// Report is one boot.
type Report struct {
	Schema    string      `json:"schema"`
	Name      string      `json:"name,omitempty"` // of the log
	Kernel    string      `json:"kernel,omitempty"`
	Machine   string      `json:"machine,omitempty"`
	Cmdline   string      `json:"cmdline,omitempty"`
	Lines     int         `json:"lines"`
	Marks     []Mark      `json:"milestones"`
	Calls     []Call      `json:"initcalls"` // in their order; empty without initcall_debug
	Probes    []Call      `json:"probes"`
	Troubles  []Trouble   `json:"troubles"`
	Deferred  []string    `json:"deferred"` // devices that were put off and never came
	Init      MicroSecond `json:"init_us"`  // when init began, -1 where it did not
	Notes     []string    `json:"notes"`
	truncated bool
}

// MicroSecond is a time in millionths of a second.
type MicroSecond int64

// Mark is a milestone.
type Mark struct {
	What string      `json:"what"`
	At   MicroSecond `json:"at_us"`
}

// Call is an initcall or a probe.
type Call struct {
	Name   string      `json:"name"`
	Result int         `json:"result"`
	Took   MicroSecond `json:"took_us"`
	Line   int         `json:"line"`
}

// limits of what is kept.
const (
	maxCalls    = 64 << 10
	maxTroubles = 4096
	maxText     = 400
)

var marks = []struct {
	what    string
	message *regexp.Regexp
}{
	{"memory", regexp.MustCompile(`^Memory: \d+K/\d+K available`)},
	{"other CPUs", regexp.MustCompile(`^smp: Brought up `)},
	{"drivers are there", regexp.MustCompile(`^Freeing unused kernel (?:image|memory)`)},
	{"init", regexp.MustCompile(`^Run \S+ as init process`)},
	{"root", regexp.MustCompile(`^VFS: Mounted root|^(?:EXT4-fs|XFS|BTRFS)\b.*(?:mounted filesystem|Ending clean mount)`)},
	{"systemd", regexp.MustCompile(`^systemd\[1\]: systemd \S+ running in system mode`)},
}

var (
	initcall = regexp.MustCompile(`^initcall ([\w.$]+)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?: \[\S+\])? returned (-?\d+) after (\d+) usecs`)
	probed   = regexp.MustCompile(`^probe of (\S+) returned (-?\d+) after (\d+) usecs`)
	deferred = regexp.MustCompile(`^(?:platform|\S+) (\S+): deferred probe pending`)
)

// Read reads the first boot of a log.
func Read(r io.Reader) (*Report, error) {
	rep := &Report{Schema: ReportSchemaID, Init: -1, Marks: []Mark{}, Calls: []Call{}, Probes: []Call{}, Troubles: []Trouble{}, Deferred: []string{}, Notes: []string{}}
	in := klog.NewReader(r, klog.Options{})
	seen := map[string]bool{}
	boot, number := 0, 0
	for {
		rec, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			rep.finish()
			return rep, err
		}
		number++
		if rec.Boot != boot {
			if rep.Lines > 0 {
				rep.Notes = append(rep.Notes, "the log holds more boots; the first is read")
				break
			}
			boot = rec.Boot
		}
		if rec.Cont {
			continue
		}
		rep.Lines++
		text := string(rec.Text[:min(len(rec.Text), maxText)])
		rep.take(text, rec.HasTime, MicroSecond(rec.Time/time.Microsecond), number, seen)
	}
	if rep.Lines == 0 {
		return nil, errors.New("the log is empty: give the console of a boot, or dmesg's output")
	}
	rep.finish()
	return rep, nil
}

func (rep *Report) take(text string, timed bool, at MicroSecond, line int, seen map[string]bool) {
	switch {
	case strings.HasPrefix(text, "Linux version ") && rep.Kernel == "":
		rep.Kernel, _, _ = strings.Cut(text[len("Linux version "):], " ")
	case strings.HasPrefix(text, "Kernel command line: "):
		rep.Cmdline = text[len("Kernel command line: "):]
	case strings.HasPrefix(text, "DMI: ") && rep.Machine == "":
		rep.Machine = text[len("DMI: "):]
	case strings.HasPrefix(text, "Machine model: "):
		rep.Machine = text[len("Machine model: "):]
	}
	if m := initcall.FindStringSubmatch(text); m != nil {
		rep.Calls = call(rep.Calls, m, line)
		return
	}
	if m := probed.FindStringSubmatch(text); m != nil {
		rep.Probes = call(rep.Probes, m, line)
		return
	}
	if m := deferred.FindStringSubmatch(text); m != nil {
		rep.Deferred = append(rep.Deferred, m[1])
	}
	for _, m := range marks {
		if timed && !seen[m.what] && m.message.MatchString(text) {
			seen[m.what] = true
			rep.Marks = append(rep.Marks, Mark{m.what, at})
			if m.what == "init" {
				rep.Init = at
			}
		}
	}
	if t, ok := trouble(text, line); ok && len(rep.Troubles) < maxTroubles {
		rep.Troubles = append(rep.Troubles, t)
	} else if ok {
		rep.truncated = true
	}
}

// call adds a call whose line was read.
func call(list []Call, m []string, line int) []Call {
	result, err1 := strconv.Atoi(m[2])
	took, err2 := strconv.ParseInt(m[3], 10, 64)
	if err1 != nil || err2 != nil || took > int64(24*time.Hour/time.Microsecond) || len(list) >= maxCalls {
		return list // no call takes that long: the line is broken
	}
	return append(list, Call{Name: m[1], Result: result, Took: MicroSecond(took), Line: line})
}

func (rep *Report) finish() {
	if len(rep.Calls) == 0 {
		rep.Notes = append(rep.Notes, "no initcall says how long it took: boot with initcall_debug and loglevel=8")
	}
	if rep.truncated {
		rep.Notes = append(rep.Notes, "more troubles than are kept; the first "+strconv.Itoa(maxTroubles)+" are here")
	}
	if rep.Init < 0 {
		rep.Notes = append(rep.Notes, "init was not reached in this log")
	}
}
