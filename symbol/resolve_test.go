package symbol_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ringside/symbol"
)

var testKernel = symbol.Identity{Release: "6.99.0-ringside", Version: "#1 SMP Ringside 6.99.0-1", Kernel: true}

func TestResolve(t *testing.T) {
	kernel, module := openFile(t, "testdata/kernel.elf"), openFile(t, "testdata/demo.ko")
	moduleID := module.Identity().BuildID
	withID := testKernel
	withID.BuildID = kernelID
	wrongID := testKernel
	wrongID.BuildID = otherID
	rebuilt := testKernel
	rebuilt.Version = "#2 SMP Ringside 6.99.0-2"
	newer := testKernel
	newer.Release = "7.0.0"
	kallsyms, err := symbol.ReadKallsyms(strings.NewReader("ffffffff91000000 T _stext\nffffffff91000020 T deref\nffffffff91000040 T middle\nffffffffc0000000 t demo_deref\t[demo]\nffffffffc0000010 t demo_fail\t[demo]\n"))
	if err != nil {
		t.Fatal(err)
	}
	plain := &symbol.Resolver{Files: []*symbol.File{kernel, module}}
	moved := &symbol.Resolver{Files: []*symbol.File{kernel, module}, Offset: 0x10000000}
	running := &symbol.Resolver{Files: []*symbol.File{kernel, module}, Kallsyms: kallsyms}

	for _, tt := range []struct {
		name     string
		r        *symbol.Resolver
		q        symbol.Query
		want     []string // lines of each answer
		verified symbol.Verification
		err      string
	}{
		{"program counter", plain, symbol.Query{Name: "middle", Offset: 0x23, Size: 0x30, Kernel: testKernel},
			[]string{"middle kernel.c:35"}, symbol.ByVersion, ""},
		{"return address", plain, symbol.Query{Name: "middle", Offset: 0x23, Size: 0x30, Return: true, Kernel: testKernel},
			[]string{"middle kernel.c:34"}, symbol.ByVersion, ""},
		{"return address at the end", plain, symbol.Query{Name: "deref", Offset: 0x11, Size: 0x20, Return: true},
			[]string{"deref kernel.c:27"}, symbol.Unverified, ""},
		{"inlined calls", plain, symbol.Query{Name: "deref", Offset: 4, Size: 0x20, Kernel: withID},
			[]string{"thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < deref kernel.c:26"}, symbol.ByBuildID, ""},
		{"size decides", plain, symbol.Query{Name: "helper", Offset: 0, Size: 0x50}, []string{"helper other.c:7"}, symbol.Unverified, ""},
		{"size does not decide", plain, symbol.Query{Name: "twin", Offset: 3, Size: 0x10},
			[]string{"twin kernel.c:22", "twin other.c:17"}, symbol.Unverified, ""},
		{"no size", plain, symbol.Query{Name: "helper", Offset: 0}, []string{"helper kernel.c:14", "helper other.c:7"}, symbol.Unverified, ""},
		{"module", plain, symbol.Query{Name: "demo_deref", Offset: 4, Module: "demo", BuildID: strings.ToUpper(moduleID)},
			[]string{"thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < demo_deref module.c:17"}, symbol.ByBuildID, ""},
		{"last function of a module", plain, symbol.Query{Name: "demo_fail", Offset: 0xe, Size: 0x1ff6, Module: "demo", Kernel: testKernel},
			[]string{"demo_fail module.c:22"}, symbol.Unverified, ""},
		{"raw address", moved, symbol.Query{Address: 0xffffffff91000024}, []string{"thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < deref kernel.c:26"}, symbol.Unverified, ""},
		{"raw return address", moved, symbol.Query{Address: 0xffffffff9100004b, Return: true}, []string{"middle kernel.c:31"}, symbol.Unverified, ""},
		{"kallsyms", running, symbol.Query{Address: 0xffffffff91000024}, []string{"thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < deref kernel.c:26"}, symbol.Unverified, ""},
		{"kallsyms, module", running, symbol.Query{Address: 0xffffffffc0000006}, []string{"thing_next_count small.h:14 [inline] < demo_deref module.c:17"}, symbol.Unverified, ""},

		{"other build ID", plain, symbol.Query{Name: "middle", Offset: 1, Size: 0x30, Kernel: wrongID}, nil, "", "its build ID is " + kernelID + ", the log's is " + otherID},
		{"other build ID of a module", plain, symbol.Query{Name: "demo_deref", Module: "demo", BuildID: otherID}, nil, "", "its build ID is " + moduleID + ", the log's is " + otherID},
		{"other version", plain, symbol.Query{Name: "middle", Offset: 1, Size: 0x30, Kernel: rebuilt}, nil, "", "its version is #1 SMP Ringside 6.99.0-1, the log's is #2"},
		{"other release", plain, symbol.Query{Name: "middle", Offset: 1, Size: 0x30, Kernel: newer}, nil, "", "its kernel release is 6.99.0-ringside, the log's is 7.0.0"},
		{"other size", plain, symbol.Query{Name: "middle", Offset: 1, Size: 0x40, Kernel: testKernel}, nil, "", "its size of middle is 0x30, the log's is 0x40"},
		{"beyond the function", plain, symbol.Query{Name: "middle", Offset: 0x31, Kernel: withID}, nil, "", "size of middle"},
		{"unknown function", plain, symbol.Query{Name: "nowhere", Offset: 1, Size: 2}, nil, "", "does not have the function"},
		{"unknown module", plain, symbol.Query{Name: "x", Module: "xfs"}, nil, "", "there is no file for module xfs"},
		{"raw address, not moved", plain, symbol.Query{Address: 0xffffffffa1000024}, nil, "", "Kernel Offset:"},
		{"below all of kallsyms", running, symbol.Query{Address: 0x1000}, nil, "", "outside of all that kallsyms lists"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answers, err := tt.r.Resolve(t.Context(), tt.q)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one that says %q", err, tt.err)
				}
				var mismatch *symbol.MismatchError
				if errors.As(err, &mismatch) == errors.Is(err, symbol.ErrNotFound) {
					t.Errorf("it is one of ErrNotFound and MismatchError: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(answers) != len(tt.want) {
				t.Fatalf("%d answers, want %d: %+v", len(answers), len(tt.want), answers)
			}
			for i, a := range answers {
				if short(a.Lines) != tt.want[i] || a.Verified != tt.verified || a.Ambiguous != (len(tt.want) > 1) {
					t.Errorf("%s, %s, ambiguous %v (%s); want %s, %s", short(a.Lines), a.Verified, a.Ambiguous, a.Note, tt.want[i], tt.verified)
				}
			}
		})
	}
}

// A file that was found is asked for once, and closed with the resolver.
func TestResolverFinds(t *testing.T) {
	store := symbol.OpenStore(t.TempDir())
	for _, name := range []string{"kernel.elf", "demo.ko"} {
		if _, err := store.Add(filepath.Join("testdata", name), ""); err != nil {
			t.Fatal(err)
		}
	}
	r := &symbol.Resolver{Finders: []symbol.Finder{symbol.OpenTree(t.TempDir()), store}}
	for range 2 {
		for _, q := range []symbol.Query{
			{Name: "middle", Offset: 0xb, Size: 0x30, Kernel: testKernel},
			{Name: "demo_deref", Offset: 4, Module: "demo", Kernel: testKernel},
		} {
			answers, err := r.Resolve(t.Context(), q)
			if err != nil || len(answers) != 1 || !strings.HasPrefix(answers[0].File, store.Dir()) {
				t.Errorf("%v: %+v, %v", q, answers, err)
			}
		}
	}
	unknown := symbol.Query{Name: "middle", Offset: 1, Kernel: symbol.Identity{Release: "1.2.3", Kernel: true}}
	if _, err := r.Resolve(t.Context(), unknown); !errors.Is(err, symbol.ErrNotFound) || !strings.Contains(err.Error(), "1.2.3") {
		t.Errorf("an unknown release gives %v", err)
	}
	r.Close()
}

// One resolver serves many goroutines.
func TestResolveTogether(t *testing.T) {
	store := symbol.OpenStore(t.TempDir())
	if _, err := store.Add("testdata/kernel-noaranges.elf", ""); err != nil {
		t.Fatal(err)
	}
	r := &symbol.Resolver{Finders: []symbol.Finder{store}}
	defer r.Close()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			q := symbol.Query{Name: "middle", Offset: 0x23, Size: 0x30, Return: i%2 == 0, Kernel: testKernel}
			want := "middle kernel.c:35"
			if q.Return {
				want = "middle kernel.c:34"
			}
			answers, err := r.Resolve(t.Context(), q)
			if err != nil || len(answers) != 1 || short(answers[0].Lines) != want {
				t.Errorf("%+v, %v; want %s", answers, err, want)
			}
		})
	}
	wg.Wait()
}
