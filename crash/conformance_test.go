package crash

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// The external cases are read where they are and never copied. Their header
// says what a peer makes of the log; what is neutral in that is compared: crash
// or not, kind of crash, guilty function, panicked.

type peerCase struct {
	name                string
	title, typ          string
	frame               string
	corrupted, panicked bool
	log                 []byte
}

var inFrame = regexp.MustCompile(` in ((?:<[a-zA-Z0-9_: ]+>)?[a-zA-Z0-9_:]+)`)

func peerCases(t testing.TB) []peerCase {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: set RINGSIDE_CORPUS to the folder of the shared corpus to run the conformance test")
	}
	files, err := filepath.Glob(filepath.Join(corpus, "crashlog/syzkaller/report/*"))
	if err != nil || len(files) == 0 {
		t.Skip("SKIPPED: no peer cases in RINGSIDE_CORPUS")
	}
	sort.Strings(files)
	var cases []peerCase
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte("\r"), nil)
		head, log, _ := bytes.Cut(data, []byte("\n\n"))
		if i := bytes.Index(log, []byte("\n\nREPORT:\n")); i >= 0 {
			log = log[:i+1]
		}
		c := peerCase{name: filepath.Base(f), log: log}
		for line := range strings.SplitSeq(string(head), "\n") {
			key, v, _ := strings.Cut(line, ": ")
			switch key {
			case "TITLE":
				c.title = v
			case "TYPE":
				c.typ = v
			case "FRAME":
				c.frame = v
			case "CORRUPTED":
				c.corrupted = v == "Y"
			case "PANICKED":
				c.panicked = v == "Y"
			}
		}
		if c.frame == "" {
			if m := lastMatch(inFrame, c.title); m != nil && m[1] != "corrupted" {
				c.frame = m[1]
			}
		}
		cases = append(cases, c)
	}
	return cases
}

func lastMatch(re *regexp.Regexp, s string) []string {
	all := re.FindAllStringSubmatch(s, -1)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// peerType maps a kind to the peer's coarser types.
func peerType(r *Report) string {
	switch r.Kind {
	case KindSoftLockup, KindHardLockup, KindRCUStall, KindHungTask, KindNetdevRef, KindWorkqueueLockup:
		return "HANG"
	case KindNullDeref:
		return "NULL-POINTER-DEREFERENCE"
	case KindPageFault, KindListCorruption:
		return "MEMORY_SAFETY_BUG"
	case KindWarning, KindKobject, KindODebug:
		return "WARNING"
	case KindRefcount:
		return "REFCOUNT_WARNING"
	case KindBug, KindUsercopy, KindFortify:
		return "BUG"
	case KindLeak:
		return "LEAK"
	case KindAtomicSleep:
		return "ATOMIC_SLEEP"
	case KindDeadlock, KindLockState, KindLockdep, KindRCUUsage, KindSpinlock, KindPreempt:
		return "LOCKDEP"
	case KindGPF, KindDivide, KindPanic, KindInvalidOpcode, KindStackSegment, KindDoubleFault, KindInt3, KindStackOverflow, KindStackCorruption, KindOops, KindExternalAbort, KindAlignment, KindSError:
		return "DoS"
	}
	return strings.ToUpper(string(r.Kind))
}

func TestPeerCases(t *testing.T) {
	var positives, detected, negatives, clean, frames, right, top3, types, typeRight, panics, panicRight int
	for _, c := range peerCases(t) {
		doc, err := Parse(context.Background(), bytes.NewReader(c.log), Options{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		first := firstReport(doc)
		if c.title == "" {
			negatives++
			if first == nil {
				clean++
			} else {
				t.Logf("case %s: false positive: %s", c.name, first.Title)
			}
			continue
		}
		switch {
		case strings.HasPrefix(c.typ, "SYZ"), strings.HasPrefix(c.title, "panic: "), strings.HasPrefix(c.title, "trusty"), c.typ == "REBOOT":
			continue // notions of a fuzzer and of its user space
		}
		positives++
		if first == nil {
			t.Logf("case %s: missed: %s", c.name, c.title)
			continue
		}
		detected++
		if c.typ != "" && !strings.HasPrefix(c.typ, "K") && c.typ != "UNKNOWN" {
			types++
			if got := peerType(first); got == c.typ || strings.HasSuffix(c.typ, "UBSAN") && got == "UBSAN" {
				typeRight++
			} else {
				t.Logf("case %s: type %s, want %s (%s): %s", c.name, got, c.typ, c.title, first.Title)
			}
		}
		panics++
		if first.Panicked == c.panicked {
			panicRight++
		} else {
			t.Logf("case %s: panicked %v, want %v: %s", c.name, first.Panicked, c.panicked, c.title)
		}
		if c.corrupted || c.frame == "" {
			continue
		}
		frames++
		got := ""
		if first.Guilty != nil {
			got = first.Guilty.Function
		}
		if strings.TrimPrefix(PortableName(got), "sys_") == strings.TrimPrefix(PortableName(c.frame), "sys_") {
			right++
			top3++
			continue
		}
		if near(first, c.frame, 3) {
			top3++
		}
		t.Logf("case %s: guilty %q, want %q: %s", c.name, got, c.frame, c.title)
	}
	floor := func(what string, got, of int, want float64) {
		if float64(got) < want*float64(of) {
			t.Errorf("%s: %d of %d, want at least %.0f %%", what, got, of, want*100)
		}
	}
	floor("detected", detected, positives, 0.99)
	floor("negatives left alone", clean, negatives, 1)
	floor("kind", typeRight, types, 0.95)
	floor("guilty function", right, frames, 0.93)
	floor("panicked", panicRight, panics, 0.98)
	t.Logf("detected %d/%d, negatives clean %d/%d, kind %d/%d, guilty function %d/%d (among the first three candidates %d), panicked %d/%d",
		detected, positives, clean, negatives, typeRight, types, right, frames, top3, panicRight, panics)
}

// firstReport is the first report of doc that is a crash and not an event.
func firstReport(doc *Document) *Report {
	for i := range doc.Reports {
		if doc.Reports[i].Kind.Weight() > WeightEvent {
			return &doc.Reports[i]
		}
	}
	return nil
}

// near reports whether function is among the first n candidates of the stack.
func near(r *Report, function string, n int) bool {
	noise := viewOf(r.Kind)
	for i := range r.Frames {
		f := &r.Frames[i]
		if !f.Reliable || f.Inline || noise.has(f.Function) {
			continue
		}
		if PortableName(f.Function) == PortableName(function) {
			return true
		}
		if n--; n == 0 {
			return false
		}
	}
	return false
}
