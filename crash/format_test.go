package crash

import (
	"testing"
)

// Each entry of the tables is documented by a line; that line must be read by
// that very entry, through the same index as every line of a log.
func TestFormatExamples(t *testing.T) {
	g, err := compileGrammar()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var c captures
	for _, f := range Formats() {
		if seen[f.ID] {
			t.Errorf("format %s: the name is used twice", f.ID)
		}
		seen[f.ID] = true
		if !g.maybe([]byte(f.Example)) {
			t.Errorf("format %s: the prefilter drops its example %q", f.ID, f.Example)
		}
		got := g.headline([]byte(f.Example), &c)
		switch {
		case got == nil:
			t.Errorf("format %s: nothing reads its example %q", f.ID, f.Example)
		case got.ID != f.ID:
			t.Errorf("format %s: its example %q is read by %s, which stands before it", f.ID, f.Example, got.ID)
		}
	}
}

func TestDetailExamples(t *testing.T) {
	g, err := compileGrammar()
	if err != nil {
		t.Fatal(err)
	}
	var c captures
	for i := range g.details {
		d := &g.details[i]
		text := []byte(d.example)
		for len(text) > 0 && (text[0] == ' ' || text[0] == '\t') {
			text = text[1:]
		}
		if !d.p.match(text, &c) {
			t.Errorf("detail %s does not read its example %q", d.id, d.example)
		}
	}
}

// Lines that look like headlines and are none.
func TestNoHeadline(t *testing.T) {
	g, err := compileGrammar()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"",
		"WARNING: RO_VPD is uninitialized or empty.",
		"WARNING: /etc/ssh/moduli does not exist, using fixed modulus",
		"INFO:    MT8186 bl31_setup",
		"INFO: lockdep is turned off.",
		"INFO: recovery required on readonly filesystem",
		"Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on!",
		"DEBUG: BUG in the machine",
		"BUG: no syscalls can create resource",
		"perf: interrupt took too long (2509 > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
		"EXT4-fs (sda1): mounted filesystem with ordered data mode",
	} {
		var c captures
		if f := g.headline([]byte(line), &c); f != nil {
			t.Errorf("%q is read as %s", line, f.ID)
		}
	}
}

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern, line string
		want          map[string]string // nil: must not match
	}{
		{"{?NMI }{?watchdog: }BUG: soft lockup - CPU#{cpu:int} stuck for {secs:int}s! [{comm:any}:{pid:int}]",
			"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [kworker/0:1:158]",
			map[string]string{"cpu": "0", "secs": "22", "comm": "kworker/0:1", "pid": "158"}},
		{"{comm:any} invoked oom-killer: order={order:int}", "Web Content invoked oom-killer: order=0", map[string]string{"comm": "Web Content", "order": "0"}},
		{"a {x:one|two} b", "a two b", map[string]string{"x": "two"}},
		{"a {x:one|two} b", "a three b", nil},
		{"at {f:path}:{l:int} {s:sym}", "at mm/slub.c:12 foo+0x1/0x2 [mod] x", map[string]string{"f": "mm/slub.c", "l": "12", "s": "foo+0x1/0x2 [mod]"}},
		{"{1}[HW]", "{1}[HW] x", map[string]string{}},
		{"v {x:hex}", "v zz", nil},
		{"code({x:word})", "code(0x10) - y", map[string]string{"x": "0x10"}},
		{"v {x:rest}", "v", nil},
		{"v {x:rest}", "v all of it", map[string]string{"x": "all of it"}},
	}
	for _, tt := range tests {
		p, err := compilePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var c captures
		if got := p.match([]byte(tt.line), &c); got != (tt.want != nil) {
			t.Errorf("%q on %q: match = %v", tt.pattern, tt.line, got)
			continue
		}
		for name, v := range tt.want {
			if got := c.str(name); got != v {
				t.Errorf("%q on %q: %s = %q, want %q", tt.pattern, tt.line, name, got, v)
			}
		}
	}
	for _, bad := range []string{"{x:nosuchtype}", "a {x:int"} {
		if _, err := compilePattern(bad); err == nil {
			t.Errorf("pattern %q compiles", bad)
		}
	}
}
