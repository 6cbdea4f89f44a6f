package object

import "ringside/vmcore/kernel"

// RequestPool is a block of pages that a block device takes its requests from.
// Nothing but its device's tags knows of it.
type RequestPool struct {
	Page  uint64 // address of its struct page
	Order uint
}

// maxRequestPools bounds the blocks of all devices.
const maxRequestPools = 100_000

// RequestPools returns the blocks of all devices' tags.
func RequestPools(w *kernel.Walk) (list []RequestPool) {
	if !w.Kernel().HasField("struct blk_mq_tags", "page_list") {
		return nil
	}
	seen := map[uint64]bool{}
	sub := blockSubsystem(w)
	for p := range w.List(sub.Field("klist_devices.k_list"), "struct device_private", "knode_class.n_node") {
		q := p.Field("device").Deref().Container("struct block_device", "bd_device").Field("bd_disk").Deref().Field("queue").Deref()
		if !q.Valid() || seen[q.Addr()] || q.Field("mq_ops").Ptr() == 0 {
			continue
		}
		seen[q.Addr()] = true
		for _, hw := range hwQueues(q) {
			for _, member := range []string{"tags", "sched_tags"} {
				tags := hw.Field(member).Deref()
				if !tags.Valid() || seen[tags.Addr()] {
					continue
				}
				seen[tags.Addr()] = true
				for page := range w.List(tags.Field("page_list"), "struct page", "lru") {
					if len(list) == maxRequestPools {
						return list
					}
					list = append(list, RequestPool{Page: page.Addr(), Order: uint(page.Field("private").Uint() & 0x3f)})
				}
			}
		}
	}
	return list
}

// StackSize returns THREAD_SIZE.
func StackSize(k *kernel.Kernel) uint64 { return stackSize(k) }
