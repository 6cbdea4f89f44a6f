package labhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	recordFile = "record.json"
	lockFile   = "lock"     // locked as long as the run lasts
	pidFile    = "qemu.pid" // who the run's QEMU is
)

// identity says which process a number means: numbers are used again, start times are not.
func identity(pid int) string { return fmt.Sprintf("%d %s\n", pid, startTime(pid)) }

// startTime is field 22 of /proc/PID/stat (proc(5)), "" if there is no such process.
func startTime(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The name in parentheses may hold anything.
	_, rest, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// clean ends the machines and removes the folders of runs whose Ringside is gone.
func (s *Store) clean() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		dir := s.Folder(e.Name())
		if _, err := os.Stat(filepath.Join(dir, recordFile)); err == nil {
			continue
		}
		lock, err := lockRun(dir)
		if err != nil {
			continue // it runs, or is not ours
		}
		killLeft(dir)
		errs = append(errs, os.RemoveAll(dir), lock.Close())
	}
	for _, pattern := range []string{"contents/.new-*", ".new-*"} {
		left, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range left {
			if old(name) {
				errs = append(errs, os.Remove(name))
			}
		}
	}
	return errors.Join(errs...)
}

// killLeft ends the QEMU of a run that nobody follows any more. The kernel has done so
// already, unless it was told otherwise.
func killLeft(dir string) {
	b, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return
	}
	number, _, _ := strings.Cut(string(b), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || identity(pid) != string(b) {
		return
	}
	_ = unix.Kill(pid, unix.SIGKILL) // gone is as good
}

// lockRun takes hold of a run's folder. The lock ends with the process, however that ends.
func lockRun(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// old tells whether nobody can be writing a file any more.
func old(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	// Whoever writes one holds no lock: a day is longer than any copy.
	info, err := f.Stat()
	return err == nil && now().Sub(info.ModTime()) > day
}
