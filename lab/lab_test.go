package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"ringside/lab/guest/wire"
)

func testRecipe() Recipe {
	return Recipe{Schema: RecipeSchemaID, Arch: "x86_64", Kernel: Content{SHA256: strings.Repeat("a", 64), Size: 1, Name: "vmlinuz"}, Root: Root{Kind: RootNone},
		Steps: []Step{{Argv: []string{"true"}}}, Memory: 512, CPUs: 2, Accel: "auto", Vmcore: VmcoreCrash}
}

func TestCheck(t *testing.T) {
	good := testRecipe()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Recipe){
		"is not https": func(r *Recipe) { r.Schema = "x" }, "x86_64 and arm64": func(r *Recipe) { r.Arch = "vax" }, "no SHA-256": func(r *Recipe) { r.Kernel.SHA256 = "" },
		"MiB of memory": func(r *Recipe) { r.Memory = 1 }, "CPUs": func(r *Recipe) { r.CPUs = 0 }, "accelerator": func(r *Recipe) { r.Accel = "x" }, "vmcore": func(r *Recipe) { r.Vmcore = "x" },
		"root is a disk": func(r *Recipe) { r.Root.Kind = RootDisk }, "root \"x\"": func(r *Recipe) { r.Root.Kind = "x" }, "no command": func(r *Recipe) { r.Steps[0].Argv = nil },
		"zero byte": func(r *Recipe) { r.Steps[0].Argv = []string{"a\x00"} }, "line's end": func(r *Recipe) { r.Cmdline = []string{"a\nb"} },
	} {
		r := testRecipe()
		spoil(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

func TestCommand(t *testing.T) {
	r := testRecipe()
	r.Cmdline = []string{"quiet"}
	s := Setup{Accel: "tcg", Kernel: "/k", Initramfs: "/i", Disk: "/d,x", Share: "/s"}
	has := func(want ...string) {
		t.Helper()
		line := strings.Join(r.command(&s), " ")
		for _, w := range want {
			if not, ok := strings.CutPrefix(w, "!"); ok == strings.Contains(line, strings.TrimPrefix(w, "!")) {
				t.Errorf("%q (%q) of %s", w, not, line)
			}
		}
	}
	has("-machine q35 ", "-cpu max", "-smp 2", "-m 512M", "-accel tcg,thread=multi", "-append console=ttyS0 ", "oops=panic", "no_timer_check quiet", "-kernel /k", "-initrd /i", "shutdown=pause")
	s.Accel, r.Survive = "kvm", true
	has("-machine q35,accel=kvm", "-cpu host", "!oops=panic", "!no_timer_check", "!tcg")
	r.Root = Root{Kind: RootDisk, Disk: &Content{}, Format: "qcow2"}
	has("file=/d,,x,if=virtio,format=qcow2,snapshot=on")
	r.Root = Root{Kind: Root9P, Path: "/a,b"}
	has("path=/a,,b,security_model=none,readonly=on")
	r.Root = Root{Kind: RootVirtioFS}
	has("vhost-user-fs-pci", "size=512M,share=on")
	r.Arch = "arm64"
	has("-machine virt,", "pci-serial,chardev=results", "console=ttyAMA0")
}

// mem is contents in memory, by their names.
type mem map[string]string

func (m mem) Open(c Content) (io.ReadCloser, error) {
	s, ok := m[c.Name]
	if !ok {
		return nil, errors.New("not here")
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

// entries reads a cpio archive back.
func entries(t *testing.T, b []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for at := 0; ; {
		if string(b[at:at+6]) != "070701" {
			t.Fatalf("no head at %d", at)
		}
		number := func(field int) int {
			var n int
			for _, c := range b[at+6+8*field : at+14+8*field] {
				n = n<<4 | strings.IndexByte("0123456789abcdef", c)
			}
			return n
		}
		size, nameSize := number(6), number(11)
		name := string(b[at+110 : at+110+nameSize-1])
		if name == "TRAILER!!!" {
			return out
		}
		at = (at + 110 + nameSize + 3) &^ 3
		out[name] = string(b[at : at+size])
		at = (at + size + 3) &^ 3
	}
}

func TestInitramfs(t *testing.T) {
	r := testRecipe()
	r.Modules = []Module{{Name: "labcrash", Content: Content{Name: "m", Size: 6}, Params: "mode=bug"}}
	r.Files = []File{{Path: "/usr/bin/tool", Mode: 0o755, Content: Content{Name: "f", Size: 4}}, {Path: "/bin/../usr/link", Link: "bin/tool"}}
	r.Collect = []string{"/out"}
	job := &Job{Recipe: &r, Key: []byte("key")}
	var b bytes.Buffer
	if err := job.Prepare(&b, mem{"m": "module", "f": "tool"}, []byte("the init")); err != nil {
		t.Fatal(err)
	}
	if b.Len()%512 != 0 {
		t.Errorf("%d bytes", b.Len())
	}
	got := entries(t, b.Bytes())
	if got["init"] != "the init" || got["ringside/modules/0-labcrash.ko"] != "module" || got["usr/bin/tool"] != "tool" || got["usr/link"] != "bin/tool" {
		t.Errorf("%q", got)
	}
	var plan wire.Plan
	if err := plan.Decode([]byte(got["ringside/plan"])); err != nil {
		t.Fatal(err)
	}
	if string(plan.Key) != "key" || plan.Results != "/dev/ttyS1" || plan.Modules[0].Params != "mode=bug" || plan.Steps[0].Argv[0] != "true" || plan.Output <= 0 || plan.Collect[0] != "/out" {
		t.Errorf("%+v", plan)
	}
	r.Root.Kind = Root9P
	b.Reset()
	if err := job.Prepare(&b, mem{"m": "module", "f": "tool"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, b.Bytes()); got["files/usr/bin/tool"] != "tool" {
		t.Errorf("files for another root: %q", got)
	}
	if err := job.Prepare(io.Discard, mem{"m": "module"}, nil); err == nil {
		t.Error("a file that is not here")
	}
	if err := job.Prepare(io.Discard, mem{"m": "modu", "f": "tool"}, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a content that is cut: %v", err)
	}
}

// While a busy host makes a machine wait, its time stands still.
func TestPatience(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPatience(now, 0.5)
	var ready time.Duration
	pass := func(d, waited time.Duration) {
		now, ready = now.Add(d), ready+waited
		p.tick(now, Usage{Ready: ready})
	}
	pass(10*time.Second, 10*time.Second)
	if p.machine != 0 {
		t.Errorf("%v passed for a machine that only waited", p.machine)
	}
	pass(4*time.Second, 0)
	if p.machine != 2*time.Second {
		t.Errorf("%v passed on a host of half the speed", p.machine)
	}
	if p.over(1.9, false) == "" {
		t.Error("two seconds of silence are not more than 1.9")
	}
	p.progress(true)
	if p.over(1, true) != "" {
		t.Error("it has just spoken")
	}
	// A kernel that complains and complains is no progress for ever.
	for range talkative {
		pass(2*time.Second, 0)
		p.progress(false)
		if p.over(1, true) != "" {
			t.Fatalf("after %v", p.machine)
		}
	}
	pass(time.Second, 0)
	p.progress(false)
	if what := p.over(1, true); !strings.Contains(what, "the kernel's own words") {
		t.Error("the init has not been heard of for too long")
	}
	if p.over(1, false) != "" {
		t.Error("nobody waits for the init yet")
	}
}

// file is a file in memory.
type file struct{ bytes.Buffer }

func (*file) Close() error { return nil }

func TestConsole(t *testing.T) {
	for _, n := range []int{0, 5, 10, 15, 20, 21, 35, 100} {
		var f file
		c := newConsole(&f, 10)
		var all strings.Builder
		for i := 0; i < n; i += 7 {
			part := strings.Repeat(string(rune('a'+i%26)), min(7, n-i))
			all.WriteString(part)
			if _, err := c.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.finish(); err != nil {
			t.Fatal(err)
		}
		want := all.String()
		if n > 20 {
			want = want[:10] + "\n[ringside: " + itoa(n-20) + " bytes were not kept]\n" + want[n-10:]
		}
		if f.String() != want || c.bytes != int64(n) || c.lost() != int64(max(0, n-20)) {
			t.Errorf("%d: %q, want %q", n, f.String(), want)
		}
	}
	var f file
	c := newConsole(&f, 3)
	_, _ = c.Write([]byte("one long piece of many bytes"))
	if err := c.finish(); err != nil || !strings.HasSuffix(f.String(), "tes") {
		t.Errorf("%q, %v", f.String(), err)
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestMonitor(t *testing.T) {
	ours, theirs := net.Pipe()
	m := listen(ours)
	go func() {
		d := json.NewDecoder(theirs)
		_, _ = io.WriteString(theirs, `{"QMP": {"version": {}}}`+"\n")
		for {
			var c struct {
				Execute string `json:"execute"`
				ID      int64  `json:"id"`
			}
			if d.Decode(&c) != nil {
				return
			}
			answer := `{"return": {}, "id": ` + itoa(int(c.ID)) + `}`
			switch c.Execute {
			case "bad":
				answer = `{"error": {"class": "GenericError", "desc": "it is bad"}, "id": ` + itoa(int(c.ID)) + `}`
			case "end":
				theirs.Close()
				return
			}
			_, _ = io.WriteString(theirs, `{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}`+"\n"+answer+"\n")
		}
	}()
	if err := m.do("good", nil); err != nil {
		t.Error(err)
	}
	if e := <-m.events; e.Event != "SHUTDOWN" || e.Data.Reason != "guest-reset" || !e.Data.Guest {
		t.Errorf("%+v", e)
	}
	if err := m.do("bad", nil); err == nil || !strings.Contains(err.Error(), "it is bad") {
		t.Error(err)
	}
	if err := m.do("end", nil); err == nil || !strings.Contains(err.Error(), "ended before it answered") {
		t.Error(err)
	}
}

func TestReadConsole(t *testing.T) {
	const oops = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018\n[    1.000000] #PF: supervisor read access in kernel mode\n[    1.000000] Oops: 0000 [#1] SMP\n" +
		"[    1.000000] CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\n[    1.000000] RIP: 0010:foo+0x1/0x10 [labcrash]\n[    1.000000] Call Trace:\n[    1.000000]  bar+0x1/0x10\n[    1.000000] ---[ end trace 0000000000000000 ]---\n"
	const warn = "[    1.000000] ------------[ cut here ]------------\n[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 foo+0x1/0x10\n[    1.000000] CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\n[    1.000000] Call Trace:\n[    1.000000]  bar+0x1/0x10\n[    1.000000] ---[ end trace 0000000000000000 ]---\n"
	for name, tt := range map[string]struct {
		log     string
		verdict Verdict
		survive bool
		want    Verdict
		guilty  string
		reports int
	}{
		"died":             {warn + oops, VerdictCrashed, false, VerdictCrashed, "foo", 2},
		"survived an oops": {oops, VerdictOK, true, VerdictCrashed, "foo", 1},
		"only warned":      {warn, VerdictOK, true, VerdictOK, "", 1},
		"silent":           {"[    1.000000] hello\n", VerdictHung, false, VerdictHung, "", 0},
	} {
		o := Outcome{Verdict: tt.verdict}
		if err := o.ReadConsole(t.Context(), strings.NewReader(tt.log), tt.survive); err != nil {
			t.Fatal(err)
		}
		guilty := ""
		if o.Crash != nil {
			guilty = o.Crash.Guilty
		}
		if o.Verdict != tt.want || guilty != tt.guilty || len(o.Reports) != tt.reports {
			t.Errorf("%s: %s, guilty %q, %d reports", name, o.Verdict, guilty, len(o.Reports))
		}
	}
}
