package crash

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// genericFiles are sources whose code runs for everybody: when a report points
// there, the file to look at is that of the caller. An entry that ends in '/'
// is a folder.
var genericFiles = []struct {
	why   string
	files string
}{
	{"library and its checks", `
		lib/ virt/lib/`},
	{"architecture: entry, traps, memory access", `
		arch/*/kernel/ arch/*/entry/ arch/*/lib/ arch/*/mm/ arch/*/include/ arch/*/boot/`},
	{"scheduling, locking, time, interrupts", `
		kernel/locking/ kernel/sched/ kernel/rcu/ kernel/time/ kernel/irq/ kernel/entry/ kernel/softirq.c kernel/smp.c kernel/stop_machine.c
		kernel/workqueue.c kernel/kthread.c kernel/task_work.c kernel/notifier.c kernel/cpu.c kernel/smpboot.c kernel/irq_work.c kernel/signal.c kernel/exit.c`},
	{"the report machinery", `
		kernel/panic.c kernel/printk/ kernel/kcsan/ kernel/kcov.c kernel/stacktrace.c kernel/hung_task.c kernel/watchdog.c kernel/watchdog_hld.c
		kernel/locking/lockdep.c mm/kasan/ mm/kmsan/ mm/kfence/ mm/kmemleak.c mm/usercopy.c mm/debug.c mm/page_owner.c mm/failslab.c mm/fail_page_alloc.c`},
	{"allocators and the page cache", `
		mm/slub.c mm/slab.c mm/slob.c mm/slab_common.c mm/page_alloc.c mm/page_frag_cache.c mm/vmalloc.c mm/util.c mm/percpu.c mm/percpu-vm.c mm/mempool.c mm/mempolicy.c mm/dmapool.c
		mm/memcontrol.c mm/oom_kill.c mm/swap.c mm/swap_state.c mm/filemap.c mm/truncate.c mm/folio-compat.c mm/page-writeback.c mm/readahead.c mm/maccess.c mm/memory.c mm/gup.c mm/vmscan.c
		mm/list_lru.c mm/shrinker.c mm/workingset.c mm/compaction.c mm/nommu.c`},
	{"the VFS", `
		fs/inode.c fs/dcache.c fs/super.c fs/namei.c fs/open.c fs/read_write.c fs/file_table.c fs/file.c fs/ioctl.c fs/libfs.c fs/buffer.c fs/mpage.c fs/namespace.c fs/seq_file.c
		fs/splice.c fs/sync.c fs/stat.c fs/attr.c fs/fs-writeback.c fs/fs_context.c fs/fs_parser.c fs/readdir.c fs/select.c fs/exec.c fs/direct-io.c fs/iomap/ fs/char_dev.c fs/mbcache.c fs/locks.c
		fs/proc/generic.c fs/proc/inode.c fs/sysfs/ fs/kernfs/ fs/debugfs/`},
	{"block and cryptographic cores", `
		block/blk-core.c block/blk-mq.c block/bdev.c block/fops.c block/ioctl.c fs/block_dev.c crypto/api.c crypto/algapi.c`},
	{"the networking core", `
		net/socket.c net/core/dev.c net/core/sock.c net/core/skbuff.c net/core/datagram.c net/core/stream.c net/core/rtnetlink.c net/core/netdev-genl.c net/core/gro.c net/core/utils.c net/core/ref_tracker.c
		net/netlink/af_netlink.c net/netlink/genetlink.c net/compat.c`},
	{"the device model and what drivers call", `
		drivers/base/ drivers/usb/core/urb.c drivers/usb/core/message.c drivers/usb/core/hcd.c drivers/usb/core/usb.c kernel/dma/ kernel/iomem.c`},
	{"security hooks", `
		security/security.c security/commoncap.c`},
}

// isGenericFile reports whether a source file serves everybody. Headers do:
// what is in them was inlined into whoever is to blame.
func isGenericFile(file string) bool {
	file = strings.TrimPrefix(file, "./")
	if strings.HasSuffix(file, ".h") {
		return true
	}
	return slices.ContainsFunc(sharedGeneric(), func(pattern string) bool { return underPattern(file, pattern) })
}

// sharedGeneric is the patterns of genericFiles.
var sharedGeneric = sync.OnceValue(func() (patterns []string) {
	for _, g := range genericFiles {
		patterns = append(patterns, strings.Fields(g.files)...)
	}
	return patterns
})

// underPattern reports whether file is pattern or in the folder that it names;
// '*' stands for one folder.
func underPattern(file, pattern string) bool {
	if before, after, ok := strings.Cut(pattern, "*"); ok {
		rest, ok := strings.CutPrefix(file, before)
		if !ok {
			return false
		}
		_, rest, ok = strings.Cut(rest, "/")
		return ok && strings.HasPrefix("/"+rest, after)
	}
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(file, pattern)
	}
	return file == pattern
}

// guiltyFile completes the guilty location with the source file to look at,
// where a symbolizer put files into the log: the file of the check that failed,
// else the first on the stack, inlined calls included, that is not generic.
func (b *builder) guiltyFile() {
	r := &b.rep
	if r.Guilty == nil {
		return
	}
	if b.file != "" && b.isCheck() && !isGenericFile(b.file) {
		r.Guilty.File, r.Guilty.Line = strings.TrimPrefix(b.file, "./"), b.fileLine
		return
	}
	stacks := [][]Frame{r.Frames}
	if b.hang() {
		stacks[0] = afterInterrupt(r.Frames)
		for i := range r.Stacks {
			if s := &r.Stacks[i]; s.Name != "rcu kthread" {
				stacks = append(stacks, afterInterrupt(s.Frames))
			}
		}
	}
	best := firstSpecific(stacks)
	switch {
	case best == nil && r.Guilty.File == "" && len(b.sites) > 0:
		r.Guilty.File, r.Guilty.Line = b.sites[0].File, b.sites[0].Line
	case best == nil || r.Guilty.File == best.File && r.Guilty.Line != 0:
	default:
		r.Guilty.File, r.Guilty.Line = best.File, best.Line
		r.Evidence = append(r.Evidence, Evidence{"guilty.file", "guilty/first-specific-file", best.LogLine, best.Span})
	}
}

// firstSpecific returns the first frame in a source file that is not generic.
// Where a file of a folder below comes later, that one: the core of a subsystem
// is generic among its own clients.
func firstSpecific(stacks [][]Frame) *Frame {
	var best *Frame
	for _, frames := range stacks {
		for i := range frames {
			f := &frames[i]
			if !f.Reliable || f.File == "" || isGenericFile(f.File) {
				continue
			}
			if best == nil || strings.HasPrefix(path.Dir(f.File), path.Dir(best.File)+"/") {
				best = f
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// isCheck reports whether the headline names the file of a check that failed.
func (b *builder) isCheck() bool {
	switch b.rep.Kind {
	case KindWarning, KindBug, KindUBSAN, KindRustPanic:
		return true
	}
	return false
}
