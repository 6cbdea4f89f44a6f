package vmcore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringside/crash"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// corpusDump is the path of a dump of the corpus.
func corpusDump(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set; set it to the corpus of real dumps")
	}
	return filepath.Join(dir, "vmcore", name)
}

func openPath(t testing.TB, path string) *kernel.Kernel {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dump.Open([]dump.Input{{Name: path, R: f, Size: st.Size()}}, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), d, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func triagePath(t testing.TB, path string) *Document {
	t.Helper()
	doc, err := Triage(t.Context(), openPath(t, path), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestVerdict: what each dump is about comes first, and nothing of it is missing.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		dump  string
		kind  string
		title string
		tasks int
		mods  []string
	}{
		{"hang.kdump-zlib-d31", FindingDeadlock, "deadlock of klab-abba-1:110 and klab-abba-2:111 over mutex klab_b [klab] and mutex klab_a [klab]", 67, []string{"klab", "qemu_fw_cfg", "loop", "dummy"}},
		{"oops.kdump-lzo-d31", FindingCrash, "null-ptr-deref in klab_deref [klab]", 0, nil},
		{"sysrq.kdump-zlib-d31.flat", FindingRequested, "panic: sysrq triggered crash in sysrq_handle_crash", 0, nil},
		{"oops612.kdump-zstd-d31", FindingCrash, "null-ptr-deref in klab_deref [klab]", 0, nil},
	} {
		t.Run(c.dump, func(t *testing.T) {
			doc := triagePath(t, corpusDump(t, c.dump))
			if f := doc.Findings[0]; f.Kind != c.kind || f.Title != c.title || f.Rank != 1 {
				t.Errorf("first finding %d %s %q, want %s %q", f.Rank, f.Kind, f.Title, c.kind, c.title)
			}
			if doc.Rung != kernel.RungBTF {
				t.Errorf("rung %v, want btf: %+v", doc.Rung, doc.Ladder)
			}
			for _, s := range doc.Sections.Status {
				if s.Error != "" {
					t.Errorf("%s: %s", s.Section, s.Error)
				}
			}
			// Idle tasks have no PID of their own; there is one for each CPU.
			n := 0
			for _, task := range doc.Sections.Tasks.Tasks {
				if task.TID != 0 {
					n++
				}
				if task.Unwound != "" {
					t.Errorf("%s:%d: the stack ends: %s", task.Comm, task.TID, task.Unwound)
				}
				if len(task.Frames) == 0 && task.UserPC == nil {
					t.Errorf("%s:%d has no stack", task.Comm, task.TID)
				}
			}
			if c.tasks != 0 && n != c.tasks {
				t.Errorf("%d tasks, want %d", n, c.tasks)
			}
			var mods []string
			for _, m := range doc.Sections.Modules {
				mods = append(mods, m.Name)
			}
			if c.mods != nil && !slices.Equal(mods, c.mods) {
				t.Errorf("modules %v, want %v", mods, c.mods)
			}
			for _, cpu := range doc.Sections.CPUs {
				if cpu.Regs == nil || len(cpu.Frames) == 0 {
					t.Errorf("CPU %d: no registers or no stack", cpu.Number)
				}
			}
		})
	}
}

// TestStacksLikeDrgn compares the kernel's addresses of every stack with what
// drgn says with DWARF.
func TestStacksLikeDrgn(t *testing.T) {
	doc := triagePath(t, corpusDump(t, "hang.kdump-zlib-d31"))
	raw, err := os.ReadFile(corpusDump(t, "frames.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, task := range doc.Sections.Tasks.Tasks {
		pcs, ok := want[fmt.Sprint(task.TID)]
		if !ok || task.TID == 0 {
			continue
		}
		delete(want, fmt.Sprint(task.TID))
		pcs = slices.DeleteFunc(pcs, func(pc string) bool { return !strings.HasPrefix(pc, "0xffff") })
		var got []string
		for _, f := range task.Frames {
			if !f.Unreliable {
				got = append(got, f.PC.String())
			}
		}
		if slices.Equal(got, pcs) {
			same++
		} else if !task.OnCPU {
			t.Errorf("%s:%d\n got %v\nwant %v", task.Comm, task.TID, got, pcs)
		}
	}
	for tid := range want {
		t.Errorf("task %s is missing", tid)
	}
	t.Logf("%d stacks are the same", same)
	if same < 65 {
		t.Errorf("%d stacks are the same, want at least the 65 of tasks that were on no CPU", same)
	}
}

// callerColumn is what the other tool writes between time and text.
var callerColumn = regexp.MustCompile(`^(\[ *\d+\.\d+\] )\[ *[TC]\d+\] `)

// TestLogLikeMakedumpfile compares the log with makedumpfile --dump-dmesg, whose
// lines have another column for the caller and indent what continues.
func TestLogLikeMakedumpfile(t *testing.T) {
	for _, name := range []string{"hang", "oops", "sysrq"} {
		t.Run(name, func(t *testing.T) {
			matches, err := filepath.Glob(corpusDump(t, name+".kdump*"))
			if err != nil || len(matches) != 1 {
				t.Fatalf("%v, %v", matches, err)
			}
			var got bytes.Buffer
			stats, err := object.Log(openPath(t, matches[0]).Walk(t.Context()), func(r object.Record) bool {
				return object.LogStyle{}.Write(&got, r) == nil
			})
			if err != nil || stats.Lost != 0 {
				t.Fatalf("%+v, %v", stats, err)
			}
			raw, err := os.ReadFile(corpusDump(t, name+".dmesg.txt"))
			if err != nil {
				t.Fatal(err)
			}
			have, want := strings.Split(got.String(), "\n"), strings.Split(string(raw), "\n")
			if len(have) != len(want) {
				t.Errorf("%d lines, want %d", len(have), len(want))
			}
			for i := range min(len(have), len(want)) {
				w := callerColumn.ReplaceAllString(want[i], "$1")
				h := have[i]
				if !strings.HasPrefix(w, "[") {
					_, h, _ = strings.Cut(h, "] ")
					w = strings.TrimSpace(w)
					h = strings.TrimSpace(h)
				}
				if h != w {
					t.Fatalf("line %d\n got %q\nwant %q", i+1, h, w)
				}
			}
		})
	}
}

// TestSignatureOfConsole: the dump of a crash and its console log have the same
// signatures.
func TestSignatureOfConsole(t *testing.T) {
	for _, name := range []string{"hang", "oops", "sysrq"} {
		t.Run(name, func(t *testing.T) {
			matches, _ := filepath.Glob(corpusDump(t, name+".kdump*"))
			doc := triagePath(t, matches[0])
			f, err := os.Open(corpusDump(t, name+".dmesg.txt"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want, err := crash.Parse(t.Context(), f, crash.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(doc.Crash.Reports) != len(want.Reports) {
				t.Fatalf("%d reports, want %d", len(doc.Crash.Reports), len(want.Reports))
			}
			for i := range want.Reports {
				if got := doc.Crash.Reports[i].Signature; !reflect.DeepEqual(got, want.Reports[i].Signature) {
					t.Errorf("report %d: signature %+v, want %+v", i, got, want.Reports[i].Signature)
				}
			}
		})
	}
}

// TestGroups: tasks with the same stack are one group.
func TestGroups(t *testing.T) {
	doc := triagePath(t, corpusDump(t, "hang.kdump-zlib-d31"))
	s := doc.Sections.Tasks
	total := 0
	for i, g := range s.Groups {
		total += g.Count
		if i > 0 {
			p := s.Groups[i-1]
			if cmp.Or(cmp.Compare(stateRank(p.State), stateRank(g.State)), cmp.Compare(g.Count, p.Count)) > 0 {
				t.Errorf("group %d is not in order", i)
			}
		}
	}
	if total != s.Count || len(s.Groups) >= s.Count {
		t.Errorf("%d groups of %d tasks, want all %d in fewer groups", len(s.Groups), total, s.Count)
	}
	for _, task := range s.Tasks {
		if g := s.Groups[task.Group]; g.State != task.State || len(g.Frames) != len(task.Frames) {
			t.Errorf("%s:%d is in the wrong group", task.Comm, task.TID)
		}
	}
}

func BenchmarkTriage(b *testing.B) {
	for _, name := range []string{"hang.kdump-zlib-d31", "oops.kdump-lzo-d31", "oops612.kdump-zstd-d31"} {
		b.Run(name, func(b *testing.B) {
			path := corpusDump(b, name)
			b.ReportAllocs()
			for b.Loop() {
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				st, _ := f.Stat()
				d, err := dump.Open([]dump.Input{{Name: path, R: f, Size: st.Size()}}, dump.Options{})
				if err != nil {
					b.Fatal(err)
				}
				k, err := kernel.Open(context.Background(), d, kernel.Options{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Triage(context.Background(), k, Options{}); err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}
