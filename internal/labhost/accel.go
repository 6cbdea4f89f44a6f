package labhost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ringside/lab"
	"ringside/lab/canary"
)

// canaryPatience is how long a canary may take. On the slowest host under load it needs a
// tenth of it.
const canaryPatience = 10 * time.Second

// reference is what the canary costs where Speed is 1.
var reference = map[string]time.Duration{"tcg": 600 * time.Millisecond, "kvm": 400 * time.Millisecond}

// Accelerator tells how machines of an architecture are run. want is auto, kvm or tcg; who
// insists on one gets it, alive or not. The answer is kept as long as QEMU, the host's
// kernel and /dev/kvm are the same.
func (s *Store) Accelerator(ctx context.Context, arch, want string) (*lab.Accelerator, error) {
	program, err := lab.Program(arch)
	if err != nil {
		return nil, err
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: apt-get install %s", program, packageOf(arch))
	}
	key, err := hostKey(path)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "accel-"+arch+".json")
	a := new(lab.Accelerator)
	if b, err := os.ReadFile(file); err != nil || json.Unmarshal(b, a) != nil || a.Key != key {
		if a, err = s.tryAccelerators(ctx, arch, path); err != nil {
			return nil, err
		}
		a.Key = key
		b, err := json.MarshalIndent(a, "", "  ")
		if err != nil {
			return nil, err
		}
		if err := writeFile(file, append(b, '\n')); err != nil {
			return nil, err
		}
	}
	if want != "auto" && want != "" && want != a.Accel {
		a.Reason = want + " was asked for; without a word " + a.Accel + " would have been taken: " + a.Reason
		a.Accel = want
	}
	return a, nil
}

// Forget drops what was found out about accelerators.
func (s *Store) Forget() error {
	files, err := filepath.Glob(filepath.Join(s.dir, "accel-*.json"))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// hostKey identifies what an answer depends on.
func hostKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	kvm := "no /dev/kvm"
	if i, err := os.Stat("/dev/kvm"); err == nil {
		kvm = i.Mode().String()
		if st, ok := i.Sys().(*syscall.Stat_t); ok {
			kvm += fmt.Sprintf(" %d %d:%d", st.Rdev, st.Uid, st.Gid)
		}
	}
	// Processors move under a machine that is migrated.
	return fmt.Sprintf("%s %d %d; %s %s; %s; uid %d", path, info.Size(), info.ModTime().UnixNano(), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]), kvm, os.Geteuid()), nil
}

// tryAccelerators boots the canary with what the host has.
func (s *Store) tryAccelerators(ctx context.Context, arch, path string) (*lab.Accelerator, error) {
	a := &lab.Accelerator{Arch: arch, Accel: "tcg", Speed: 1, QEMU: qemuVersion(ctx, path)}
	began := now()
	defer func() { a.Took = now().Sub(began) }()
	image, ok := canary.Image(arch)
	native := arch == map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	switch {
	case !native:
		a.Reason = "the host is of another architecture: it can only be emulated"
		return a, nil
	case !ok:
		a.Reason = "there is no canary for " + arch + " yet: emulation always works; --accel kvm insists"
		return a, nil
	}
	dir, err := os.MkdirTemp("", "ringside-canary-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	kernel := filepath.Join(dir, "canary")
	if err := os.WriteFile(kernel, image, 0o644); err != nil {
		return nil, err
	}
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err != nil {
		a.Reason = "kvm cannot be used (" + errText(err) + ")"
	} else {
		f.Close()
		t := tryCanary(ctx, path, kernel, "kvm")
		a.Tried = append(a.Tried, t)
		if t.Alive {
			a.Accel, a.Reason, a.Speed = "kvm", "the canary lived with kvm", speed(t)
			return a, nil
		}
		a.Reason = "/dev/kvm opens, but the canary did not live with it (" + t.Said + ")"
	}
	t := tryCanary(ctx, path, kernel, "tcg")
	a.Tried = append(a.Tried, t)
	if !t.Alive {
		return nil, fmt.Errorf("%s runs no kernel here, not even emulated: %s", filepath.Base(path), t.Said)
	}
	a.Reason += "; it lived under emulation"
	a.Speed = speed(t)
	return a, nil
}

func errText(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

func speed(t lab.Trial) float64 {
	return min(1, float64(reference[t.Accel])/float64(max(t.CPU, time.Millisecond)))
}

// tryCanary boots the canary once.
func tryCanary(ctx context.Context, path, kernel, accel string) lab.Trial {
	cpu := "max"
	if accel == "kvm" {
		cpu = "host"
	}
	ctx, cancel := context.WithTimeout(ctx, canaryPatience)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, canary.Args(accel, cpu, kernel)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	t := lab.Trial{Accel: accel}
	began := now()
	err := cmd.Run()
	t.Took = now().Sub(began)
	if s := cmd.ProcessState; s != nil {
		t.CPU = s.UserTime() + s.SystemTime()
		t.Alive = s.ExitCode() == canary.Exit && strings.Contains(out.String(), canary.Alive)
	}
	switch {
	case t.Alive:
		t.Said = "alive"
	case ctx.Err() != nil:
		t.Said = fmt.Sprintf("it was silent for %v", canaryPatience)
	case said.Len() > 0:
		t.Said = firstLine(said.String())
	case err != nil:
		t.Said = err.Error()
	default:
		t.Said = "the machine reset before it said a word"
	}
	return t
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

var versionPattern = regexp.MustCompile(`version (\S+)`)

// qemuVersion asks QEMU for its version, "" if it does not say.
func qemuVersion(ctx context.Context, path string) string {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if m := versionPattern.FindSubmatch(out); err == nil && m != nil {
		return string(m[1])
	}
	return ""
}
