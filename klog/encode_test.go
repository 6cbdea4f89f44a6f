package klog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An event is what printk was told, whatever carries it.
type event struct {
	us     int64
	caller Caller
	level  int8
	text   string
}

func (e event) callerID() string {
	return map[CallerKind]string{CallerTask: "T", CallerCPU: "C"}[e.caller.Kind] + strconv.Itoa(int(e.caller.ID))
}

func (e event) stamp() string  { return fmt.Sprintf("[%5d.%06d]", e.us/1e6, e.us%1e6) }
func (e event) called() string { return e.stamp() + fmt.Sprintf("[%6s]", e.callerID()) }
func (e event) wall() time.Time {
	return time.Date(2026, 11, 23, 16, 29, 6, 0, time.UTC).Add(time.Duration(e.us) * time.Microsecond)
}

// oracle finds the messages of a console log without the package's help.
var oracle = regexp.MustCompile(`(?m)(?:<(\d)>)?\[ *(\d+)\.(\d{6})\] ([^\r\n]+)\r*$`)

// events reads a console log. Callers and levels that the log does not have
// are made up, so that every transport has something to keep.
func events(t testing.TB, name string) []event {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []event
	for i, m := range oracle.FindAllSubmatch(b, -1) {
		secs, _ := strconv.ParseInt(string(m[2]), 10, 64)
		frac, _ := strconv.ParseInt(string(m[3]), 10, 64)
		e := event{us: secs*1e6 + frac, level: int8(i % 8), text: string(m[4])}
		e.caller = Caller{CallerTask, uint32(1 + i*37%40000)}
		if i%5 == 0 {
			e.caller = Caller{CallerCPU, uint32(i % 128)}
		}
		all = append(all, e)
	}
	if len(all) < 50 {
		t.Fatalf("%s: found %d messages only", name, len(all))
	}
	return all
}

// keeps says which facts survive a transport.
type keeps struct {
	time, caller, level, wall bool
	wallUnit                  time.Duration
}

// A carrier writes events as one transport does.
type carrier struct {
	name      string
	transport Transport
	keeps     keeps
	encode    func([]event) []byte
}

// perLine makes an encoder of a format for one event.
func perLine(format func(event) string) func([]event) []byte {
	return func(all []event) []byte {
		var b bytes.Buffer
		for _, e := range all {
			b.WriteString(format(e))
			b.WriteByte('\n')
		}
		return b.Bytes()
	}
}

var (
	timeOnly   = keeps{time: true}
	timeCaller = keeps{time: true, caller: true}
	timeLevel  = keeps{time: true, level: true}
	everything = keeps{time: true, caller: true, level: true}
)

const escaped = "\x1b[32m"

func kmsgEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 127 || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func kmsgLine(e event, seq int) string {
	return fmt.Sprintf("%d,%d,%d,-,caller=%s;%s", e.level, seq, e.us, e.callerID(), kmsgEscape(e.text))
}

func encodeKmsg(all []event) []byte {
	var b bytes.Buffer
	for i, e := range all {
		fmt.Fprintf(&b, "%s\n", kmsgLine(e, 100+i))
		if i%7 == 0 {
			b.WriteString(" SUBSYSTEM=pci\n DEVICE=+pci:0000:00:1f.2\n")
		}
	}
	return b.Bytes()
}

// datagrams writes extended netconsole's: with a release in front, long ones
// in fragments, in disorder and some of them twice.
func datagrams(all []event) []string {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []string
	for i, e := range all {
		body := kmsgEscape(e.text)
		head := fmt.Sprintf("6.1.0-56-amd64,%d,%d,%d,-,caller=%s", e.level, i, e.us, e.callerID())
		if len(body) < 80 {
			out = append(out, head+";"+body)
			continue
		}
		for at := 0; at < len(body); at += 30 {
			out = append(out, fmt.Sprintf("%s,ncfrag=%d/%d;%s", head, at, len(body), body[at:min(at+30, len(body))]))
		}
	}
	for i := range out {
		if i > 0 && i%3 == 0 {
			j := i - rng.IntN(min(i, 6))
			if j > 0 { // the first sets the count
				out[i], out[j] = out[j], out[i]
			}
		}
		if i%11 == 0 {
			out = append(out[:i], append([]string{out[i]}, out[i:]...)...)
		}
	}
	return out
}

func pyBytes(s string) string {
	r := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "'", `\'`)
	return "b'" + r.Replace(s) + "'"
}

func journalEntry(e event) map[string]any {
	m := map[string]any{
		"__CURSOR":                    "s=abc",
		"__REALTIME_TIMESTAMP":        strconv.FormatInt(e.wall().UnixMicro(), 10),
		"_BOOT_ID":                    "6b1f2d",
		"_SOURCE_MONOTONIC_TIMESTAMP": strconv.FormatInt(e.us, 10),
		"_TRANSPORT":                  "kernel",
		"SYSLOG_IDENTIFIER":           "kernel",
		"SYSLOG_FACILITY":             "0",
		"PRIORITY":                    strconv.Itoa(int(e.level)),
		"_HOSTNAME":                   "host1",
		"MESSAGE":                     e.text,
	}
	return m
}

func journalJSON(arrays bool) func([]event) []byte {
	return perLine(func(e event) string {
		m := journalEntry(e)
		if arrays {
			n := make([]int, len(e.text))
			for i := range len(e.text) {
				n[i] = int(e.text[i])
			}
			m["MESSAGE"] = n
		}
		b, _ := json.Marshal(m)
		return string(b)
	})
}

func journalExport(all []event) []byte {
	var b bytes.Buffer
	for i, e := range all {
		m := journalEntry(e)
		fmt.Fprintf(&b, "__CURSOR=%s\n", m["__CURSOR"])
		delete(m, "__CURSOR")
		for _, k := range []string{"__REALTIME_TIMESTAMP", "_BOOT_ID", "_SOURCE_MONOTONIC_TIMESTAMP", "_TRANSPORT", "PRIORITY", "_HOSTNAME"} {
			fmt.Fprintf(&b, "%s=%s\n", k, m[k])
		}
		b.WriteString("_BLOB\n")
		binary.Write(&b, binary.LittleEndian, uint64(5))
		b.WriteString("a\n\n\x00z\n")
		if i%3 == 0 {
			b.WriteString("MESSAGE\n")
			binary.Write(&b, binary.LittleEndian, uint64(len(e.text)))
			fmt.Fprintf(&b, "%s\n\n", e.text)
		} else {
			fmt.Fprintf(&b, "MESSAGE=%s\n\n", e.text)
		}
	}
	return b.Bytes()
}

// pstore cuts the log into parts and writes them newest first.
func pstore(all []event) []byte {
	var parts []string
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "<%d>%s %s\n", e.level, e.called(), e.text)
		if b.Len() > 1500 {
			parts = append(parts, b.String())
			b.Reset()
		}
	}
	parts = append(parts, b.String())
	b.Reset()
	for i := range parts {
		fmt.Fprintf(&b, "Panic#2 Part%d\n%s", i+1, parts[len(parts)-1-i])
	}
	return []byte(b.String())
}

func relative(all []event) []byte {
	var b bytes.Buffer
	last := int64(-1)
	for _, e := range all {
		if last < 0 {
			fmt.Fprintf(&b, "[%s] %s\n", e.wall().Format("Jan02 15:04"), e.text)
		} else {
			d := e.us - last
			sign := '+'
			if d < 0 {
				sign, d = '-', -d
			}
			fmt.Fprintf(&b, "[%5s.%06d] %s\n", fmt.Sprintf("%c%d", sign, d/1e6), d%1e6, e.text)
		}
		last = e.us
	}
	return b.Bytes()
}

var second = time.Second

var carriers = underCI([]carrier{
	{"printk.time=0", Plain, keeps{}, perLine(func(e event) string { return e.text })},
	{"console", Console, timeOnly, perLine(func(e event) string { return e.stamp() + " " + e.text })},
	{"console caller", Console, timeCaller, perLine(func(e event) string { return e.called() + " " + e.text })},
	{"raw", Console, timeLevel, perLine(func(e event) string { return fmt.Sprintf("<%d>%s %s", e.level, e.stamp(), e.text) })},
	{"raw caller", Console, everything, perLine(func(e event) string { return fmt.Sprintf("<%d>%s %s", e.level, e.called(), e.text) })},
	{"raw no time", Console, keeps{level: true}, perLine(func(e event) string { return fmt.Sprintf("<%d>%s", e.level, e.text) })},
	{"caller no time", Console, keeps{caller: true}, perLine(func(e event) string { return fmt.Sprintf("[%6s] %s", e.callerID(), e.text) })},
	{"dmesg caller", Console, timeCaller, perLine(func(e event) string { return fmt.Sprintf("%s [%8s] %s", e.stamp(), e.callerID(), e.text) })},
	{"dmesg -T", DmesgHuman, keeps{wall: true, wallUnit: second}, perLine(func(e event) string { return e.wall().Format("[Mon Jan _2 15:04:05 2006] ") + e.text })},
	{"dmesg -T caller", DmesgHuman, keeps{wall: true, caller: true, wallUnit: second}, perLine(func(e event) string {
		return e.wall().Format("[Mon Jan _2 15:04:05 2006]") + fmt.Sprintf("[%6s] ", e.callerID()) + e.text
	})},
	{"dmesg iso caller", DmesgISO, keeps{wall: true, caller: true}, perLine(func(e event) string {
		return e.wall().Format("2006-01-02T15:04:05,000000-07:00") + fmt.Sprintf("[%6s] ", e.callerID()) + e.text
	})},
	{"dmesg iso", DmesgISO, keeps{wall: true}, perLine(func(e event) string { return e.wall().Format("2006-01-02T15:04:05,000000-07:00 ") + e.text })},
	{"dmesg -d", DmesgDelta, timeOnly, perLine(func(e event) string {
		return fmt.Sprintf("%s <%5d.%06d>] %s", strings.TrimSuffix(e.stamp(), "]"), 0, 12, e.text)
	})},
	{"dmesg -e", DmesgDelta, keeps{}, relative},
	{"dmesg -x", DmesgDecoded, timeLevel, perLine(func(e event) string {
		return fmt.Sprintf("%-6s:%-6s: %s %s", "kern", levelNames[e.level], e.stamp(), e.text)
	})},
	{"dmesg -x -T", DmesgDecoded, keeps{level: true, wall: true, wallUnit: second}, perLine(func(e event) string {
		return fmt.Sprintf("%-6s:%-6s: %s%s", "kern", levelNames[e.level], e.wall().Format("[Mon Jan _2 15:04:05 2006] "), e.text)
	})},
	{"kmsg", Kmsg, everything, encodeKmsg},
	{"netconsole", Netconsole, everything, func(all []event) []byte { return []byte(strings.Join(datagrams(all), "\n") + "\n") }},
	{"netconsole capture", Netconsole, everything, func(all []event) []byte {
		d := datagrams(all)
		for i := range d {
			d[i] = pyBytes(d[i])
		}
		return []byte(strings.Join(d, "\n") + "\n")
	}},
	{"netconsole basic capture", Console, timeCaller, perLine(func(e event) string { return pyBytes(e.called() + " " + e.text + "\n") })},
	{"syslog 3164", Syslog3164, timeCaller, perLine(func(e event) string {
		return e.wall().Format(time.Stamp) + " host1 kernel: " + e.called() + " " + e.text
	})},
	{"syslog 3164 tabs", Syslog3164, timeCaller, perLine(func(e event) string {
		return e.wall().Format(time.Stamp) + " host1 kernel: " + e.called() + " " + strings.ReplaceAll(e.text, "\t", "#011")
	})},
	{"syslog 3164 pri", Syslog3164, everything, perLine(func(e event) string {
		return fmt.Sprintf("<%d>%s host1 kernel: %s %s", e.level, e.wall().Format(time.Stamp), e.called(), e.text)
	})},
	{"syslog no time", Syslog3164, keeps{}, perLine(func(e event) string { return e.wall().Format(time.Stamp) + " host1 kernel: " + e.text })},
	{"syslog iso", Syslog3164, keeps{time: true, caller: true, wall: true}, perLine(func(e event) string {
		return e.wall().Format("2006-01-02T15:04:05.000000-07:00") + " host1 kernel: " + e.called() + " " + e.text
	})},
	{"syslog netconsole", Syslog3164, timeCaller, perLine(func(e event) string { return e.wall().Format(time.Stamp) + " 192.168.1.7 " + e.called() + " " + e.text })},
	{"syslog 5424", Syslog5424, keeps{true, true, true, true, 0}, perLine(func(e event) string {
		return fmt.Sprintf("<%d>1 %s host1 kernel - - - %s %s", e.level, e.wall().Format("2006-01-02T15:04:05.000000Z07:00"), e.called(), e.text)
	})},
	{"syslog 5424 data", Syslog5424, keeps{level: true, wall: true}, perLine(func(e event) string {
		return fmt.Sprintf(`<%d>1 %s host1 kernel - - [meta a="x\"] y" b="1"][t] %s`, e.level, e.wall().Format("2006-01-02T15:04:05.000000Z07:00"), e.text)
	})},
	{"busybox syslogd", Syslog3164, everything, perLine(func(e event) string {
		return fmt.Sprintf("%s host1 kern.%s kernel: %s %s", e.wall().Format(time.Stamp), levelNames[e.level], e.called(), e.text)
	})},
	{"logread", Syslog3164, everything, perLine(func(e event) string {
		return fmt.Sprintf("%s kern.%s kernel: %s %s", e.wall().Format(time.ANSIC), levelNames[e.level], e.called(), e.text)
	})},
	{"journal short-precise", Journal, keeps{}, perLine(func(e event) string { return e.wall().Format(time.StampMicro) + " host1 kernel: " + e.text })},
	{"journal short-iso", Journal, keeps{wall: true, wallUnit: second}, perLine(func(e event) string {
		return e.wall().Format("2006-01-02T15:04:05-0700") + " host1 kernel: " + e.text
	})},
	{"journal short-full", Journal, keeps{wall: true, wallUnit: second}, perLine(func(e event) string {
		return e.wall().Format("Mon 2006-01-02 15:04:05 MST") + " host1 kernel: " + e.text
	})},
	{"journal short-monotonic", Journal, timeOnly, perLine(func(e event) string { return e.stamp() + " host1 kernel: " + e.text })},
	{"journal short-unix", Journal, keeps{wall: true}, perLine(func(e event) string {
		return fmt.Sprintf("%d.%06d host1 kernel: %s", e.wall().Unix(), e.wall().Nanosecond()/1000, e.text)
	})},
	{"journal no hostname", Syslog3164, keeps{}, perLine(func(e event) string { return e.wall().Format(time.Stamp) + " kernel: " + e.text })},
	{"journal json", JournalJSON, keeps{time: true, level: true, wall: true}, journalJSON(false)},
	{"journal json arrays", JournalJSON, keeps{time: true, level: true, wall: true}, journalJSON(true)},
	{"journal export", JournalExport, keeps{time: true, level: true, wall: true}, journalExport},
	{"pstore", Console, everything, pstore},
	{"crlf", Console, timeCaller, perLine(func(e event) string { return e.called() + " " + e.text + "\r" })},
	{"dmesg colours", Console, timeOnly, perLine(func(e event) string {
		return escaped + e.stamp() + " \x1b[0m\x1b[1;33m" + e.text + "\x1b[0m"
	})},
	{"lava yaml", CI, timeCaller, perLine(func(e event) string {
		b, _ := json.Marshal(e.called() + " " + e.text + "\n")
		return fmt.Sprintf(`- {"dt": "%s", "lvl": "target", "msg": %s}`, e.wall().Format("2006-01-02T15:04:05.000000"), b)
	})},
})

// ciStamps are what test systems put in front of a line.
var ciStamps = []struct {
	name  string
	wall  bool
	stamp func(event) string
}{
	{"lava", true, func(e event) string { return e.wall().Format("2006-01-02T15:04:05.000000 ") }},
	{"kernelci", false, func(e event) string { return e.wall().Format("15:04:05.000000  ") }},
	{"github", true, func(e event) string { return e.wall().Format("2006-01-02T15:04:05.0000000Z ") }},
	{"gitlab", true, func(e event) string { return e.wall().Format("2006-01-02T15:04:05.000000Z 01O ") }},
	{"jenkins", true, func(e event) string { return e.wall().Format("[2006-01-02T15:04:05.000000Z] ") }},
	{"jenkins clock", false, func(e event) string { return e.wall().Format("[15:04:05] ") }},
	{"ts", false, func(e event) string { return e.wall().Format("Jan 02 15:04:05 ") }},
	{"ts -s", false, func(e event) string { return e.wall().Format("15:04:05 ") }},
	{"ts %.s", true, func(e event) string {
		return fmt.Sprintf("%d.%06d ", e.wall().Unix(), e.wall().Nanosecond()/1000)
	}},
	{"github over lava", true, func(e event) string {
		return e.wall().Format("2006-01-02T15:04:05.0000000Z ") + e.wall().Format("2006-01-02T15:04:05.000  ")
	}},
}

// underCI adds, to the carriers, console lines under every CI stamp.
func underCI(all []carrier) []carrier {
	inner := map[string]bool{"console": true, "console caller": true, "raw caller": true, "raw no time": true, "crlf": true, "dmesg colours": true}
	for _, c := range all {
		if !inner[c.name] {
			continue
		}
		for _, s := range ciStamps {
			k := c.keeps
			k.wall = s.wall
			all = append(all, carrier{s.name + " + " + c.name, CI, k, perLine(func(e event) string {
				line := c.encode([]event{e})
				return s.stamp(e) + string(line[:len(line)-1])
			})})
		}
	}
	return all
}
