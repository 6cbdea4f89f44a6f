package object

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// corpusFile is the path of a file of the corpus of dumps.
func corpusFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set; set it to the corpus of real dumps")
	}
	return filepath.Join(dir, "vmcore", name)
}

// corpusWalk opens a dump of the corpus.
func corpusWalk(t testing.TB, name string) *kernel.Walk {
	t.Helper()
	f, err := os.Open(corpusFile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dump.Open([]dump.Input{{Name: name, R: f, Size: st.Size()}}, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), d, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k.Walk(t.Context())
}

// peerLines returns the lines that crash printed for a command.
func peerLines(t testing.TB, file, command string) (lines []string) {
	t.Helper()
	f, err := os.Open(corpusFile(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		switch line := sc.Text(); {
		case strings.HasPrefix(line, "crash> "):
			in = line == "crash> "+command
		case in:
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		t.Fatalf("%s has no answer to %q", file, command)
	}
	return lines
}

// noFaults fails the test where a walk could not read something of a good dump.
func noFaults(t *testing.T, w *kernel.Walk) {
	t.Helper()
	faults, more := w.Faults()
	for _, f := range faults {
		t.Errorf("%#x %s: %s", f.Addr, f.Path, f.Text)
	}
	if more > 0 {
		t.Errorf("and %d more", more)
	}
}

var peerDumps = map[string]string{"hang.kdump-zlib-d31": "crash-hang.txt", "oops.kdump-lzo-d31": "crash-oops.txt"}

// TestMemoryAgainstCrash compares the counters with those of crash's kmem -i,
// which leaves out what CPUs have not yet added to the totals.
func TestMemoryAgainstCrash(t *testing.T) {
	for name, answers := range peerDumps {
		t.Run(name, func(t *testing.T) {
			w := corpusWalk(t, name)
			m := MemoryOf(w)
			noFaults(t, w)
			found := 0
			for _, line := range peerLines(t, answers, "kmem -i") {
				label, rest := strings.TrimSpace(line[:min(13, len(line))]), strings.Fields(line[min(13, len(line)):])
				mine, ok := map[string]string{"TOTAL MEM": "MemTotal", "FREE": "MemFree", "CACHED": "Cached", "BUFFERS": "Buffers",
					"TOTAL SWAP": "SwapTotal", "TOTAL HUGE": "Hugetlb", "COMMIT LIMIT": "CommitLimit"}[label]
				if !ok || len(rest) == 0 {
					continue
				}
				want, err := strconv.ParseInt(rest[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				found++
				const pending = 250 // two CPUs, up to 125 each
				got := int64(m.Bytes(mine) / m.PageSize)
				if got-want > pending || want-got > pending || mine == "MemTotal" && got != want || mine == "CommitLimit" && got != want {
					t.Errorf("%s is %d pages, crash says %d", mine, got, want)
				}
			}
			if found < 7 {
				t.Errorf("only %d counters could be compared", found)
			}
			var zones, buddy uint64
			for _, n := range m.Nodes {
				for _, z := range n.Zones {
					zones += z.Managed
					for order, blocks := range z.Buddy {
						buddy += blocks << order
					}
				}
			}
			// crash counts the first page of each slab only; the caches know.
			var slabs uint64
			for _, c := range Slabs(w) {
				slabs += c.Bytes
			}
			if got := m.Bytes("Slab"); max(got, slabs)-min(got, slabs) > 8<<20 {
				t.Errorf("the caches have %d bytes, and the counters say %d", slabs, got)
			} else {
				t.Logf("slab: %d, caches %d", got, slabs)
			}
			if zones*m.PageSize != m.Bytes("MemTotal") {
				t.Errorf("the zones manage %d pages of %d", zones, m.Bytes("MemTotal")/m.PageSize)
			}
			if free := m.Bytes("MemFree") / m.PageSize; buddy != free {
				t.Errorf("the free lists have %d pages, and %d are free", buddy, free)
			}
		})
	}
}

// TestSlabsAgainstCrash compares every cache with crash's kmem -s. crash does not
// know all lists of a CPU, so that what is allocated may differ by a few.
func TestSlabsAgainstCrash(t *testing.T) {
	for name, answers := range peerDumps {
		t.Run(name, func(t *testing.T) {
			w := corpusWalk(t, name)
			mine := map[uint64]SlabCache{}
			for _, c := range Slabs(w) {
				mine[c.Addr] = c
			}
			noFaults(t, w)
			compared, differ := 0, 0
			for _, line := range peerLines(t, answers, "kmem -s")[1:] {
				f := strings.Fields(line)
				if len(f) != 7 {
					continue
				}
				addr, err := strconv.ParseUint(f[0], 16, 64)
				if err != nil {
					continue
				}
				var want [4]uint64
				for i := range want {
					if want[i], err = strconv.ParseUint(f[i+1], 10, 64); err != nil {
						t.Fatal(err)
					}
				}
				c := mine[addr]
				if c.Name != f[6] || c.ObjectSize != want[0] || c.Objects != want[2] || c.Slabs != want[3] {
					t.Errorf("%s: size %d, %d objects, %d slabs; crash says %q", c.Name, c.ObjectSize, c.Objects, c.Slabs, line)
				}
				if c.Used != want[1] {
					differ++
					t.Logf("%s: %d used, crash says %d of %d", c.Name, c.Used, want[1], want[2])
				}
				compared++
			}
			if compared < 150 || differ > compared/20 {
				t.Errorf("%d caches compared, in %d the used objects differ", compared, differ)
			}
		})
	}
}
