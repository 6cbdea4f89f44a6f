package script

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// openKernel opens a dump of the corpus.
func openKernel(t *testing.T, name string) *kernel.Kernel {
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
	return open(t, dump.Input{Name: name, R: r, Size: info.Size()}, dump.Options{})
}

func open(t *testing.T, in dump.Input, o dump.Options) *kernel.Kernel {
	t.Helper()
	f, err := dump.Open([]dump.Input{in}, o)
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), f, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func emptyKernel(t *testing.T) *kernel.Kernel {
	t.Helper()
	const size = 1 << 16
	return open(t, dump.Input{Name: "zeroes", R: strings.NewReader(strings.Repeat("\x00", size)), Size: size}, dump.Options{Raw: true})
}

func TestObjects(t *testing.T) {
	k := openKernel(t, "hang.kdump-zlib-d31")
	for _, tt := range []struct{ src, want string }{
		{"print(k.release, k.cpus)", "6.1.0-56-cloud-amd64 [0, 1]"},
		{"print(len([t for t in k.tasks() if t.state == 'D']))", "6"},
		{"t = k.tasks()[-1]\nprint(t.comm, t.pid, t.kernel, t.on_cpu, type(t.waited))", "sleep 116 False False float"},
		{"t = [t for t in k.tasks() if t.pid == 1][0]\nprint(t, t.mm.owner.comm, t.real_parent.comm, t.cred.uid.val)", "init:1 init swapper/0 0"},
		{"print(k.struct('task_struct', 'init_task').mm)", "None"},
		{"print(k.struct('struct task_struct', k.symbol('init_task')).comm)", "swapper/0"},
		{"m = k.struct('mutex', 'klab_a')\nprint(len(k.list(m.wait_list, 'mutex_waiter', 'list')))", "2"},
		{"print([m.name for m in k.mods()][0], k.mods()[0].taint, k.list('modules', 'module', 'list')[0].name)", `klab ["O", "E"] klab`},
		{"print([r.nr_running for r in k.percpu('runqueues')], k.percpu('runqueues', 0).cpu)", "[1, 1] 0"},
		{"print(k.log()[-1].text)", "---[ end Kernel panic - not syncing: hung_task: blocked tasks ]---"},
		{"print([f.function for f in k.stack([t for t in k.tasks() if t.pid == 110][0])][4:])", `["abba1", "kthread", "ret_from_fork"]`},
		{"print(k.read('linux_banner', 5), k.sym(k.symbol('schedule') + 16))", "Linux schedule+0x10/0xd0"},
		{"print(k.sizeof('list_head'), k.offsetof('list_head', 'prev'), k.has('task_struct', 'nope'))", "16 8 False"},
		{"t = k.struct('task_struct', 'init_task')\nprint(k.container(k.addr(t.tasks), 'task_struct', 'tasks') == t, hasattr(t, 'tasks'), hasattr(t, 'nope'))", "True True False"},
		{"t = k.struct('task_struct', 'init_task')\nprint(t.se.run_node, {t: 1}[t], t == t, t.comm[0])", "1 True s"},
		{"print(k.describe('init_task').text, k.mem().page_size, len(k.slabs()) > 50, [m.type for m in k.mounts()][0])", "4096 True rootfs"},
		{"print(k.struct('mutex', 'klab_a').wait_list)", "struct list_head at 0xffffffffc05d10b0"},
		{"print(len(k.disks()), k.net().devices[0].name, k.runq()[0].current.comm, k.irqs().lines[0].total, k.sys().panic_cpu)", "8 lo khungtaskd 201 0"},
		{"n = k.struct('task_struct', 'init_task')\nprint(n.thread_pid.numbers[0].nr, [x for x in n.rt.run_list.next and [1]])", "0 [1]"},
		{"print(args)", `["a", "b"]`},
	} {
		r, err := Run(t.Context(), k, "x.star", []byte(tt.src), Options{Args: []string{"a", "b"}})
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
		} else if got := strings.Join(r.Output, "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.src, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	k := openKernel(t, "hang.kdump-zlib-d31")
	for _, tt := range []struct{ src, want string }{
		{"x = (", "x.star:1:6: got end of file"},
		{"\nprint(y)", "x.star:2:7: undefined: y"},
		{"def f():\n    return 1 // 0\nf()", "x.star:2:14: floored division by zero"},
		{"def f():\n    f()\nf()", "called recursively"},
		{"k.struct('task_struct', 'init_task').nope", "struct task_struct has no .nope field"},
		{"k.nope()", "kernel has no .nope"},
		{"k.symbol('nope')", `x.star:1:9: k.symbol: there is no symbol "nope"`},
		{"k.struct('nope', 1)", `the kernel has no type "nope"`},
		{"k.struct('task_struct', 0x10)", "struct task_struct at 0x10 is not in the dump"},
		{"k.list('modules', 'module', 'nope')", `struct module has no member "nope"`},
		{"k.read('linux_banner', 1 << 30)", "can be read at once"},
		{"k.percpu('runqueues', 9)", "there is no CPU 9"},
		{"k.struct('task_struct', 'init_task')[0]", "has members, and no elements"},
		{"k.struct('task_struct', 'init_task').pids[99]", ".pids"},
		{"load('x', 'y')", "x.star:1:1: "},
		{"open('/etc/passwd')", "undefined: open"},
		{"report('x', 'y', confidence = 3)", "from 0 to 1"},
	} {
		r, err := Run(t.Context(), k, "x.star", []byte(tt.src), Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || r.Error != err.Error() {
			t.Errorf("%s: %v, want %s", tt.src, err, tt.want)
		}
	}
}

// Scripts end: by their steps, their memory, what they print, and their context.
func TestBounds(t *testing.T) {
	k := emptyKernel(t)
	for _, tt := range []struct{ src, want string }{
		{"while True: pass", "x.star:1:1: it took more than 100000 steps"},
		{"x = [1]\nwhile True: x += x", "MiB of memory"},
		{"x = 'a'\nwhile True: x += x", "MiB of memory"},
		{"x = 'a' * (1 << 20)\nfor i in range(20): print(x)", "it printed more than 16 MiB"},
		{"for i in range(2000): report('x', 'y')", "a script may report 1000 findings"},
		{"k.tasks()", "k.tasks needs the kernel's types"},
	} {
		if r, err := Run(t.Context(), k, "x.star", []byte(tt.src), Options{Steps: 100_000, Memory: 64 << 20}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s; %d findings", tt.src, err, tt.want, len(r.Findings))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, k, "x.star", []byte("while True: pass"), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReport(t *testing.T) {
	r, err := Run(t.Context(), openKernel(t, "hang.kdump-zlib-d31"), "x.star",
		[]byte("report('leak', 'a title', evidence = ['one', ('two', k.struct('mutex', 'klab_a'))], confidence = 1, next = ['do it'])\nreport('x', 'y')"), Options{})
	if err != nil || len(r.Findings) != 2 {
		t.Fatal(err, r.Findings)
	}
	f := r.Findings[0]
	if f.Kind != "leak" || f.Title != "a title" || f.Rank != 1 || f.Confidence != 1 || f.Next[0] != "do it" || f.Evidence[0].Text != "one" ||
		f.Evidence[1].Text != "two" || f.Evidence[1].Object != "struct mutex at 0xffffffffc05d10a0" {
		t.Errorf("%+v", f)
	}
}

// The examples say on a real dump what is known of it.
func TestExamples(t *testing.T) {
	for _, tt := range []struct {
		file, dump string
		args, want []string
		findings   int
	}{
		{"open_files.star", "hang.kdump-zlib-d31", []string{"1"}, []string{"4        1800           1  init", "1920  /"}, 0},
		{"open_files.star", "oops612.kdump-zstd-d31", nil, []string{"4        1796           1  init"}, 0},
		{"waiters.star", "hang.kdump-zlib-d31", []string{"klab_a"}, []string{"held by klab-abba-1:110", "klab-abba-2:111 has waited", "klab-wait-a:112 has waited"}, 1},
	} {
		src, err := os.ReadFile(filepath.Join("../../examples/vmcore", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), openKernel(t, tt.dump), tt.file, src, Options{Args: tt.args})
		out := strings.Join(r.Output, "\n")
		if err != nil || len(r.Findings) != tt.findings {
			t.Errorf("%s: %v, %d findings", tt.file, err, len(r.Findings))
		}
		for _, w := range tt.want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s", tt.file, w, out)
			}
		}
	}
}
