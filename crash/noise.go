package crash

import (
	"slices"
	"strings"
)

// Functions that are on a stack because of what they do for others: the report
// machinery itself, entry code, primitives that trust their caller's pointer.
// A defect shows in them but does not live in them, so the guilty function is
// looked for in their callers. Names are portable names; an entry that ends in
// '*' is a prefix.
//
// The groups say why. What is deliberately absent: functions of a subsystem,
// however often they appear.
var noiseGroups = []struct {
	why   string
	names string
}{
	{"prints the report", `
		dump_stack* __dump_stack show_stack* show_regs* show_trace* dump_backtrace* unwind_* print_* __print_* show_free_areas show_mem* __show_mem
		panic vpanic __panic* nmi_panic check_panic_on_warn panic_on_warn* warn_slowpath* __warn* warn_alloc* warn_bogus* report_bug* fixup_bug* do_error_trap do_trap* die* __die* oops_* bust_spinlocks
		make_task_dead rewind_stack* bad_area* __bad_area* no_context page_fault_oops kernelmode_fixup_or_oops die_kernel_fault __do_kernel_fault do_kern_addr_fault spurious_kernel_fault* show_fault_oops
		do_translation_fault do_mem_abort do_bad* do_DataAbort do_PrefetchAbort do_page_fault __do_page_fault do_user_addr_fault do_int3 do_invalid_op do_general_protection do_divide_error do_double_fault do_stack_segment
		exc_* asm_exc_* invalid_op general_protection page_fault async_page_fault double_fault error_entry divide_error stack_segment int3 trap_* handle_bug handle_invalid_op handle_exception* do_trap_* bug_handler brk_handler do_debug_exception early_brk64 call_break_hook do_el1_* arm64_notify_die arm64_serror_panic do_serror
		do_sp_pc_abort do_undefinstr do_undef* die_if_kernel ubsan_epilogue* __ubsan_* handle_overflow ubsan_prologue ubsan_* val_to_string
		kasan_* __kasan_* __asan_* __hwasan_* check_memory_region* check_region_inline __msan_* kmsan_* __kmsan_* kcsan_* __kcsan_* __tsan_* kfence_* __kfence_* __sanitizer_* __stack_chk_fail report_invalid_free describe_* end_report
		complete_report_info save_stack* stack_trace_* set_track* set_alloc_info save_trace stack_depot_* __stack_depot* fault_create_debugfs_attr should_fail* __should_fail* fail_dump should_failslab
		debug_print_object debug_object_* __debug_object_* debug_check_no_obj_freed __debug_check_no_obj_freed object_err slab_err slab_bug slab_fix slab_pad_check check_bytes_and_report check_slab check_object free_debug_processing alloc_debug_processing print_trailer on_freelist
		print_circular_bug* print_bad_irq_dependency print_deadlock_bug print_usage_bug* check_noncircular check_prev* check_path check_deadlock check_irq_usage check_usage* check_wait_context validate_chain __lock_acquire lock_acquire* lock_release* __lock_release lock_is_held* lockdep_* debug_lockdep_* mark_lock* mark_usage mark_held_locks trace_hardirqs* valid_state register_lock_class assign_lock_key look_up_lock_class lock_downgrade __lock_set_class lock_set_class trace_softirqs* check_flags* reacquire_held_locks find_held_lock lock_pin_lock lock_unpin_lock lock_contended lock_acquired
		__might_sleep __might_resched ___might_sleep might_* __schedule_bug rcu_sleep_check check_preemption_disabled debug_smp_processor_id __this_cpu_preempt_check spin_bug spin_dump rwlock_bug do_raw_* debug_spin_* debug_mutex* debug_check_no_locks*
		nmi_cpu_backtrace* nmi_trigger_cpumask_backtrace arch_trigger_cpumask_backtrace trigger_* rcu_dump_cpu_stacks* rcu_check_gp_kthread* rcu_stall* print_cpu_stall* print_other_cpu_stall check_cpu_stall rcu_pending rcu_sched_clock_irq rcu_check_callbacks rcu_gp_kthread rcu_gp_fqs_loop rcu_gp_fqs dump_cpu_task rcu_exp_* synchronize_rcu_expedited_wait* sched_show_task show_state* sched_show_task watchdog* watchdog_timer_fn softlockup_fn watchdog_overflow_callback watchdog_hardlockup_check is_softlockup __perf_event_overflow perf_event_overflow intel_pmu_handle_irq perf_event_nmi_handler check_hung_* hung_task_panic lockup_detector* __handle_sysrq* write_sysrq_trigger
		refcount_* __refcount_* kref_* kobject_put kobject_get __list_add_valid* __list_del_entry_valid* __list_add_or_panic __list_del_entry* __list_add __list_del list_del list_add* list_del_init list_move* hlist_* fortify_* __fortify_* usercopy_* __check_object_size check_heap_object __check_heap_object check_stack_object report_usercopy fault_in_* skb_panic skb_over_panic skb_under_panic skb_push skb_put __skb_put pskb_put
		rust_begin_unwind rust_panic core::panicking::* rust_helper_BUG kernel::build_error* __cfi_* cfi_* handle_cfi_failure report_cfi_failure ref_tracker_* percpu_ref_* __warn_flushing_systemwide_wq assertfail btrfs_assertfail __reiserfs_panic reiserfs_panic sysfs_warn_dup do_tag_check_fault do_tag_recovery create_object arm64_force_sig_fault __dabt_* __und_* walk_stackframe return_address arch_local_* native_save_fl arch_irqs_disabled* exiting_irq entering_irq restore_fpregs* timer_is_static_object set_bit __raw_read* __raw_write* read_word_at_a_time rcu_is_watching rcu_dynticks_* __might_fault trace_event_* __traceiter_* perf_trace_* trace_call_bpf*`},
	{"moves bytes for its caller", `
		strnstr* format_decode crc_itu_t* crc64* simple_copy_to_iter simple_copy_* find_get_pages* find_lock_entries find_get_entries add_uevent_var _atomic_dec_and_lock* refcount_dec_and_* test_and_* memcpy* __memcpy* memmove* __memmove* memset* __memset* memcmp* __memcmp* memchr* strlen* strnlen* strcpy* strncpy* strlcpy* strscpy* strcat* strncat* strcmp* strncmp* strcasecmp* strchr* strstr* strnstr* format_decode strcspn strsep sized_strscpy
		string string_nocheck vsnprintf snprintf vsprintf sprintf scnprintf vscnprintf pointer printk _printk vprintk* __sanitizer_cov_* write_comp_data
		copy_* _copy_* __copy_* raw_copy_* rep_movs* rep_stos* clear_user* __clear_user clear_page* copy_page* csum_* _raw_copy* __get_user* __put_user* get_user* put_user* __arch_copy_* __pi_* __arch_clear_user* bcopy crc32* crc16* crc_itu_t* crc_t10dif* crc64* simple_copy_to_iter simple_copy_* __skb_datagram_iter_none _atomic_dec_and_lock* refcount_dec_and_* add_uevent_var test_and_* find_get_pages_range find_get_pages* find_lock_entries find_get_entries instrument_* kmemdup* kstrdup* kstrndup* memdup_user* strndup_user
		find_*_bit _find_* find_next_* find_first_* test_bit* set_bit* clear_bit* arch_atomic* atomic_* atomic64_* raw_atomic* __bitmap_* bitmap_* rb_* __rb_* idr_* radix_tree_* __radix_* xa_* xas_* __xa_* mas_* mtree_* llist_* klist_* list_sort* sort sort_r bsearch csd_* iov_iter_* _copy_from_iter* _copy_to_iter* copyin copyout lib_* hex_dump_to_buffer print_hex_dump* percpu_counter_* __percpu_counter*`},
	{"allocates or frees for its caller", `
		free_large_kmalloc* ___kmalloc_large_node __vunmap vunmap remove_vm_area sk_stream_alloc_skb sk_prot_alloc sk_alloc dev_alloc_skb __dev_alloc_skb qlist_free_all zone_watermark* create_object
		kmalloc* __kmalloc* __do_kmalloc* krealloc* __krealloc* kvmalloc* __kvmalloc* kzalloc* kcalloc* kfree* __kfree* kvfree* kzfree* kmem_cache_alloc* kmem_cache_free* __kmem_cache_free* __kmem_cache_alloc* kmem_cache_* slab_* __slab_* ___slab_* slub_* do_slab_free cache_* ___cache_* __cache_* cache_from_obj cache_free* memcg_slab* memcg_alloc* new_slab* allocate_slab* get_partial* free_to_partial_list __unfreeze_partials put_cpu_partial* qlink_* qlist_* quarantine_* unpoison_slab_object poison_slab_object poison_kmalloc*
		__alloc_pages* alloc_pages* __alloc_frozen_pages* get_page_from_freelist* prep_new_page* post_alloc_hook alloc_page* __get_free_page* get_zeroed_page free_pages* __free_pages* free_unref_* free_pcp* free_frozen* free_one_page free_page_is_bad bad_page* check_new_page* free_pages_prepare __folio_put* folio_put* release_pages* __put_page* __alloc_slowpath* alloc_slab_page* vmalloc* __vmalloc* vzalloc* vfree* __vfree* module_alloc alloc_vmap* __get_vm_area* mempool_* percpu_alloc* pcpu_* __alloc_percpu* free_percpu* devm_k* devres_* oom_kill_process out_of_memory mem_cgroup_out_of_memory dump_header* select_bad_process __oom_kill_process pagefault_out_of_memory try_charge* mem_cgroup_charge* __mem_cgroup_charge charge_memcg mem_cgroup_oom* folio_alloc* __folio_alloc* vma_alloc_folio* alloc_anon_folio alloc_pages_mpol* kmemleak_* alloc_slab_obj_exts* alloc_tagging_slab*
		skb_free_head skb_release_data skb_release_all kfree_skb* __kfree_skb consume_skb __alloc_skb alloc_skb* __netdev_alloc_skb* napi_alloc_skb* sock_alloc_send_* sock_wmalloc kmalloc_reserve* kfree_skbmem dev_kfree_skb*`},
	{"counts or links an object for its owner", `
		kobject_* __kobject_* kset_* sysfs_* __sysfs_* kernfs_* __kernfs_* internal_create_group* create_dir device_add device_add_attrs device_del device_register device_unregister device_create* device_destroy device_release put_device get_device get_device_parent klist_* bus_add_device bus_remove_device cdev_device_add cdev_add __device_attach* bus_probe_device bus_for_each_drv driver_probe_device __driver_probe_device really_probe call_driver_probe
		usb_submit_urb usb_kill_urb usb_free_urb usb_get_urb usb_unlink_urb usb_hcd_submit_urb usb_hcd_unlink_urb drop_nlink inc_nlink clear_nlink iput iput_final evict dput dget __dentry_kill fput __fput ____fput mark_buffer_dirty* __brelse brelse mod_timer* __mod_timer add_timer* del_timer timer_setup* hrtimer_start* __queue_delayed_work pagevec_lookup* zone_watermark_* __zone_watermark*`},
	{"waits or locks for its caller", `
		schedule* __schedule* preempt_schedule* io_schedule* ___preempt_schedule* folio_wait_* __folio_wait* __filemap_fdatawait_range call_rwsem_* console_lock console_trylock console_unlock vprintk_emit pipe_lock __pipe_lock pipe_double_lock lock_timer_base lock_hrtimer_base task_rq_lock __task_rq_lock native_flush_tlb* flush_tlb_* smp_call* _sched_show_task __static_key_* msg_print_text insert_work __queue_work queue_work_on queue_delayed_work_on mod_delayed_work_on folio_unlock unlock_page end_page_writeback kthread_should_park kthread_should_stop kernel_fpu_begin* __cond_resched* _cond_resched cond_resched* context_switch finish_task_switch* __switch_to* switch_to* yield* bit_wait* __wait_* wait_on_* __wait_on_* wait_for_* wait_* do_wait_for_common do_wait_intr* out_of_line_wait* prepare_to_wait* finish_wait* autoremove_wake_function msleep* usleep_range* schedule_timeout* schedule_hrtimeout* do_nanosleep hrtimer_nanosleep* sleep_on* freezable_* __refrigerator synchronize_* __synchronize_* rcu_barrier* _rcu_barrier* kthread_stop* kthread_park
		mutex_* __mutex_* _mutex_* ww_mutex_* __ww_mutex* rt_mutex* __rt_mutex* rtlock_* rwsem_* __rwsem* down* __down* up* __up* percpu_down* percpu_up* __percpu_* _raw_* __raw_spin* raw_spin* spin_* queued_* native_queued_* pv_* __pv_* kvm_wait osq_* lock_sock* __lock_sock lock_page* __lock_page* folio_lock* __folio_lock* __lock_buffer lock_buffer bit_spin_* rt_spin_* rt_read* rt_write* read_lock* write_lock* read_seq* do_raw_* queue_spin* ticket_* arch_spin* mcs_* smp_call_function* smp_call_on_cpu on_each_cpu* generic_exec_single __flush_smp_call* flush_work* __flush_work* flush_workqueue* __flush_workqueue drain_workqueue cancel_work* __cancel_work* cancel_delayed_work* del_timer_sync* timer_delete* __timer_delete* try_to_del_timer_sync hrtimer_cancel* hrtimer_try_to_cancel complete* __complete* swake_* wake_up* __wake_up* try_to_wake_up default_wake_function wake_q_* ep_poll_callback rcu_read_lock* rcu_read_unlock* __rcu_read_* rcu_lock_acquire rcu_note_context* call_rcu* __call_rcu* rcu_do_batch rcu_core* rcu_cpu_kthread local_bh_* __local_bh_* kernel_text_address __kernel_text_address unwind_next_frame arch_stack_walk* is_bpf_text_address native_safe_halt native_halt default_idle* arch_cpu_idle* cpu_relax stop_machine* stop_one_cpu* smpboot_* text_poke* jump_label_* __jump_label_* static_key_* static_call_* arch_jump_label*`},
	{"enters the kernel or dispatches", `
		entry_* retint_* __x86_indirect_thunk* __x86_return_thunk do_syscall_* __do_syscall* do_fast_syscall* do_int80* __do_fast_syscall* do_SYSENTER* sysenter_* system_call* syscall_* ret_from_fork* ret_to_user* ret_fast_syscall ret_from_kernel_thread ret_from_intr ret_from_exception el0_* el0t_* el1_* el1t_* el1h_* invoke_syscall* el0_svc* exit_to_user_mode* prepare_exit* irqentry_* irq_exit* irq_enter* __irq_exit* exit_to_* work_pending do_notify_resume do_work_pending task_work_run resume_user_mode* sysret* int_ret_from_sys_call tracesys* x64_sys_call ia32_sys_call __x86_sys* asm_* sysvec_* __sysvec_* apic_timer_interrupt smp_apic_timer* common_interrupt* do_IRQ* handle_irq* handle_domain_irq generic_handle_* __handle_domain* __handle_irq* handle_fasteoi* handle_edge* handle_percpu* gic_handle* call_on_irq_stack* call_on_stack do_interrupt_handler do_softirq* __do_softirq* handle_softirqs invoke_softirq __irq_svc* __irq_usr* __dabt_svc __dabt_usr __und_svc __und_usr __pabt_svc restore_all* vector_swi call_irq_handler smp_reschedule* reschedule_interrupt nmi nmi_handle* default_do_nmi do_nmi end_repeat_nmi paranoid_exit error_exit
		local_apic_timer* __hrtimer_run_queues __run_hrtimer hrtimer_interrupt hrtimer_run_* tick_sched_timer tick_sched_handle* tick_nohz_handler update_process_times scheduler_tick sched_tick account_process_tick tick_periodic tick_handle_periodic timer_interrupt arch_timer_handler* run_timer_softirq run_timer_base __run_timers* call_timer_fn expire_timers __walk_groups tmigr_* tasklet_action* run_ksoftirqd irq_work_* profile_tick timerfd_tmrproc secondary_start* start_secondary cpu_startup_entry do_idle cpu_idle* rest_init arch_call_rest_init arch_post_acpi* cpuidle_* start_kernel x86_64_start* secondary_startup* start_cpu* verify_cpu 
		kthread kthread_worker_fn kthread_flush* worker_thread process_one_work process_scheduled_works rescuer_thread kernel_thread* kernel_init kernel_init_freeable do_basic_setup do_initcalls do_initcall_level do_one_initcall do_init_module load_module __do_sys_init_module __do_sys_finit_module __se_sys_init_module __se_sys_finit_module sys_init_module sys_finit_module init_module_from_file idempotent_init_module smpboot_thread_fn cpuhp_* trap_init irqentry* ___bpf_prog_run* __bpf_prog_run* bpf_dispatcher_* kretprobe_* arch_rethook* ftrace_* __ftrace* __fentry__ mcount* klp_* return_to_handler trampoline* call_handler* 0x*`},
}

// dispatchers are where the kernel hands over to the code of one operation: a
// system call to a file system, a netlink message to its handler, a timer to its
// callback. A stall is named after the operation that does not end, which is the
// function that a dispatcher called, and not after the place in it where the
// watchdog happened to look: that place is another one each time.
var dispatchers = nameSet(`
	compat_SyS_ioctl C_SYSC_ioctl SyS_ioctl SYSC_ioctl sys_ioctl __ia32_compat_sys_ioctl do_syscall_64 do_syscall_x64 do_int80_syscall_32 do_fast_syscall_32 __do_fast_syscall_32 do_SYSENTER_32 entry_SYSCALL_64_after_hwframe entry_SYSCALL_64_fastpath entry_SYSENTER_compat_after_hwframe system_call_fastpath invoke_syscall el0_svc_common el0_svc_naked __sys_trace_return ret_fast_syscall syscall_return_slowpath
	vfs_ioctl do_vfs_ioctl ksys_ioctl __do_sys_ioctl __se_sys_ioctl compat_ioctl __do_compat_sys_ioctl blkdev_ioctl sock_ioctl sock_do_ioctl
	vfs_read vfs_write __vfs_read __vfs_write new_sync_read new_sync_write call_read_iter call_write_iter do_iter_read do_iter_write do_iter_readv_writev vfs_readv vfs_writev kernel_read __kernel_read kernel_write generic_file_splice_read do_splice_to splice_direct_to_actor vfs_fsync_range vfs_fsync iterate_dir vfs_mount path_mount do_mount vfs_get_tree
	sock_sendmsg __sock_sendmsg sock_sendmsg_nosec ____sys_sendmsg ___sys_sendmsg __sys_sendmsg sock_recvmsg ____sys_recvmsg __sys_connect __sys_bind __sys_setsockopt __sys_getsockopt __sock_release sock_close sock_write_iter sock_read_iter
	netlink_rcv_skb rtnetlink_rcv_msg nfnetlink_rcv_msg nfnetlink_rcv_batch genl_rcv_msg genl_family_rcv_msg genl_family_rcv_msg_doit xfrm_user_rcv_msg sock_diag_rcv_msg
	deliver_skb deliver_ptype_list_skb __netif_receive_skb_core __netif_receive_skb_one_core __netif_receive_skb netif_receive_skb process_backlog napi_poll __napi_poll net_rx_action net_tx_action
	call_timer_fn expire_timers __run_timers run_timer_softirq __hrtimer_run_queues __run_hrtimer hrtimer_run_softirq tasklet_action tasklet_action_common process_one_work worker_thread kthread kthread_worker_fn task_work_run exit_task_work irq_work_run_list irq_work_single rcu_do_batch rcu_core __do_softirq handle_softirqs handle_irq_event_percpu __handle_irq_event_percpu do_one_initcall notifier_call_chain ret_from_fork`)

// waits are functions that wait for something of the whole system. Tasks that
// hang in one of them have one trouble in common, whoever called it.
var waits = []struct{ prefix, name string }{
	{"synchronize_rcu", "synchronize_rcu"}, {"synchronize_net", "synchronize_rcu"}, {"synchronize_sched", "synchronize_rcu"}, {"synchronize_srcu", "synchronize_srcu"},
	{"rcu_barrier", "rcu_barrier"}, {"_rcu_barrier", "rcu_barrier"}, {"smp_call_function", "smp_call_function"},
}

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// noise is noiseGroups indexed.
type noise struct {
	exact    map[string]int // group, counted from 1
	prefixes []noisePrefix  // sorted
}

type noisePrefix struct {
	text  string
	group int
}

// The groups of noiseGroups that are asked for by name.
const (
	notNoise    = 0
	noiseReport = 1
	noiseEntry  = 6
)

func buildNoise() *noise {
	n := &noise{exact: map[string]int{}}
	for i, g := range noiseGroups {
		for name := range strings.FieldsSeq(g.names) {
			if p, ok := strings.CutSuffix(name, "*"); ok {
				n.prefixes = append(n.prefixes, noisePrefix{p, i + 1})
			} else {
				n.exact[name] = i + 1
			}
		}
	}
	slices.SortFunc(n.prefixes, func(a, b noisePrefix) int { return strings.Compare(a.text, b.text) })
	return n
}

// has reports whether a function is noise.
func (n *noise) has(function string) bool { return n.group(function) != notNoise }

// group returns the group that a function is in, or notNoise.
func (n *noise) group(function string) int {
	function = baseName(function)
	if function == "" {
		return notNoise
	}
	if g := n.exact[function]; g != 0 {
		return g
	}
	// Any prefix of function sorts at or before it; walk back from there
	// through the candidates that share its first byte.
	i, _ := slices.BinarySearchFunc(n.prefixes, function+"\xff", func(p noisePrefix, f string) int { return strings.Compare(p.text, f) })
	for i--; i >= 0 && n.prefixes[i].text[0] == function[0]; i-- {
		if strings.HasPrefix(function, n.prefixes[i].text) {
			return n.prefixes[i].group
		}
	}
	return notNoise
}
