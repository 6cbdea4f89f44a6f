package labhost

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ringside/lab"
	"ringside/lab/guest"
)

const day = 24 * time.Hour

func now() time.Time { return time.Now() }

// Options say how a recipe is run; all may be empty.
type Options struct {
	Verb     string        // what it is run for
	Rerun    string        // the run that it repeats
	Differs  []string      // what is not as in that one
	Watch    lab.Watch     // told what happens
	Terminal *lab.Terminal // of the last step
}

// Run runs a recipe whose contents are in the store, and records it. The error is one of
// the host's; whatever the guest does is in the record.
func (s *Store) Run(ctx context.Context, r lab.Recipe, o Options) (*lab.Record, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("the recipe cannot be run: %w", err)
	}
	init, err := guest.Init(r.Arch)
	if err != nil {
		return nil, err
	}
	setup, err := s.setup(ctx, &r)
	if err != nil {
		return nil, err
	}
	began := now().UTC()
	id := strings.ToLower(ulid.MustNew(ulid.Timestamp(began), rand.Reader).String())
	dir := s.Folder(id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockRun(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	job := &lab.Job{Recipe: &r, Setup: *setup, Key: make([]byte, 32), Watch: o.Watch, Terminal: o.Terminal}
	if _, err := rand.Read(job.Key); err != nil {
		return nil, err
	}
	job.Setup.Initramfs, job.Setup.Dump = filepath.Join(dir, "initramfs"), filepath.Join(dir, lab.DumpFile)
	if err := s.prepare(job, init); err != nil {
		return nil, err
	}
	if r.Root.Kind == lab.RootVirtioFS {
		share, stop, err := shareFolder(dir, r.Root.Path)
		if err != nil {
			return nil, err
		}
		defer stop()
		job.Setup.Share = share
	}
	out, machine, err := lab.Run(ctx, folder{dir}, job)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	if err := readConsole(dir, &out, r.Survive); err != nil {
		out.Notes = append(out.Notes, "the console could not be read to its end: "+err.Error())
	}
	sum := sha256.Sum256(init)
	machine.Init = hex.EncodeToString(sum[:])
	rec := &lab.Record{Schema: lab.RecordSchemaID, ID: id, Verb: o.Verb, Recipe: r, Began: began, Machine: machine, Outcome: out, Rerun: o.Rerun, Differs: o.Differs}
	return rec, s.keep(dir, rec)
}

// prepare writes the initramfs of a run.
func (s *Store) prepare(job *lab.Job, init []byte) error {
	f, err := os.Create(job.Setup.Initramfs)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(job.Prepare(w, s, init), w.Flush(), f.Close())
}

// keep writes the record, after which the run has been, and removes what only its machine
// needed.
func (s *Store) keep(dir string, rec *lab.Record) error {
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, recordFile), append(b, '\n')); err != nil {
		return err
	}
	for _, name := range []string{"initramfs", pidFile, lockFile, shareSocket, shareSocket + ".pid"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func readConsole(dir string, out *lab.Outcome, survive bool) error {
	f, err := os.Open(filepath.Join(dir, out.Console.File))
	if err != nil {
		return err
	}
	defer f.Close()
	// A run that was ended is judged all the same.
	return out.ReadConsole(context.Background(), f, survive)
}

// setup finds what a recipe needs on this host.
func (s *Store) setup(ctx context.Context, r *lab.Recipe) (*lab.Setup, error) {
	program, err := lab.Program(r.Arch)
	if err != nil {
		return nil, err
	}
	for _, c := range r.Contents() {
		if _, err := s.Path(c); err != nil {
			return nil, err
		}
	}
	setup := &lab.Setup{Speed: 1}
	if setup.QEMU, err = exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("%s is not installed: apt-get install %s", program, packageOf(r.Arch))
	}
	if setup.Kernel, err = s.Path(r.Kernel); err != nil {
		return nil, err
	}
	if r.Root.Kind == lab.RootDisk {
		if setup.Disk, err = s.Path(*r.Root.Disk); err != nil {
			return nil, err
		}
	}
	accel, err := s.Accelerator(ctx, r.Arch, r.Accel)
	if err != nil {
		return nil, err
	}
	setup.Accel, setup.Reason, setup.Speed, setup.Version = accel.Accel, accel.Reason, accel.Speed, accel.QEMU
	setup.Host, err = os.Hostname()
	return setup, err
}

func packageOf(arch string) string {
	if arch == "arm64" {
		return "qemu-system-arm"
	}
	return "qemu-system-x86"
}

const shareSocket = "share.sock"

// shareFolder starts the daemon that lends a folder of the host's to a guest.
func shareFolder(dir, path string) (socket string, stop func(), err error) {
	daemon := ""
	for _, name := range []string{"virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"} {
		if found, err := exec.LookPath(name); err == nil {
			daemon = found
			break
		}
	}
	if daemon == "" {
		return "", nil, errors.New("virtiofsd is not installed: apt-get install qemu-system-common, or give the root over 9p (--root 9p)")
	}
	socket = filepath.Join(dir, shareSocket)
	p, err := start(daemon, []string{"--socket-path=" + socket, "-o", "source=" + path, "-o", "sandbox=chroot", "-o", "cache=auto"}, 0, dir)
	if err != nil {
		return "", nil, fmt.Errorf("start virtiofsd: %w", err)
	}
	for {
		if _, err := os.Stat(socket); err == nil {
			return socket, p.Kill, nil
		}
		select {
		case <-p.done:
			return "", nil, fmt.Errorf("virtiofsd ended: %s", p.Said())
		case <-time.After(5 * time.Millisecond): // it says nowhere that it listens but by this file
		}
	}
}
