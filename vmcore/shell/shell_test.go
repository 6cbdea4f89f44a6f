package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// corpusKernel opens a dump of the corpus.
func corpusKernel(t testing.TB, name string) *kernel.Kernel {
	t.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set; set it to the corpus of real dumps")
	}
	r, err := os.Open(filepath.Join(dir, "vmcore", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	info, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := dump.Open([]dump.Input{{Name: name, R: r, Size: info.Size()}}, dump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), f, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestCommands asks a real dump: two mutexes locked crosswise by klab-abba-1 and
// -2, a reader that sleeps with a rwsem, and those who wait behind them.
func TestCommands(t *testing.T) {
	s := New(corpusKernel(t, "hang.kdump-zlib-d31"), Options{})
	for _, tt := range []struct {
		line string
		want []string // in this order
	}{
		{"tasks | where state=D && waited>10 | count", []string{"6\n"}},
		{"tasks | where comm~kworker | count", []string{"13\n"}},
		{"tasks | count by state | where state = D", []string{"6  D"}},
		{"ps -S | head 1", []string{"37  I"}},
		{"ps UN | select pid, comm | head 2", []string{"110  klab-abba-1", "111  klab-abba-2"}},
		{"ps kernel RU | select comm, oncpu", []string{"swapper/0", "khungtaskd  yes"}},
		{"ps klab-rw-w | select pid,state,mm", []string{"114  D      -"}},
		{"mods | where taint!=\"\" | select name,taint", []string{"klab  O,E"}},
		{"mods | where name=klab | select core_layout.size", []string{"CORE_LAYOUT.SIZE"}},
		{"tasks | sort -rss | head 1 | select pid,comm", []string{"1  init"}},
		{"tasks | where state=D | stack", []string{"1 × klab-abba-1:110", "__mutex_lock.constprop.0+0x39d/0x720", "abba1+0x27/0x46 [klab]"}},
		{"tasks | group by stack | head 1", []string{"20 × rcu_gp:3 rcu_par_gp:4"}},
		{"tasks | where pid=110 | struct comm", []string{`comm = "klab-abba-1"`}},
		{"bt", []string{"khungtaskd", "panic+0x2e9/0x2f4", "watchdog.cold+0xc/0xbb"}},
		{"bt 112", []string{`CPU: 1   ST: D  COMMAND: "klab-wait-a"`, "waiter+0x1b/0x2e [klab]"}},
		{"bt -a", []string{"khungtaskd", "PID: 96"}},
		{"foreach UN bt | grep klab-rw-r2", []string{"klab-rw-r2"}},
		{"foreach 1 files | grep console | count", []string{"3\n"}},
		{"vm 1 | head 1 | select flags, path", []string{"r--    /bin/busybox"}},
		{"set 110", []string{"PID: 110"}},
		{"p current->comm", []string{`"klab-abba-1"`}},
		{"set -p", []string{"khungtaskd"}},
		{"p init_task.comm", []string{`"swapper/0"`}},
		{"p ((struct task_struct *)&init_task)->comm", []string{`"swapper/0"`}},
		{"p *current->signal", []string{"*current->signal = {", "nr_threads = 1"}},
		{"p runqueues:0.nr_running + 1", []string{"= 2"}},
		{"p init_task.mm->pgd->pgd", []string{"NULL"}},
		{"px jiffies", []string{"0xfffefa5f"}},
		{"p sizeof(struct list_head)", []string{"= 16"}},
		{"p init_task.tasks.next", []string{"0xffff"}},
		{"struct list_head", []string{"struct list_head {", "next;", "size: 16"}},
		{"struct task_struct.pid,comm init_task", []string{"pid = 0", `comm = "swapper/0"`}},
		{"struct mutex -x klab_a", []string{"owner = {", "counter = 0xffff8ce28279", "wait_list"}},
		{"*mutex.owner klab_a", []string{"counter = -"}},
		{"struct task_struct.pid", []string{"offset 2416, size 4"}},
		{"whatis mutex_lock", []string{"void mutex_lock(struct mutex *lock);"}},
		{"whatis jiffies", []string{"long unsigned int jiffies;"}},
		{"whatis task_str*", []string{"struct task_struct", "9728"}},
		{"list task_struct.tasks -s task_struct.pid,comm -h init_task | head 2", []string{"0  swapper/0", "1  init"}},
		{"list -o module.list -s module.name -H modules | grep klab", []string{"klab"}},
		{"list -H modules | count", []string{"4\n"}},
		{"rd -a linux_banner", []string{"Linux version 6.1.0-56-cloud-amd64"}},
		{"rd linux_banner 2", []string{"65762078756e694c 2e36206e6f697372   Linux version 6."}},
		{"rd -8 linux_banner 3", []string{" 4c 69 6e ", "Lin"}},
		{"rd -p 0x1056c20", []string{"0000000001056c20:"}},
		{"sym schedule", []string{"schedule+0x0/0xd0"}},
		{"sym schedule+16", []string{"schedule+0x10/0xd0"}},
		{"sym -q klab_a", []string{"klab_a"}},
		{"dis schedule 2", []string{"<schedule+0>:\tnopl", "<schedule+5>:\tpush %rbp"}},
		{"dis abba1 | grep mutex_lock", []string{"callq", "<mutex_lock+0x0/"}},
		{"vtop init_task", []string{"0xffffffff9f61aa40  0x1221aa40"}},
		{"search -c klab-abba-1 | count", []string{"\n"}},
		{"search init_task | head 1", []string{"object of mm_struct"}},
		{"kmem -i | where name = MemTotal | select bytes", []string{"492593152"}},
		{"kmem -s | head 1 | select name, used", []string{"klab_leak  20000"}},
		{"kmem -f | where blocks > 0 && zone = DMA32 | count", []string{"\n"}},
		{"kmem 0xffff8ce282793000", []string{"task_struct"}},
		{"runq | select cpu,comm,running", []string{"0  khungtaskd  yes", "1  init"}},
		{"timer | where function=delayed_work_timer_fn | head 1", []string{"delayed_work_timer_fn"}},
		{"irq | where action=timer | select total", []string{"201"}},
		{"irq -s | where irq=0 | select cpu0 + cpu1", []string{"201"}},
		{"net | select name, mtu", []string{"lo      65536", "dummy0   1500"}},
		{"mount | where type=proc | select path", []string{"/proc"}},
		{"dev | where name=mem | select major, minor", []string{"1      0"}},
		{"dev -d | where name=loop0 | select driver", []string{"lo_fops [loop]"}},
		{"locks | select name, owners", []string{"klab_b [klab]", "klab-abba-2:111", "klab_a [klab]", "klab-abba-1:110"}},
		{"waitq klab_never", []string{"PID"}},
		{"log | tail 1", []string{"end Kernel panic - not syncing: hung_task: blocked tasks"}},
		{"sys", []string{"release: 6.1.0-56-cloud-amd64", "btf reached"}},
		{"help where", []string{"the rows for which it is true"}},
		{"his", []string{"tasks | where state=D && waited>10"}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			var b strings.Builder
			if err := s.Run(t.Context(), tt.line, &b); err != nil {
				t.Fatal(err)
			}
			rest := b.String()
			for _, w := range tt.want {
				_, after, ok := strings.Cut(rest, w)
				if !ok {
					t.Fatalf("no %q in\n%s", w, b.String())
				}
				rest = after
			}
		})
	}
}

func TestCommandErrors(t *testing.T) {
	s := New(corpusKernel(t, "hang.kdump-zlib-d31"), Options{})
	for _, tt := range []struct{ line, want string }{
		{"nothing", `there is no command "nothing": help lists them`},
		{"t", "t can be tasks, task, tree, timers"},
		{"tasks | bt", "bt cannot come after a |: where, select"},
		{"log | where x", "where wants a table"},
		{"mods | stack", "stack wants rows that are tasks"},
		{"tasks | where foo=3", "column 1: foo: it is no column (pid, tgid"},
		{"tasks | where mmm->pgd", "column 1"},
		{"p runqueues", "as in runqueues:0"},
		{"p runqueues:7.nr_running", "there is no CPU 7"},
		{"p init_task.com", `has no member "com": there is`},
		{"p *((struct task_struct *)0x10)", "is not in the dump"},
		{"bt 99999", "no task is 99999"},
		{"struct nosuch", `no type "nosuch"`},
		{"struct task_struct 0x10000000", "is not in the dump"},
		{"struct task_struct.nosuch init_task", `has no member "nosuch"`},
		{"list -o task_struct.nosuch init_task", "has no member"},
		{"tree -t what init_task", "rbtree, xarray or maple is expected"},
		{"foreach UN", "the name of a command is expected"},
		{"foreach UN exit", "foreach cannot run exit"},
		{"rd 0x10", "map"},
		{"rd linux_banner 99999999", "is no count"},
		{"ps | head x", "a number is expected"},
		{"tasks > /tmp/x", "files cannot be written from here"},
		{"source x", "files cannot be read from here"},
		{"tasks | sort pid +", "column 6"},
		{"waitq", "address of a wait_queue_head"},
		{"bt -z", "bt has no option -z"},
	} {
		if err := s.Run(t.Context(), tt.line, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.line, err, tt.want)
		}
	}
	if err := s.Run(t.Context(), "q", io.Discard); !errors.Is(err, ErrExit) {
		t.Errorf("q: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, line := range []string{"tasks", "search 1", "foreach bt", "bt -a"} {
		if err := s.Run(gone, line, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, told to end: %v", line, err)
		}
	}
}

// answerRead is an Answer as a program reads it.
type answerRead struct {
	Schema  string
	Columns []string
	Rows    []map[string]json.RawMessage
	Count   *int
	Lines   []string
	Values  []struct{ Text string }
	Stacks  []struct {
		Tasks  []struct{ PID int }
		Frames []string
	}
}

// JSON has the same cells, and says what it is.
func TestJSON(t *testing.T) {
	s := New(corpusKernel(t, "hang.kdump-zlib-d31"), Options{})
	for _, tt := range []struct {
		line  string
		check func(a answerRead) bool
	}{
		{"tasks | where state=D | select pid,comm --json", func(a answerRead) bool {
			return len(a.Rows) == 6 && string(a.Rows[0]["comm"]) == `"klab-abba-1"` && slices.Equal(a.Columns, []string{"pid", "comm"})
		}},
		{"tasks | count --json", func(a answerRead) bool { return a.Count != nil && *a.Count == 69 }},
		{"bt 110 --json", func(a answerRead) bool {
			return len(a.Stacks) == 1 && a.Stacks[0].Tasks[0].PID == 110 && len(a.Stacks[0].Frames) == 7
		}},
		{"p init_task.comm --json", func(a answerRead) bool { return len(a.Values) == 1 && a.Values[0].Text == `"swapper/0"` }},
		{"log | head 2 --json", func(a answerRead) bool { return len(a.Lines) == 2 }},
	} {
		var b bytes.Buffer
		if err := s.Run(t.Context(), tt.line, &b); err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		var a answerRead
		if err := json.Unmarshal(b.Bytes(), &a); err != nil || a.Schema != SchemaID || !tt.check(a) {
			t.Errorf("%s: %v\n%s", tt.line, err, b.String())
		}
	}
}

func TestComplete(t *testing.T) {
	s := New(corpusKernel(t, "hang.kdump-zlib-d31"), Options{})
	for _, tt := range []struct{ line, want string }{
		{"tas", "task tasks"},
		{"tasks | wh", "where"},
		{"tasks | where wai", "waited"},
		{"tasks | where state=D && wai", "waited"},
		{"mods | select tai", "taint"},
		{"struct rw_sem", "rw_semaphore"},
		{"struct list_head.", "next prev"},
		{"p init_task.tasks.n", "next"},
		{"p init_task.mm->pg", "pgd pgtables_bytes"},
		{"p current->signal->nr_th", "nr_threads"},
		{"p runqueues:0.nr_runn", "nr_running"},
		{"sym klab_nev", "klab_never"},
		{"dis schedule_timeout_k", "schedule_timeout_killable"},
		{"foreach UN b", "blocks bt"},
		{"help whe", "where"},
		{"", ""},
		{"nothing ", ""},
	} {
		from, words := s.Complete(t.Context(), tt.line)
		got := strings.Join(words, " ")
		if tt.line == "" && len(words) > 20 {
			continue
		}
		if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) || from > len(tt.line) {
			t.Errorf("%q: %d %.80q, want %q", tt.line, from, got, tt.want)
		}
	}
}

// Files are written and read by what the shell was given for it.
type memoryFile struct {
	strings.Builder
	closed bool
}

func (m *memoryFile) Close() error { m.closed = true; return nil }

func TestFiles(t *testing.T) {
	var f memoryFile
	s := New(corpusKernel(t, "hang.kdump-zlib-d31"), Options{
		Create: func(name string) (io.WriteCloser, error) {
			if name != "out.txt" {
				t.Errorf("wrote %q", name)
			}
			return &f, nil
		},
		Open: func(name string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("print('args', args)\nreport('hung', 'found', ['why'])\nprint(1 // 0)")), nil
		},
	})
	if err := s.Run(t.Context(), "mods | select name > out.txt", io.Discard); err != nil || !strings.Contains(f.String(), "klab") || !f.closed {
		t.Errorf("%v %q", err, f.String())
	}
	var b strings.Builder
	err := s.Run(t.Context(), "source x.star a b", &b)
	if err == nil || !strings.Contains(err.Error(), "x.star:3:9: floored division by zero") {
		t.Error(err)
	}
	if b.String() != "args [\"a\", \"b\"]\nhung: found\n  - why\n" {
		t.Errorf("%q", b.String())
	}
}
