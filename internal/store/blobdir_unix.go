//go:build unix

package store

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// hold marks an upload as one that somebody is at. The mark goes with the
// process, however it ends.
func hold(f *os.File) {
	// A file system without locks has uploads that are held by their age.
	_ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// held tells whether a process is still at an upload.
func held(name string, _ fs.FileInfo) bool {
	f, err := os.Open(name)
	if err != nil {
		return true // or it has just been finished
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// freeSpace returns how many bytes the file system of a folder has left.
func freeSpace(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // the types differ between systems
}
