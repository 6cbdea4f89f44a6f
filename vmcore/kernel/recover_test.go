package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ringside/vmcore/dump"
)

// TestRecover takes a kernel's symbols away and finds its variables without them.
func TestRecover(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: no dump to read")
	}
	for _, name := range []string{"hang.kdump-zlib-d31", "oops612.kdump-zstd-d31"} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(filepath.Join(corpus, "vmcore", name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			d, err := dump.Open([]dump.Input{{Name: name, R: f, Size: info.Size()}}, dump.Options{})
			if err != nil {
				t.Fatal(err)
			}
			k, err := Open(t.Context(), d, Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]uint64{}
			for _, symbol := range []string{"init_task", "modules", "runqueues", "__per_cpu_offset"} {
				want[symbol], _ = k.Symbol(symbol)
			}
			offsets, modules := slices.Clone(k.cpus.offsets), len(k.modules)

			k.syms, k.modules = nil, nil
			w := k.Walk(t.Context())
			k.recoverVariables(w)
			k.loadPerCPU(w)
			k.loadModules(w)
			for _, symbol := range []string{"init_task", "modules"} {
				if got, ok := k.Symbol(symbol); !ok || got != want[symbol] {
					t.Errorf("%s is at %#x, want %#x", symbol, got, want[symbol])
				}
			}
			if len(k.modules) != modules {
				t.Errorf("%d modules, want %d", len(k.modules), modules)
			}
			if len(k.CPUs()) != len(offsets) {
				t.Fatalf("CPUs %v, want %d", k.CPUs(), len(offsets))
			}
			for cpu, off := range offsets {
				rq, ok := k.Symbol("runqueues")
				if got, fits := k.PerCPU(rq, cpu); !ok || !fits || got != want["runqueues"]+off {
					t.Errorf("the run queue of CPU %d is at %#x, want %#x", cpu, got, want["runqueues"]+off)
				}
			}
			if at, ok := k.PerCPU(want["init_task"], 0); ok {
				t.Errorf("a pointer that is no per-CPU variable is at %#x", at)
			}
		})
	}
}
