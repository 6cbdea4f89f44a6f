//go:build linux

package main

import (
	"errors"
	"syscall"

	"ringside/lab/guest/wire"
)

// enterRoot makes the root that the plan asks for, with an overlay so that nothing is
// ever written to what the host lends.
func (g *guest) enterRoot() error {
	r := g.plan.Root
	if r.Kind == "none" {
		return nil
	}
	const below, upper, root = "/mnt/below", "/mnt/upper", "/mnt/root"
	for _, dir := range []string{below, upper, root} {
		mkdirAll(dir)
	}
	var err error
	switch r.Kind {
	case "9p":
		err = syscall.Mount(r.Tag, below, "9p", syscall.MS_RDONLY, "trans=virtio,version=9p2000.L,msize=262144,cache=loose")
	case "virtiofs":
		err = syscall.Mount(r.Tag, below, "virtiofs", syscall.MS_RDONLY, "")
	case "disk":
		err = mountDisk(r.Device, r.Type, below)
	default:
		err = errors.New("is not known")
	}
	if err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", upper, "tmpfs", 0, "mode=0755"); err != nil {
		return failed{"tmpfs", err}
	}
	mkdirAll(upper + "/files")
	mkdirAll(upper + "/work")
	if err := syscall.Mount("overlay", root, "overlay", 0, "lowerdir="+below+",upperdir="+upper+"/files,workdir="+upper+"/work"); err != nil {
		return failed{"overlay", err}
	}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/run", "/tmp"} {
		mkdirAll(root + dir)
		if err := syscall.Mount(dir, root+dir, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return failed{"bind " + dir, err}
		}
	}
	if err := copyFiles("/files", root); err != nil {
		return err
	}
	if err := syscall.Chroot(root); err != nil {
		return failed{"chroot", err}
	}
	return syscall.Chdir("/")
}

// copyFiles brings the recipe's own files into a root.
func copyFiles(from, root string) error {
	list, err := names(from)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	if err != nil {
		return failed{from, err}
	}
	for _, name := range list {
		src, dst := from+"/"+name, root+"/"+name
		var st syscall.Stat_t
		if err := syscall.Lstat(src, &st); err != nil {
			return failed{src, err}
		}
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFDIR:
			_ = syscall.Mkdir(dst, 0o755)
			err = copyFiles(src, dst)
		case syscall.S_IFLNK:
			_ = syscall.Unlink(dst)
			err = syscall.Symlink(readlink(src), dst)
		default:
			err = copyFile(src, dst, st.Mode&0o7777)
		}
		if err != nil {
			return failed{dst, err}
		}
	}
	return nil
}

func readlink(name string) string {
	b := make([]byte, 4096)
	n, err := syscall.Readlink(name, b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

func copyFile(src, dst string, mode uint32) error {
	in, err := syscall.Open(src, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer file(in).close()
	_ = syscall.Unlink(dst)
	out, err := syscall.Open(dst, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_CLOEXEC, mode)
	if err != nil {
		return err
	}
	defer file(out).close()
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(in, buf)
		if err != nil || n == 0 {
			return err
		}
		if _, err := file(out).Write(buf[:n]); err != nil {
			return err
		}
	}
}

// diskWait is how long a disk may take to appear, in steps of ten milliseconds.
const diskWait = 300

// mountDisk waits for a disk to be there, and mounts it or its first partition with a
// file system.
func mountDisk(device, kind, target string) error {
	var st syscall.Stat_t
	for range diskWait {
		if syscall.Stat(device, &st) == nil {
			break
		}
		// The kernel finds disks by itself, and tells nobody who has no netlink socket.
		pause := syscall.NsecToTimespec(10e6)
		_ = syscall.Nanosleep(&pause, nil)
	}
	var err error = syscall.ENODEV
	for _, dev := range []string{device, device + "1", device + "2", device + "3"} {
		k := kind
		if k == "" {
			k = fileSystemOf(dev)
		}
		if k == "" {
			continue
		}
		if err = syscall.Mount(dev, target, k, syscall.MS_RDONLY, ""); err == nil {
			return nil
		}
	}
	return err
}

// fileSystemOf tells by its magic which file system a device holds.
func fileSystemOf(device string) string {
	fd, err := syscall.Open(device, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer file(fd).close()
	for _, m := range []struct {
		at    int64
		magic string
		kind  string
	}{{1080, "\x53\xEF", "ext4"}, {0, "XFSB", "xfs"}, {65600, "_BHRfS_M", "btrfs"}, {0, "hsqs", "squashfs"}, {1024, "\xe2\xe1\xf5\xe0", "erofs"}} {
		b := make([]byte, len(m.magic))
		if n, err := syscall.Pread(fd, b, m.at); err == nil && string(b[:n]) == m.magic {
			return m.kind
		}
	}
	return ""
}

// installApplets makes names for a busybox that was brought along, where there are none:
// those that it lists, which the lab has asked it for. Asking it here takes longer than all
// else that the init does.
func installApplets() {
	list, err := readFile(wire.AppletsFile)
	if err != nil {
		return
	}
	for len(list) > 0 {
		end := 0
		for end < len(list) && list[end] != '\n' {
			end++
		}
		if end > 0 {
			_ = syscall.Symlink("/bin/busybox", "/bin/"+string(list[:end])) // what is there is meant to be
		}
		list = list[min(end+1, len(list)):]
	}
}
