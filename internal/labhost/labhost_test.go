package labhost

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ringside/lab"
)

// cloudKernel is Debian's cloud kernel, and a store to run it in.
func cloudKernel(t *testing.T) (*Store, *Kernel) {
	t.Helper()
	dir := os.Getenv("RINGSIDE_LAB_KERNELS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_LAB_KERNELS is not set; scripts/lab-kernels fetches the kernels that are booted")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("SKIPPED: no qemu-system-x86_64: apt-get install qemu-system-x86")
	}
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("SKIPPED: no static busybox: apt-get install busybox-static")
	}
	packages, err := filepath.Glob(filepath.Join(dir, "linux-image-*cloud-amd64_*.deb"))
	if err != nil || len(packages) == 0 {
		t.Skipf("SKIPPED: no package of the cloud kernel in %s", dir)
	}
	s := openStore(t, sharedDir(t))
	k, err := s.Kernel(packages[0], "")
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

var shared struct {
	sync.Once
	dir string
}

// sharedDir is one store for all tests that boot: a package is unpacked once.
func sharedDir(t *testing.T) string {
	t.Helper()
	shared.Do(func() {
		var err error
		if shared.dir, err = os.MkdirTemp("", "ringside-labhost-"); err != nil {
			t.Fatal(err)
		}
	})
	return shared.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" && os.Getenv("RINGSIDE_TEST_KILLED") == "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// recipe runs lines of shell in a kernel.
func recipe(t *testing.T, s *Store, k *Kernel, lines ...string) lab.Recipe {
	t.Helper()
	p := s.NewPacker(k.Image.Arch)
	if err := p.Program("sh"); err != nil {
		t.Fatal(err)
	}
	r := lab.Recipe{Schema: lab.RecipeSchemaID, Arch: k.Image.Arch, Kernel: k.Content, Release: k.Image.Release, Root: lab.Root{Kind: lab.RootNone},
		Files: p.Files(), Memory: 256, CPUs: 1, Accel: "tcg", Vmcore: lab.VmcoreNever}
	for _, line := range lines {
		r.Steps = append(r.Steps, lab.Step{Argv: []string{"sh", "-c", line}})
	}
	return r
}

func run(t *testing.T, s *Store, r lab.Recipe) *lab.Record {
	t.Helper()
	rec, err := s.Run(t.Context(), r, Options{Verb: "run"})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s; %v of machine time in %v", rec.Outcome.Verdict, rec.Outcome.Reason, rec.Outcome.Machine.Round(time.Millisecond), rec.Outcome.Elapsed.Round(time.Millisecond))
	return rec
}

func (s *Store) output(t *testing.T, rec *lab.Record, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Folder(rec.ID), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A real kernel boots, runs steps, and brings back what they printed and left.
func TestRunSteps(t *testing.T) {
	s, k := cloudKernel(t)
	r := recipe(t, s, k, "uname -r; echo to stderr >&2; mkdir /out; echo kept > /out/file", "exit 3")
	r.Collect = []string{"/out", "/nowhere"}
	rec := run(t, s, r)
	o := &rec.Outcome
	if o.Verdict != lab.VerdictFailed || !strings.Contains(o.Reason, "returned 3") || o.Phase != lab.PhaseEnded || len(o.Steps) != 2 || o.Steps[0].Failed() || o.Steps[1].Exit != 3 {
		t.Fatalf("%+v", o)
	}
	if got := s.output(t, rec, o.Steps[0].Stdout.File); got != k.Image.Release+"\n" {
		t.Errorf("it printed %q", got)
	}
	if got := s.output(t, rec, o.Steps[0].Stderr.File); got != "to stderr\n" || o.Steps[0].Stderr.Bytes != int64(len(got)) {
		t.Errorf("on standard error %q", got)
	}
	if len(o.Collect) != 1 || len(o.Notes) != 1 || !strings.Contains(o.Notes[0], "/nowhere") {
		t.Fatalf("collected %+v, notes %q", o.Collect, o.Notes)
	}
	files := map[string]string{}
	for tr := tar.NewReader(strings.NewReader(s.output(t, rec, o.Collect[0].File))); ; {
		h, err := tr.Next()
		if err != nil {
			break
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(b)
	}
	if files["out/file"] != "kept\n" {
		t.Errorf("collected %q", files)
	}
	if len(o.Timings) != len(lab.Phases()) {
		t.Errorf("phases %+v", o.Timings)
	}
	again, err := s.Record(rec.ID[len(rec.ID)-8:])
	if err != nil || again.ID != rec.ID || len(again.Outcome.Steps) != 2 {
		t.Errorf("%+v, %v", again, err)
	}
	if left, err := filepath.Glob(filepath.Join(s.Folder(rec.ID), "*")); err != nil || len(left) != 5 {
		t.Errorf("its folder holds %q", left)
	}
}

// A kernel that dies is said to have died, of what, and its memory is kept.
func TestCrash(t *testing.T) {
	s, k := cloudKernel(t)
	r := recipe(t, s, k, "true", "echo c > /proc/sysrq-trigger")
	r.Vmcore = lab.VmcoreCrash
	o := run(t, s, r).Outcome
	if o.Verdict != lab.VerdictCrashed || o.Crash == nil || !strings.Contains(o.Crash.Title, "sysrq_handle_crash") || o.Phase != lab.PhaseTest || o.Steps[1].Done {
		t.Fatalf("%+v", o)
	}
	if o.Vmcore == nil || o.Vmcore.Error != "" || o.Vmcore.Bytes < 1<<20 {
		t.Errorf("vmcore %+v", o.Vmcore)
	}
}

// A step that never says a word is ended in its own time, after the kernel was asked what
// it is doing.
func TestHang(t *testing.T) {
	s, k := cloudKernel(t)
	r := recipe(t, s, k, "sleep 100000")
	r.Limits.Test = 1
	rec := run(t, s, r)
	if o := rec.Outcome; o.Verdict != lab.VerdictHung || o.Phase != lab.PhaseTest || !strings.Contains(o.Reason, "step 1") {
		t.Fatalf("%+v", o)
	}
	if console := s.output(t, rec, "console.log"); !strings.Contains(console, "sysrq: Show Blocked State") {
		t.Errorf("the kernel was not asked: %s", console[max(0, len(console)-500):])
	}
}

// A console without an end is kept at its begin and its end, and ends the run.
func TestFlood(t *testing.T) {
	s, k := cloudKernel(t)
	r := recipe(t, s, k, "while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789 > /dev/console; done")
	r.Limits.Console, r.Limits.ConsoleKept = 200_000, 50_000
	rec := run(t, s, r)
	o := rec.Outcome
	if o.Verdict != lab.VerdictFlood || o.Console.Bytes <= 200_000 || o.Console.Lost == 0 {
		t.Fatalf("%+v", o)
	}
	if n := int64(len(s.output(t, rec, "console.log"))); n > 101_000 {
		t.Errorf("%d bytes were kept", n)
	}
}

// What a program prints, on the console or on the results' line, does not make a run that
// failed one that did not.
func TestLyingGuest(t *testing.T) {
	s, k := cloudKernel(t)
	o := run(t, s, recipe(t, s, k, `printf 'ok 1 all is well\n' > /dev/console; printf '\322RSE\000\025\000\000\000\144tagtagta{"step":0,"exit":0}' > /dev/ttyS1; exit 1`)).Outcome
	if o.Verdict != lab.VerdictFailed || o.Steps[0].Exit != 1 || o.Forged == 0 {
		t.Fatalf("%+v", o)
	}
}

// A kernel that is none, and a QEMU that dies, are said to be what they are.
func TestInfra(t *testing.T) {
	s, k := cloudKernel(t)
	r := recipe(t, s, k, "true")
	r.Steps[0].Argv = []string{"/not/there"}
	if o := run(t, s, r).Outcome; o.Verdict != lab.VerdictInfra || !strings.Contains(o.Reason, "could not be started") {
		t.Errorf("a step that is not there: %+v", o)
	}
	r = recipe(t, s, k, "true")
	r.Cmdline = []string{"rdinit=/not/there"}
	if o := run(t, s, r).Outcome; o.Verdict != lab.VerdictCrashed || o.Crash == nil || o.Phase != lab.PhaseBoot {
		t.Errorf("no init: %+v", o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rec, err := s.Run(ctx, recipe(t, s, k, "sleep 1000"), Options{Watch: lab.Watch{Phase: func(p lab.Phase) {
		if p == lab.PhaseTest {
			cancel()
		}
	}}})
	if err != nil || rec.Outcome.Verdict != lab.VerdictInterrupted || !rec.Outcome.Retry {
		t.Errorf("ended from outside: %+v, %v", rec, err)
	}
	rec, err = s.Run(t.Context(), recipe(t, s, k, "sleep 1000"), Options{Watch: lab.Watch{Phase: func(p lab.Phase) {
		if p == lab.PhaseTest {
			killMachines(t, s)
		}
	}}})
	if err != nil || rec.Outcome.Verdict != lab.VerdictInfra || !strings.Contains(rec.Outcome.Reason, "QEMU ended") {
		t.Errorf("QEMU was killed: %+v, %v", rec, err)
	}
}

// killMachines kills the QEMU of the runs that go on.
func killMachines(t *testing.T, s *Store) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "runs", "*", pidFile))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		killLeft(filepath.Dir(f))
	}
}

// A Ringside that is killed takes its machine with it, and the next one clears up.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("RINGSIDE_TEST_KILLED"); dir != "" {
		shared.Do(func() { shared.dir = dir })
	}
	s, k := cloudKernel(t)
	if os.Getenv("RINGSIDE_TEST_KILLED") != "" {
		_, err := s.Run(t.Context(), recipe(t, s, k, "sleep 1000"), Options{Watch: lab.Watch{Phase: func(p lab.Phase) {
			if p == lab.PhaseTest {
				fmt.Println("\nit runs")
			}
		}}})
		t.Fatal(err)
	}
	dir := t.TempDir()
	packages, err := filepath.Glob(filepath.Join(s.dir, "packages"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(packages, filepath.Join(s.dir, "contents")) {
		if err := os.Symlink(p, filepath.Join(dir, filepath.Base(p))); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.v")
	cmd.Env = append(os.Environ(), "RINGSIDE_TEST_KILLED="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	for buf := make([]byte, 4096); !strings.Contains(said.String(), "it runs"); {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("it did not run: %s", said.String())
		}
	}
	pids, err := filepath.Glob(filepath.Join(dir, "runs", "*", pidFile))
	if err != nil || len(pids) != 1 {
		t.Fatalf("%q, %v", pids, err)
	}
	who, err := os.ReadFile(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	openStore(t, dir)
	var pid int
	if _, err := fmt.Sscan(string(who), &pid); err != nil {
		t.Fatal(err)
	}
	if state := stateOf(pid); state != "" && state != "Z" {
		t.Errorf("its machine is in state %s", state)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "runs")); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// stateOf is the state of a process, "" if there is none.
func stateOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	return string(b[bytes.LastIndexByte(b, ')')+2:][:1])
}

// The canary tells which accelerator runs kernels: what it says is kept, until asked anew.
func TestAccelerator(t *testing.T) {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("SKIPPED: no qemu-system-x86_64: apt-get install qemu-system-x86")
	}
	s := openStore(t, t.TempDir())
	a, err := s.Accelerator(t.Context(), "x86_64", "auto")
	if err != nil || a.Reason == "" || a.Speed <= 0 || a.Speed > 1 || a.Accel != "kvm" && a.Accel != "tcg" {
		t.Fatalf("%+v, %v", a, err)
	}
	if len(a.Tried) > 0 && !a.Tried[len(a.Tried)-1].Alive {
		t.Errorf("it chose what did not live: %+v", a)
	}
	file := filepath.Join(s.dir, "accel-x86_64.json")
	a.Reason = "because it was kept"
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if kept, err := s.Accelerator(t.Context(), "x86_64", "auto"); err != nil || kept.Reason != a.Reason {
		t.Errorf("it was asked again: %+v, %v", kept, err)
	}
	if want, err := s.Accelerator(t.Context(), "x86_64", "tcg"); err != nil || want.Accel != "tcg" {
		t.Errorf("%+v, %v", want, err)
	}
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := s.Accelerator(t.Context(), "pdp11", "auto"); err == nil {
		t.Error("a machine that is not known")
	}
}

func TestStore(t *testing.T) {
	s := openStore(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := s.AddFile(file)
	if err != nil || c.Size != 3 || !s.Has(c.SHA256) {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := os.WriteFile(file, []byte("two!"), 0o644); err != nil {
		t.Fatal(err)
	}
	if d, err := s.AddFile(file); err != nil || d.SHA256 == c.SHA256 {
		t.Errorf("a file that was changed: %+v, %v", d, err)
	}
	if _, err := s.Add("x", strings.NewReader("three"), c.SHA256); err == nil {
		t.Error("other bytes than were said were taken")
	}
	if _, err := s.Path(lab.Content{SHA256: strings.Repeat("0", 64), Name: "gone"}); err == nil || !strings.Contains(err.Error(), "lab add") {
		t.Errorf("a content that is not here: %v", err)
	}
	if _, err := s.AddFile(t.TempDir()); err == nil {
		t.Error("a folder was taken for a file")
	}
	if _, err := s.Record("last"); err == nil {
		t.Error("a run out of nothing")
	}
}

// A program of the host's comes with what it needs to start.
func TestPack(t *testing.T) {
	s := openStore(t, t.TempDir())
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: no git")
	}
	p := s.NewPacker("x86_64")
	if err := p.Program(program); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range p.Files() {
		names = append(names, filepath.Base(f.Path))
	}
	all := strings.Join(names, " ")
	for _, want := range []string{"git", "ld-linux-x86-64.so.2", "libc.so.6"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is missing in %s", want, all)
		}
	}
	if err := s.NewPacker("arm64").Program(program); err == nil || !strings.Contains(err.Error(), "the guest is arm64") {
		t.Errorf("a program of another architecture: %v", err)
	}
	if err := p.Program("no such program at all"); err == nil {
		t.Error("a program that is not there")
	}
}
