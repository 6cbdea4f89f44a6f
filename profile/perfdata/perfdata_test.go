package perfdata

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

func corpus(t testing.TB) string {
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set")
	}
	return filepath.Join(dir, "profile")
}

func open(t testing.TB, path string, l Limits) *File {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.IsDir() {
		f, err := OpenDir(os.DirFS(path), func(name string) (io.ReaderAt, int64, error) {
			r, err := os.Open(filepath.Join(path, name))
			if err != nil {
				return nil, 0, err
			}
			t.Cleanup(func() { r.Close() })
			st, err := r.Stat()
			if err != nil {
				return nil, 0, err
			}
			return r, st.Size(), nil
		}, l)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	f, err := Open(r, st.Size(), l)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A line is what perf script prints of one sample, as far as it is compared: of
// the addresses, their offsets in a page.
type line struct {
	comm, event string
	tid         int
	time        string
	chain       string
}

// ours gives the samples as perf script would print them.
func ours(t testing.TB, f *File) []line {
	t.Helper()
	comms := map[int32]string{0: "swapper"}
	values := map[uint64]uint64{}
	var list []line
	for r, err := range f.Records() {
		if err != nil {
			t.Fatal(err)
		}
		switch r.Type {
		case RecordComm:
			if c, ok := f.Comm(r); ok {
				comms[c.TID] = c.Name
			}
		case RecordFork:
			if k, ok := f.Task(r); ok {
				comms[k.TID] = comms[k.ParentTID]
			}
		case RecordSample:
			l := line{tid: int(r.TID), event: f.Attrs[r.Attr].Name, comm: comms[r.TID]}
			us := r.Time / 1000
			if l.comm == "" {
				l.comm = ":" + strconv.Itoa(l.tid) // what nobody has named
			}
			l.time = strconv.FormatUint(us/1e6, 10) + "." + strconv.FormatUint(1e6+us%1e6, 10)[1:]
			var chain []string
			for _, ip := range r.Callchain {
				if ip < ContextMax {
					chain = append(chain, pageOffset(strconv.FormatUint(ip, 16)))
				}
			}
			l.chain = strings.Join(chain, " ")
			if len(r.Members) == 0 {
				list = append(list, l)
			}
			for _, m := range r.Members {
				if m.Value != values[m.ID] { // a counter that stood still has no sample
					values[m.ID] = m.Value
					l.event = f.Attrs[m.Attr].Name
					list = append(list, l)
				}
			}
		}
	}
	return list
}

// pageOffset is what of an address is the same before and after perf has made
// it relative to its object.
func pageOffset(ip string) string {
	v, _ := strconv.ParseUint(ip, 16, 64)
	return strconv.FormatUint(v&0xfff, 16)
}

var header = regexp.MustCompile(`^ *(.+?) +(-?\d+)(?:/\d+)? +(?:\[\d+\] +)?(\d+\.\d+): +(?:\d+ +)?([^ ]+): *(.*)$`)

// theirs reads the output of perf script.
func theirs(text string) []line {
	var list []line
	for row := range strings.Lines(text) {
		row = strings.TrimRight(row, "\n")
		if m := header.FindStringSubmatch(row); m != nil {
			tid, _ := strconv.Atoi(m[2])
			list = append(list, line{comm: m[1], tid: tid, time: m[3], event: m[4]})
			continue
		}
		part := strings.Fields(row)
		if len(list) == 0 || len(part) == 0 || !strings.HasPrefix(row, "\t") {
			continue
		}
		l := &list[len(list)-1]
		l.chain = strings.TrimPrefix(l.chain+" "+pageOffset(part[0]), " ")
	}
	return list
}

// Samples are those that perf script has printed, one by one: time, task,
// event, and the addresses of the stack where both have it.
func TestCorpus(t *testing.T) {
	dir := corpus(t)
	scripts, err := filepath.Glob(filepath.Join(dir, "*.script.txt.xz"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no answers in the corpus: %v", err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".script.txt.xz")
		t.Run(name, func(t *testing.T) {
			packed, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			x, err := xz.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(x)
			if err != nil {
				t.Fatal(err)
			}
			f := open(t, filepath.Join(dir, name+".data"), Limits{})
			got, want := ours(t, f), theirs(string(text))
			compare(t, got, want, !strings.Contains(name, "dwarf"))
			if len(f.Warnings) > 0 {
				t.Errorf("warnings: %q", f.Warnings)
			}
		})
	}
}

func compare(t *testing.T, got, want []line, chains bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d samples, perf script prints %d", len(got), len(want))
	}
	bad := 0
	for i := range got {
		g, w := got[i], want[i]
		if !chains || w.chain == "" {
			g.chain, w.chain = "", ""
		}
		w.event = strings.TrimSuffix(w.event, ":")
		if g != w {
			if bad++; bad < 4 {
				t.Errorf("sample %d: got %+v\nwant %+v", i, g, w)
			}
		}
	}
	t.Logf("%d of %d samples are equal", len(got)-bad, len(got))
}

// perf records here what the corpus has not: compressed, in a folder, of
// several events. Samples are those of perf script.
func TestRecordedHere(t *testing.T) {
	tool, err := exec.LookPath("perf")
	if err != nil {
		t.Skip("SKIPPED: perf is not installed")
	}
	work := "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; ls -R /usr/share/doc >/dev/null"
	for name, args := range map[string][]string{
		"plain":      {"-e", "cpu-clock", "-F", "2000", "-g"},
		"compressed": {"-e", "cpu-clock", "-F", "2000", "-g", "-z"},
		"threads":    {"-e", "cpu-clock", "-F", "2000", "-g", "-a", "--threads"},
		"mixed":      {"-e", "cpu-clock", "-e", "sched:sched_switch", "-e", "page-faults", "-a", "--switch-events", "--namespaces"},
		"cgroups":    {"-e", "cpu-clock", "-F", "2000", "-a", "--all-cgroups", "--phys-data", "-d"},
		"build-ids":  {"-e", "cpu-clock", "-g", "--buildid-mmap", "-k", "mono"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "perf.data")
			record := exec.CommandContext(t.Context(), tool, append(append([]string{"record", "-q", "-o", path}, args...), "--", "sh", "-c", work)...)
			if out, err := record.CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: perf cannot record this here: %v: %s", err, out)
			}
			c := exec.CommandContext(t.Context(), tool, "script", "-i", path, "-F", "comm,tid,time,event,ip", "--ns", "-f")
			c.Args = append(c.Args[:len(c.Args)-2], "-f")
			text, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			f := open(t, path, Limits{})
			got, want := ours(t, f), theirs(string(text))
			if len(got) == 0 {
				t.Fatal("nothing was recorded")
			}
			compare(t, got, want, name == "plain" || name == "compressed" || name == "build-ids")
		})
	}
}

// A small window changes nothing but what is held.
func TestWindow(t *testing.T) {
	path := filepath.Join(corpus(t), "cpuclock_fp.data")
	want := ours(t, open(t, path, Limits{}))
	got := ours(t, open(t, path, Limits{Window: 64 << 10}))
	if len(got) != len(want) {
		t.Errorf("%d samples with a window of 64 KiB, %d without", len(got), len(want))
	}
}

// A recording that is cut anywhere gives what is before the cut, and says so.
func TestCut(t *testing.T) {
	for _, name := range []string{"cpuclock_fp.data", "pipe.data"} {
		data, err := os.ReadFile(filepath.Join(corpus(t), name))
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		whole := len(ours(t, open(t, filepath.Join(corpus(t), name), Limits{})))
		for n := 0; n < len(data); n += len(data)/97 + 1 {
			f, err := Open(bytes.NewReader(data[:n]), int64(n), Limits{})
			if err != nil {
				if last > 0 {
					t.Errorf("%s cut at byte %d cannot be opened: %v", name, n, err)
				}
				continue
			}
			samples := len(ours(t, f))
			if samples < last {
				t.Errorf("%s cut at byte %d: %d samples, %d of a shorter piece", name, n, samples, last)
			}
			last = samples
			// Between two records a pipe may end.
			if samples < whole && !f.Pipe && len(f.Losses()) == 0 && len(f.Warnings) == 0 {
				t.Errorf("%s cut at byte %d says nothing of it", name, n)
			}
		}
		if last == 0 {
			t.Errorf("%s: no cut gave a sample", name)
		}
	}
}

func TestNotPerfData(t *testing.T) {
	for _, text := range []string{"", "PERFILE2", strings.Repeat("x", 200), "PERFFILE" + strings.Repeat("\x00", 200), "PERFILE2" + strings.Repeat("\xff", 200)} {
		if _, err := Open(strings.NewReader(text), int64(len(text)), Limits{}); err == nil {
			t.Errorf("%.20q was opened", text)
		}
	}
}

func FuzzRecords(f *testing.F) {
	if dir := os.Getenv("RINGSIDE_CORPUS"); dir != "" {
		_ = fs.WalkDir(os.DirFS(dir), "profile", func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".data") {
				if b, err := os.ReadFile(filepath.Join(dir, path)); err == nil && len(b) < 300<<10 {
					f.Add(b)
				}
			}
			return nil
		})
	}
	seeds, err := filepath.Glob("testdata/*.data")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds {
		b, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := Open(bytes.NewReader(data), int64(len(data)), Limits{Window: 1 << 20})
		if err != nil {
			return
		}
		n := 0
		for r, err := range rec.Records() {
			if err != nil {
				break
			}
			rec.Mapping(r)
			rec.Comm(r)
			rec.Task(r)
			rec.Ksymbol(r)
			rec.Cgroup(r)
			n++
		}
		if n > len(data)*1100 {
			t.Errorf("%d records of %d bytes", n, len(data))
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	path := filepath.Join(corpus(b), "cpuclock_fp.data")
	st, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(st.Size())
	b.ReportAllocs()
	for b.Loop() {
		f := open(b, path, Limits{})
		for _, err := range f.Records() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
