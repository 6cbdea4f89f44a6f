package object

import (
	"slices"
	"strings"

	"ringside/vmcore/kernel"
)

// Containers tells of tasks which cgroup and which namespaces they are in. It
// keeps what it has read: most tasks share theirs.
type Containers struct {
	w       *kernel.Walk
	cgroups map[uint64]string       // by the css_set
	sets    map[uint64]NamespaceIDs // by the nsproxy
	memory  int                     // the memory controller's number, -1 where there is none
}

// NamespaceIDs are the inode numbers of namespaces, as /proc/PID/ns has them, by
// their kind: mnt, uts, ipc, net, pid, cgroup, time, user.
type NamespaceIDs map[string]uint32

// maxCgroupDepth bounds the path of a cgroup.
const maxCgroupDepth = 64

// NewContainers returns what looks tasks up.
func NewContainers(w *kernel.Walk) *Containers {
	c := &Containers{w: w, cgroups: map[uint64]string{}, sets: map[uint64]NamespaceIDs{}, memory: -1}
	if n, ok := enumOf(w.Kernel(), "cgroup_subsys_id", "memory_cgrp_id"); ok {
		c.memory = n
	}
	return c
}

// Cgroup returns the path of a task's cgroup: of the unified hierarchy, or where
// the task is in that one's root, of the memory controller's.
func (c *Containers) Cgroup(t Task) string {
	if !t.Value.Has("cgroups") {
		return ""
	}
	set := t.Value.Field("cgroups").Deref()
	if !set.Valid() {
		return ""
	}
	if path, ok := c.cgroups[set.Addr()]; ok {
		return path
	}
	path := ""
	if set.Has("dfl_cgrp") { // 4.2 and later
		path = c.path(set.Field("dfl_cgrp").Deref())
	}
	if (path == "" || path == "/") && c.memory >= 0 && c.memory < set.Field("subsys").Len() {
		if v1 := c.path(set.Field("subsys").Index(c.memory).Deref().Field("cgroup").Deref()); v1 != "" {
			path = v1
		}
	}
	c.cgroups[set.Addr()] = path
	return path
}

// path joins the names of a cgroup's directories.
func (c *Containers) path(cgroup kernel.Value) string {
	if !cgroup.Valid() || !cgroup.Has("kn") {
		return ""
	}
	var names []string
	node := cgroup.Field("kn").Deref()
	for range maxCgroupDepth {
		if !node.Valid() {
			break
		}
		parent := node.First("__parent", "parent").Deref() // renamed in 6.15
		if !parent.Valid() {
			break // the root has no name
		}
		names = append(names, strings.ToValidUTF8(node.Field("name").Str(), "?"))
		node = parent
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// namespaceKinds are the members of struct nsproxy that a task itself is in. The
// PID namespace there is that of children to come.
var namespaceKinds = []struct{ kind, member string }{
	{"mnt", "mnt_ns"}, {"uts", "uts_ns"}, {"ipc", "ipc_ns"}, {"net", "net_ns"}, {"cgroup", "cgroup_ns"}, {"time", "time_ns"},
}

// Namespaces returns the namespaces of a task, and its number in its own PID
// namespace; nil for one that has exited.
func (c *Containers) Namespaces(t Task) (ids NamespaceIDs, pid int) {
	proxy := t.Value.Field("nsproxy").Deref()
	if !proxy.Valid() {
		return nil, 0
	}
	shared, ok := c.sets[proxy.Addr()]
	if !ok {
		shared = NamespaceIDs{}
		for _, k := range namespaceKinds {
			if proxy.Has(k.member) {
				if n := inum(proxy.Field(k.member).Deref()); n != 0 {
					shared[k.kind] = n
				}
			}
		}
		c.sets[proxy.Addr()] = shared
	}
	ids = make(NamespaceIDs, len(shared)+2)
	for k, n := range shared {
		ids[k] = n
	}
	if n := inum(t.Value.Follow("cred", "user_ns")); n != 0 {
		ids["user"] = n
	}
	var own kernel.Value
	switch {
	case t.Value.Has("thread_pid"): // 4.19 and later
		own = t.Value.Field("thread_pid").Deref()
	case t.Value.Has("pids"):
		own = t.Value.Field("pids").Index(0).Field("pid").Deref()
	}
	if own.Valid() {
		const maxLevel = 32 // MAX_PID_NS_LEVEL
		level := min(own.Field("level").Uint(), maxLevel)
		upid := c.w.At("struct upid", own.Field("numbers").Addr()+level*c.w.Kernel().SizeOf("struct upid"))
		if n := inum(upid.Field("ns").Deref()); n != 0 {
			ids["pid"], pid = n, int(upid.Field("nr").Int())
		}
	}
	return ids, pid
}

// inum is the inode number of a namespace.
func inum(ns kernel.Value) uint32 {
	if !ns.Valid() || !ns.Has("ns.inum") {
		return 0
	}
	return uint32(ns.Field("ns.inum").Uint())
}
