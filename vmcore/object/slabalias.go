package object

import (
	"slices"
	"strings"

	"ringside/vmcore/kernel"
)

// maxAliases bounds how many entries of /sys/kernel/slab are read.
const maxAliases = 20_000

// The types of a kernfs_node, in its flags: include/linux/kernfs.h.
const (
	kernfsTypeMask = 0xf
	kernfsLink     = 4
)

// slabAliases returns by the address of a cache the names of those that were
// merged into it. Caches of one size and alike in all else become one, whose name
// is that of the first: the others' names live on as links in /sys/kernel/slab.
func slabAliases(w *kernel.Walk) map[uint64][]string {
	k := w.Kernel()
	if _, ok := k.Symbol("slab_kset"); !ok || !k.HasField("struct kmem_cache", "kobj") || !k.HasField("struct kernfs_node", "symlink.target_kn") {
		return nil
	}
	kset, err := w.U64(w.Global("slab_kset", "struct kset").Addr())
	if err != nil || kset == 0 {
		return nil
	}
	names := map[uint64][]string{}
	n := 0
	for node := range w.RBTree(w.At("struct kset", kset).Field("kobj.sd").Deref().Field("dir.children"), "struct kernfs_node", "rb") {
		if n++; n > maxAliases {
			break
		}
		if node.Field("flags").Uint()&kernfsTypeMask != kernfsLink {
			continue
		}
		kobj := w.At("struct kobject", node.Field("symlink.target_kn").Deref().Field("priv").Ptr())
		if cache := kobj.Container("struct kmem_cache", "kobj"); cache.Valid() {
			names[cache.Addr()] = append(names[cache.Addr()], strings.ToValidUTF8(node.Field("name").Str(), "?"))
		}
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names
}
