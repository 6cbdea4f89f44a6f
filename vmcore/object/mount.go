package object

import (
	"slices"
	"strings"

	"ringside/vmcore/kernel"
)

// Mount is a mounted file system of the first mount namespace.
type Mount struct {
	Addr   Addr   `json:"addr"`  // of its struct mount
	Super  Addr   `json:"super"` // of its struct super_block
	ID     int    `json:"id"`
	Device string `json:"device"`
	Path   string `json:"path"`
	Type   string `json:"type"`
	// Options are those that the VFS keeps: file systems keep their own.
	Options []string `json:"options"`
	// Frozen: writers wait until it is thawed.
	Frozen bool `json:"frozen,omitempty"`
}

// Bounds of the mounts.
const (
	maxMounts = 100_000
	maxPath   = 256 // names of one path
)

// flag is a bit with a name.
type flag struct {
	bit  uint64
	name string
}

// Flags of a mount (include/linux/mount.h) and of a super block
// (include/linux/fs.h), as /proc/mounts writes them.
var (
	mountFlags = []flag{{0x40, "ro"}, {0x01, "nosuid"}, {0x02, "nodev"}, {0x04, "noexec"}, {0x08, "noatime"}, {0x10, "nodiratime"}, {0x20, "relatime"}, {0x80, "nosymfollow"}}
	superFlags = []flag{{1, "ro"}, {16, "sync"}, {128, "dirsync"}, {64, "mand"}, {1 << 25, "lazytime"}}
)

// Mounts returns what is mounted for init. The namespace has them in a list, or
// since 6.8 in a tree.
func Mounts(w *kernel.Walk) []Mount {
	ns := w.Global("init_task", "struct task_struct").Follow("nsproxy", "mnt_ns")
	if init := initProcess(w); init.Valid() { // pivot_root may have left the first one behind
		if own := init.Follow("nsproxy", "mnt_ns"); own.Valid() {
			ns = own
		}
	}
	list := []Mount{}
	root := rootOf(w)
	all := w.RBTree(ns.First("mounts"), "struct mount", "mnt_node")
	if ns.Has("list") {
		all = w.List(ns.Field("list"), "struct mount", "mnt_list")
	}
	for m := range all {
		if !readable(m) {
			continue
		}
		if list = append(list, mountOf(m, root)); len(list) == maxMounts {
			break
		}
	}
	return list
}

// initProcess returns the task of PID 1.
func initProcess(w *kernel.Walk) kernel.Value {
	for t := range w.List(w.Global("init_task", "struct task_struct").Field("tasks"), "struct task_struct", "tasks") {
		if t.Field("pid").Int() == 1 {
			return t
		}
		break // it is the first
	}
	return kernel.Value{}
}

// rootOf returns the mount that init has as its root directory.
func rootOf(w *kernel.Walk) uint64 {
	init := initProcess(w)
	return init.Follow("fs").Field("root.mnt").Ptr()
}

func mountOf(m kernel.Value, root uint64) Mount {
	sb := m.Field("mnt.mnt_sb").Deref()
	out := Mount{Addr: Addr(m.Addr()), Super: Addr(sb.Addr()), ID: int(m.Field("mnt_id").Int()), Device: m.Field("mnt_devname").Str(),
		Type: sb.Field("s_type").Deref().Field("name").Str(), Path: mountPath(m, root), Options: []string{}}
	if sb.Has("s_subtype") {
		if sub := sb.Field("s_subtype").Str(); sub != "" {
			out.Type += "." + sub
		}
	}
	set := func(flags []flag, bits uint64) {
		for _, f := range flags {
			if bits&f.bit != 0 && !slices.Contains(out.Options, f.name) {
				out.Options = append(out.Options, f.name)
			}
		}
	}
	set(mountFlags, m.Field("mnt.mnt_flags").Uint())
	set(superFlags, sb.Field("s_flags").Uint())
	if !slices.Contains(out.Options, "ro") {
		out.Options = slices.Insert(out.Options, 0, "rw")
	}
	out.Frozen = sb.Has("s_writers.frozen") && sb.Field("s_writers.frozen").Uint() != 0
	return out
}

// mountPath returns where a mount is seen from init's root: names up to the
// root of its parent mount, and on from the place where that is mounted.
func mountPath(m kernel.Value, root uint64) string {
	var names []string
	for range maxPath {
		parent := m.Field("mnt_parent").Deref()
		if !parent.Valid() || parent.Addr() == m.Addr() || m.Field("mnt").Addr() == root {
			break
		}
		stop := parent.Field("mnt.mnt_root").Ptr()
		d := m.Field("mnt_mountpoint").Deref()
		for n := 0; d.Valid() && d.Addr() != stop; n++ {
			up := d.Field("d_parent").Deref()
			if up.Addr() == d.Addr() || n == maxPath {
				break
			}
			names = append(names, d.Field("d_name.name").Str())
			d = up
		}
		if m = parent; len(names) > maxPath {
			break
		}
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}
