package costs

// A class is a cost that the kernel's functions tell.
type class struct {
	id, title string
	// self counts what runs in the functions themselves; else all that is under
	// one of them counts.
	self      bool
	functions []string // or a module's name in brackets
	meaning   string
	next      string
}

// idleFunctions are where a CPU waits that has nothing to do.
var idleFunctions = []string{
	"do_idle", "cpu_idle_loop", "cpu_startup_entry", "default_idle", "default_idle_call", "arch_cpu_idle", "cpuidle_enter",
	"cpuidle_enter_state", "acpi_idle_enter", "intel_idle", "intel_idle_irq", "mwait_idle", "native_safe_halt", "pv_native_safe_halt",
	"cpu_do_idle", "haltpoll_enter", "poll_idle",
}

// classes are the costs, each with what it means and what to look at next.
var classes = []class{
	{
		id: "lock-spin", title: "Spinning on locks", self: true,
		functions: []string{
			"native_queued_spin_lock_slowpath", "queued_spin_lock_slowpath", "__pv_queued_spin_lock_slowpath", "queued_read_lock_slowpath",
			"queued_write_lock_slowpath", "osq_lock", "osq_unlock", "mutex_spin_on_owner", "rwsem_spin_on_owner", "rwsem_optimistic_spin",
			"__mutex_trylock_slow", "virt_spin_lock", "pvqspinlock_wait",
		},
		meaning: "CPUs burn time waiting for a lock that another CPU holds. The callers name the lock; the more CPUs, the worse it gets.",
		next:    "ringside probe run lock-contention says how long each lock is waited for and who holds it",
	},
	{
		id: "reclaim", title: "Reclaiming memory",
		functions: []string{"shrink_node", "shrink_lruvec", "try_to_free_pages", "do_try_to_free_pages", "balance_pgdat", "try_to_free_mem_cgroup_pages", "shrink_slab"},
		meaning:   "Memory is short: pages are taken from their users, by kswapd in the background or by who needs one (direct reclaim), which then waits.",
		next:      "ringside probe run reclaim measures how long allocations wait; look at memory.high/max of the cgroups and at vm.min_free_kbytes (ringside tune)",
	},
	{
		id: "compaction", title: "Compacting memory",
		functions: []string{"compact_zone", "compact_node", "kcompactd_do_work", "try_to_compact_pages"},
		meaning:   "Pages are moved to make large blocks free, mostly for huge pages.",
		next:      "compare transparent_hugepage=madvise with always, and look at who allocates large blocks (order > 3)",
	},
	{
		id: "page-faults", title: "Page faults",
		functions: []string{"exc_page_fault", "asm_exc_page_fault", "do_user_addr_fault", "do_page_fault", "handle_mm_fault", "__handle_mm_fault", "do_mem_abort", "do_translation_fault"},
		meaning:   "Memory is touched for the first time, or again after it was taken away.",
		next:      "ringside probe run page-faults says who faults where; allocators that return memory and take it again, fork and fresh mappings are the usual causes",
	},
	{
		id: "page-zeroing", title: "Zeroing pages", self: true,
		functions: []string{"clear_page_erms", "clear_page_rep", "clear_page_orig", "clear_page", "clear_huge_page", "clear_subpage", "clear_pages", "__pi_clear_page"},
		meaning:   "New pages are zeroed before they are handed out: memory bandwidth.",
		next:      "reuse memory (allocator settings, MADV_DONTNEED), or look whether init_on_alloc/init_on_free is set on the command line",
	},
	{
		id: "copies", title: "Copying to and from user space", self: true,
		functions: []string{
			"copy_user_enhanced_fast_string", "copy_user_generic_string", "copy_user_generic_unrolled", "rep_movs_alternative", "copy_user_generic",
			"_copy_to_iter", "_copy_from_iter", "_copy_to_user", "_copy_from_user", "copy_page", "__arch_copy_to_user", "__arch_copy_from_user", "copy_page_to_iter",
		},
		meaning: "Data is moved between the kernel and programs: the price of reads, writes, pipes and sockets.",
		next:    "larger buffers do not help here; sendfile, splice, io_uring with registered buffers, or mmap avoid the copy",
	},
	{
		id: "tlb", title: "TLB flushes and calls to other CPUs", self: true,
		functions: []string{"smp_call_function_many_cond", "smp_call_function_single", "flush_tlb_func", "flush_tlb_mm_range", "native_flush_tlb_multi", "flush_tlb_one_user", "native_flush_tlb_one_user", "csd_lock_wait", "generic_exec_single"},
		meaning:   "A CPU changes page tables and waits until all others have dropped their copies.",
		next:      "look for munmap, mprotect and madvise in the callers: programs with many threads that map and unmap; NUMA balancing does it too",
	},
	{
		id: "network", title: "Receiving and sending packets",
		functions: []string{"net_rx_action", "net_tx_action", "__napi_poll", "napi_threaded_poll"},
		meaning:   "Packets are handled in softirqs, on whatever CPU the interrupt came to.",
		next:      "ringside tune looks at queues, RSS/RPS and interrupt affinity; ringside probe run tcp-drops says whether any are lost",
	},
	{
		id: "block-io", title: "Completing block I/O",
		functions: []string{"blk_done_softirq", "blk_mq_complete_request", "blk_mq_end_request_batch", "nvme_irq", "nvme_poll_cq", "scsi_io_completion"},
		meaning:   "Requests of disks are completed.",
		next:      "ringside probe run iolat measures the disks; ringside tune looks at schedulers and queues",
	},
	{
		id: "scheduling", title: "Scheduling and wake-ups",
		functions: []string{"__schedule", "try_to_wake_up", "schedule", "sched_balance_newidle", "newidle_balance", "sched_balance_softirq", "run_rebalance_domains"},
		meaning:   "Tasks are switched and woken so often that it costs: many short sleeps, a ping-pong between tasks, or balancing over many CPUs.",
		next:      "ringside probe run sched-timeline shows who wakes whom; batch the work, or pin the partners to one cache",
	},
	{
		id: "timers", title: "Timer interrupts",
		functions: []string{"hrtimer_interrupt", "tick_sched_handle", "tick_nohz_handler", "tick_sched_timer", "run_timer_softirq", "hrtimer_run_softirq", "__run_timers"},
		meaning:   "The tick and timers of programs. A percent is usual with CONFIG_HZ=1000; more means that somebody sets many timers.",
		next:      "look at the callees here; isolated CPUs want nohz_full",
	},
	{
		id: "rcu", title: "RCU callbacks",
		functions: []string{"rcu_do_batch", "rcu_core", "rcu_nocb_cb_kthread", "rcu_nocb_gp_kthread", "kfree_rcu_work"},
		meaning:   "Objects are freed after a grace period: many are replaced or closed.",
		next:      "look at what the callbacks free; rcu_nocbs= moves the work to other CPUs",
	},
	{
		id: "slab", title: "Allocating small objects", self: true,
		functions: []string{"kmem_cache_alloc", "kmem_cache_alloc_noprof", "kmem_cache_alloc_node", "kmem_cache_free", "__kmalloc", "__kmalloc_noprof", "kfree", "___slab_alloc", "__slab_alloc", "__slab_free", "get_partial_node", "memcg_slab_post_alloc_hook", "__memcg_slab_post_alloc_hook"},
		meaning:   "The kernel's allocator of small objects.",
		next:      "the callers say whose objects; slub_debug, KASAN or init_on_alloc on a production kernel make this several times as dear",
	},
	{
		id: "memcg", title: "Charging memory to cgroups", self: true,
		functions: []string{"try_charge_memcg", "charge_memcg", "__mem_cgroup_charge", "mem_cgroup_charge_skmem", "propagate_protected_usage", "page_counter_try_charge", "page_counter_uncharge", "page_counter_cancel", "__mod_memcg_lruvec_state", "mod_memcg_state", "cgroup_rstat_flush_locked", "css_rstat_flush"},
		meaning:   "Memory is accounted to control groups; deep trees and statistics that are read often make it dear.",
		next:      "look for agents that read memory.stat of many groups often, and at the depth of the tree",
	},
	{
		id: "mitigations", title: "Mitigations of CPU flaws", self: true,
		functions: []string{
			"srso_safe_ret", "srso_alias_safe_ret", "srso_return_thunk", "srso_alias_return_thunk", "srso_untrain_ret", "srso_alias_untrain_ret", "retbleed_untrain_ret",
			"retbleed_return_thunk", "zen_untrain_ret", "__x86_return_thunk", "entry_ibpb", "entry_untrain_ret", "clear_bhb_loop", "__x86_indirect_thunk_array",
			"__x86_indirect_thunk_rax", "__x86_indirect_thunk_r11", "syscall_return_via_sysret", "entry_SYSRETQ_unsafe_stack", "syscall_enter_from_user_mode",
		},
		meaning: "Returns and entries that do not speculate, and the price of each entry into the kernel.",
		next:    "ringside tune lists the mitigations in force and what they are for; fewer entries (io_uring, batching) cost less of them",
	},
	{
		id: "console", title: "Printing to consoles",
		functions: []string{"console_unlock", "console_flush_all", "vprintk_emit", "serial8250_console_write", "serial8250_console_putchar", "univ8250_console_write", "nbcon_atomic_flush_pending"},
		meaning:   "The kernel prints, and a slow console (115,200 baud are 87 µs a character) makes whoever printed wait.",
		next:      "find what is printed (dmesg), lower the console's level (dmesg -n 4), or make the console faster",
	},
	{
		id: "audit", title: "Auditing and tracing",
		functions: []string{"audit_log_end", "__audit_syscall_exit", "__audit_syscall_entry", "audit_filter_syscall", "syscall_trace_enter", "trace_event_buffer_commit", "perf_trace_run_bpf_submit", "__seccomp_filter", "bpf_trampoline_enter"},
		meaning:   "Audit rules, tracers, seccomp filters or BPF programs run for what others do.",
		next:      "auditctl -l, bpftool prog (with kernel.bpf_stats_enabled=1), and strace or perf that somebody forgot",
	},
	{
		id: "bpf", title: "BPF programs", self: true,
		functions: []string{"[bpf]", "__bpf_prog_enter", "__bpf_prog_exit", "bpf_ringbuf_reserve", "htab_map_update_elem", "__htab_map_lookup_elem"},
		meaning:   "Programs that agents, networking or security tools have loaded.",
		next:      "bpftool prog show with kernel.bpf_stats_enabled=1 gives each program's time",
	},
	{
		id: "process-life", title: "Starting and ending processes",
		functions: []string{"copy_process", "do_execveat_common", "load_elf_binary", "exit_mmap", "do_exit", "dup_mm", "dup_mmap", "begin_new_exec"},
		meaning:   "Processes are made, replaced and torn down: shell scripts, health checks, forking servers.",
		next:      "ringside profile top --by task names them; posix_spawn, long-lived workers or fewer checks cost less",
	},
	{
		id: "journal", title: "Committing file systems' journals",
		functions: []string{"jbd2_journal_commit_transaction", "xlog_cil_push_work", "xfs_log_force", "btrfs_commit_transaction", "f2fs_write_checkpoint"},
		meaning:   "A journal is written: somebody syncs often, or changes much metadata.",
		next:      "ringside probe run syscall-latency says who calls fsync and how long it takes; fewer syncs or a larger journal help",
	},
	{
		id: "guests", title: "Running virtual machines",
		functions: []string{"kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run", "vcpu_run", "vcpu_enter_guest"},
		meaning:   "Virtual CPUs, and what the kernel does for their exits.",
		next:      "perf kvm stat, or the kvm:kvm_exit event, counts the exits by reason",
	},
}
