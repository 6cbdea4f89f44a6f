package probe

import (
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// Counters are what a kernel has counted since its boot, by name, and its
// pressures. A counter that it does not have is missing.
type Counters struct {
	Counts    map[string]uint64
	Pressures []Pressure
}

// Pressure is the share of time in which tasks waited for a resource (PSI), in
// percent over the last ten seconds: some of them, or all that were not idle.
type Pressure struct {
	Resource string  `json:"resource"`
	Some     float64 `json:"some_percent"`
	Full     float64 `json:"full_percent"`
}

// counted are the lines of files under /proc that are read: the file, the first
// word of the line, and the name of the counter.
var counted = []struct{ file, word, name string }{
	{"proc/stat", "ctxt", "context switches"},
	{"proc/stat", "intr", "interrupts"},
	{"proc/stat", "processes", "tasks made"},
	{"proc/vmstat", "pgfault", "page faults"},
	{"proc/vmstat", "pgmajfault", "page faults that read from disk"},
	{"proc/vmstat", "allocstall_normal", "direct reclaims"},
	{"proc/vmstat", "allocstall_movable", "direct reclaims"},
	{"proc/vmstat", "pswpin", "pages swapped in"},
	{"proc/vmstat", "oom_kill", "OOM kills"},
}

// ReadCounters reads them out of a machine's files.
func ReadCounters(root fs.FS) Counters {
	c := Counters{Counts: map[string]uint64{}}
	files := map[string]string{}
	read := func(name string) string {
		if text, ok := files[name]; ok {
			return text
		}
		f, err := root.Open(name)
		if err != nil {
			return ""
		}
		defer f.Close()
		b, _ := io.ReadAll(io.LimitReader(f, 1<<20)) // what could be read is read
		files[name] = string(b)
		return files[name]
	}
	for _, x := range counted {
		for line := range strings.Lines(read(x.file)) {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != x.word {
				continue
			}
			if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				c.Counts[x.name] += n
			}
		}
	}
	paired(c.Counts, read("proc/net/snmp"), "Tcp:", "RetransSegs", "TCP segments sent again")
	paired(c.Counts, read("proc/net/netstat"), "TcpExt:", "ListenDrops", "TCP connections dropped")
	for line := range strings.Lines(read("proc/net/softnet_stat")) {
		f := strings.Fields(line)
		for i, name := range []string{"packets received", "packets dropped at the backlog", "network budget used up"} {
			if i < len(f) {
				if n, err := strconv.ParseUint(f[i], 16, 64); err == nil {
					c.Counts[name] += n
				}
			}
		}
	}
	for _, resource := range []string{"cpu", "memory", "io"} {
		p := Pressure{Resource: resource}
		text := read("proc/pressure/" + resource)
		for line := range strings.Lines(text) {
			kind, rest, _ := strings.Cut(line, " avg10=")
			number, _, _ := strings.Cut(rest, " ")
			v, err := strconv.ParseFloat(number, 64)
			switch {
			case err != nil:
			case kind == "some":
				p.Some = v
			case kind == "full":
				p.Full = v
			}
		}
		if text != "" {
			c.Pressures = append(c.Pressures, p)
		}
	}
	return c
}

// paired reads a counter out of files that have a line of names before each line
// of numbers.
func paired(to map[string]uint64, text, prefix, field, name string) {
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != prefix {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i := range min(len(f), len(names)) {
			if names[i] == field {
				if n, err := strconv.ParseUint(f[i], 10, 64); err == nil {
					to[name] = n
				}
			}
		}
		return
	}
}
