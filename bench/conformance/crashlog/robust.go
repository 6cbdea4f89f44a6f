package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"ringside/crash"
)

// stamp is a console line's time and caller.
var stamp = regexp.MustCompile(`^(<\d+>)?\[ *(\d+)\.(\d{6})\](\[ *[TC]\d+\])? (.*)$`)

// transports re-encode a console line as another transport delivers it. us is
// the time since boot; n counts lines.
var transports = map[string]func(n int, us int64, caller, text string) string{
	"syslog": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("Nov 23 16:29:06 host kernel: %s%s %s", bracket(us), caller, text)
	},
	"syslog-5424": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("<4>1 2026-11-23T16:29:06.123Z host kernel - - - %s%s %s", bracket(us), caller, text)
	},
	"journal-short": func(_ int, _ int64, _, text string) string { return "Nov 23 16:29:06 host kernel: " + text },
	"journal-iso":   func(_ int, _ int64, _, text string) string { return "2026-11-23T16:29:06+0000 host kernel: " + text },
	"dmesg-T": func(_ int, _ int64, caller, text string) string {
		return "[Mon Nov 23 16:29:06 2026]" + caller + " " + text
	},
	"dmesg-iso": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("2026-11-23T16:29:06,%06d+00:00%s %s", us%1e6, caller, text)
	},
	"dmesg-x": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("kern  :warn  : %s%s %s", bracket(us), caller, text)
	},
	"kmsg": func(n int, us int64, caller, text string) string {
		if caller != "" {
			caller = ",caller=" + strings.Trim(caller, "[] ")
		}
		return fmt.Sprintf("4,%d,%d,-%s;%s", n, us, caller, text)
	},
	"netconsole": func(n int, us int64, caller, text string) string {
		if caller != "" {
			caller = ",caller=" + strings.Trim(caller, "[] ")
		}
		return fmt.Sprintf("6.1.0,4,%d,%d,-%s;%s", n, us, caller, text)
	},
	"pstore": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("<4>%s%s %s", bracket(us), caller, text)
	},
	"no-time": func(_ int, _ int64, _, text string) string { return text },
	"ci": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("2026-11-23T16:29:06.%06d %s%s %s", us%1e6, bracket(us), caller, text)
	},
	"crlf": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("%s%s %s\r", bracket(us), caller, text)
	},
	"colour": func(_ int, us int64, caller, text string) string {
		return fmt.Sprintf("\x1b[32m%s%s \x1b[0m%s", bracket(us), caller, text)
	},
}

func bracket(us int64) string { return fmt.Sprintf("[%5d.%06d]", us/1e6, us%1e6) }

// reencode writes a log as a transport delivers it: its kernel lines only, as
// the others would not be there.
func reencode(log []byte, line func(int, int64, string, string) string) []byte {
	var out bytes.Buffer
	for n, l := range strings.Split(string(log), "\n") {
		m := stamp.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		sec, _ := strconv.ParseInt(m[2], 10, 64)
		us, _ := strconv.ParseInt(m[3], 10, 64)
		out.WriteString(line(n, sec*1e6+us, m[4], m[5]))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// invariance scores that the signature of a complete report does not depend on
// how the log came, on what stands between its lines, and on its first lines.
func (s *scorer) invariance(c *testCase, want *crash.Report) {
	identity := reencode(c.log, func(_ int, us int64, caller, text string) string { return bracket(us) + caller + " " + text })
	base, err := parse(identity)
	if err != nil || len(identity) == 0 || first(base) == nil {
		return // a log without time stamps, or with most of it outside the kernel's lines
	}
	ref := first(base).Signature
	check := func(log []byte) bool {
		doc, err := parse(log)
		return err == nil && first(doc) != nil && first(doc).Signature.Portable == ref.Portable && first(doc).Signature.Stack == ref.Stack
	}
	callers := bytes.Contains(identity, []byte("][ "))
	for name, line := range transports {
		if callers && (name == "journal-short" || name == "journal-iso" || name == "no-time") {
			continue // these lose the caller, and with it what belongs together
		}
		r := s.scores.Transports[name]
		if r == nil {
			r = &Ratio{}
			s.scores.Transports[name] = r
		}
		ok := check(reencode(c.log, line))
		r.add(ok)
		if !ok {
			s.miss(c, "another signature through %s", name)
		}
	}
	ok := check(reencode(c.log, func(_ int, us int64, caller, text string) string {
		return bracket(us) + caller + " " + text + "\n" + bracket(us) + strings.ReplaceAll(caller, "]", "9]") + " e1000e 0000:00:1f.6 eth0: NIC Link is Up"
	}))
	s.scores.Benign.add(ok)
	if !ok {
		s.miss(c, "another signature with benign lines")
	}
	s.headLost(c, want)
}

// headLost cuts the first lines of the report, and all before them, off.
func (s *scorer) headLost(c *testCase, want *crash.Report) {
	lines := bytes.SplitAfter(c.log, []byte("\n"))
	for cut := 1; cut <= 3; cut++ {
		from := want.Lines.First - 1 + cut
		if from >= len(lines) || want.Lines.Last-want.Lines.First < cut+6 {
			continue
		}
		key := strconv.Itoa(cut)
		h := s.scores.HeadLost[key]
		if h == nil {
			h = &HeadLoss{}
			s.scores.HeadLost[key] = h
		}
		doc, err := parse(bytes.Join(lines[from:], nil))
		var r *crash.Report
		if err == nil {
			r = first(doc)
		}
		h.Detected.add(r != nil)
		if r == nil {
			s.miss(c, "not found without its first %d lines", cut)
		}
		if r != nil && want.Guilty != nil {
			h.Guilty.add(r.Guilty != nil && same(r.Guilty.Function, want.Guilty.Function))
		}
	}
}
