package crash

// reportFamilies find or print the report.
var reportFamilies = []family{
	{roleReport, "prints a stack (lib/dump_stack.c, arch/*/kernel/dumpstack.c, stacktrace.c)", `
		dump_stack* __dump_stack show_stack* show_regs* show_trace* dump_backtrace* unwind_* walk_stackframe return_address
		arch_stack_walk* stack_trace_* save_stack* save_trace stack_depot_* __stack_depot* set_track* kernel_text_address
		__kernel_text_address is_bpf_text_address dump_cpu_task sched_show_task _sched_show_task show_state* print_* __print_*
		show_mem* __show_mem show_free_areas warn_alloc* dump_page* dump_header* print_tainted`},
	{roleReport, "raises a WARNING, BUG or panic (kernel/panic.c, lib/bug.c)", `
		panic vpanic __panic* nmi_panic* panic_* check_panic_on_warn warn_slowpath* __warn* warn_bogus* warn_on* report_bug*
		__report_bug fixup_bug* bug_handler bug_brk_handler handle_bug assertfail* btrfs_assertfail __xfs_assert* asswarn
		__reiserfs_panic reiserfs_panic __stack_chk_fail rewind_stack* rust_helper_BUG rust_begin_unwind rust_panic
		core::panicking::* kernel::build_error* *rust_begin_unwind* *core9panicking*`},
	{roleReport, "is the exception that the fault raised (arch/*/mm/fault.c, arch/*/kernel/traps.c)", `
		do_error_trap do_trap* die die_* __die* oops_* bust_spinlocks make_task_dead bad_area* __bad_area* bad_page_fault __bad_page_fault
		no_context page_fault_oops kernelmode_fixup_or_oops __do_kernel_fault do_kern_addr_fault spurious_kernel_fault*
		show_fault_oops do_translation_fault do_mem_abort do_bad* do_DataAbort do_PrefetchAbort do_page_fault __do_page_fault
		___do_page_fault do_user_addr_fault do_int3 do_invalid_op do_general_protection do_divide_error do_double_fault
		do_stack_segment exc_* asm_exc_* invalid_op general_protection page_fault async_page_fault double_fault error_entry
		divide_error stack_segment int3 trap_* handle_invalid_op handle_exception* brk_handler do_debug_exception early_brk64
		call_break_hook call_el1_break_hook do_el1_* do_el0_* arm64_notify_die arm64_serror_panic do_serror do_sp_pc_abort do_undefinstr
		do_undef* do_tag_check_fault do_tag_recovery arm64_force_sig_fault set_die program_check_exception program_check_common
		program_check_common_virt data_access_common instruction_access_common pgm_check_handler __do_pgm_check
		do_protection_exception do_dat_exception do_trap_break do_trap_insn_illegal do_trap_load_fault handle_ri`},
	{roleReport, "is a sanitizer or its hook (mm/kasan, mm/kfence, mm/kmsan, kernel/kcsan, lib/ubsan.c, kernel/kcov.c)", `
		kasan_* __kasan_* ____kasan_* __asan_* __hwasan_* check_memory_region* check_region_inline check_slab_allocation check_page_allocation report_invalid_free describe_* end_report
		complete_report_info object_err __msan_* kmsan_* __kmsan_* kcsan_* __kcsan_* __tsan_* kfence_* __kfence_* __sanitizer_*
		ubsan_* __ubsan_* handle_overflow val_to_string handle_object_size_mismatch handle_misaligned_access`},
	{roleReport, "checks an object's life (lib/debugobjects.c, mm/slub.c, mm/kmemleak.c, lib/ref_tracker.c)", `
		debug_print_object debug_object_* __debug_object_* debug_check_no_obj_freed __debug_check_no_obj_freed debug_timer_*
		debug_work_* debug_hrtimer_* debug_rcu_* timer_is_static_object work_is_static_object timer_fixup_* work_fixup_* hrtimer_fixup_*
		slab_err slab_bug* slab_fix slab_pad_check check_bytes_and_report check_slab check_object free_debug_processing
		alloc_debug_processing on_freelist set_alloc_info create_object* __create_object* kmemleak_* ref_tracker_*`},
	{roleCheck, "checks a counter, list or copy (lib/refcount.c, lib/list_debug.c, mm/usercopy.c, lib/string_helpers.c)", `
		refcount_* __refcount_* kref_* percpu_ref_* __list_add_valid* __list_del_entry_valid* __list_add_or_panic
		__list_del_entry* __list_add __list_del list_del list_add* list_del_init list_del_rcu list_move* list_splice* __hlist_del hlist_*
		fortify_* __fortify_* usercopy_* __check_object_size check_heap_object __check_heap_object check_stack_object
		report_usercopy skb_panic skb_over_panic skb_under_panic __cfi_* cfi_* handle_cfi_failure report_cfi_failure
		__warn_flushing_systemwide_wq`},
	{roleReport, "is lockdep (kernel/locking/lockdep.c)", `
		check_noncircular check_prev* check_path check_deadlock check_irq_usage check_usage* check_wait_context
		validate_chain __lock_acquire lock_acquire* lock_release* __lock_release lock_is_held* __lock_is_held lockdep_*
		debug_lockdep_* mark_lock* mark_usage mark_held_locks trace_hardirqs* trace_softirqs* valid_state register_lock_class
		assign_lock_key look_up_lock_class lock_downgrade __lock_downgrade __lock_set_class lock_set_class check_flags*
		reacquire_held_locks find_held_lock lock_pin_lock lock_unpin_lock __lock_pin_lock __lock_unpin_lock lock_contended
		__lock_contended lock_acquired lock_sync* add_chain_cache* lookup_chain_cache* check_chain_key debug_check_no_locks*
		print_circular_bug* print_deadlock_bug print_usage_bug* local_lock_acquire local_lock_release`},
	{roleReport, "checks the context (kernel/sched/core.c, lib/smp_processor_id.c, kernel/locking/*_debug.c, kernel/rcu/update.c)", `
		__might_sleep __might_resched ___might_sleep might_* __might_fault __schedule_bug rcu_sleep_check check_preemption_disabled
		debug_smp_processor_id __this_cpu_preempt_check spin_bug spin_dump rwlock_bug do_raw_* debug_spin_* debug_mutex*
		debug_rt_mutex* rcu_is_watching rcu_dynticks_* arch_local_* native_save_fl native_restore_fl arch_irqs_disabled*
		preempt_count_* debug_locks_off* irqtrace_*`},
	{roleReport, "is a watchdog (kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/hung_task.c, lib/nmi_backtrace.c)", `
		nmi_cpu_backtrace* nmi_trigger_cpumask_backtrace arch_trigger_cpumask_backtrace trigger_* rcu_dump_cpu_stacks*
		rcu_check_gp_kthread* rcu_stall* print_cpu_stall* print_other_cpu_stall check_cpu_stall rcu_pending
		rcu_sched_clock_irq rcu_check_callbacks rcu_gp_kthread rcu_gp_fqs_loop rcu_gp_fqs rcu_exp_*
		synchronize_rcu_expedited_wait* watchdog* softlockup_fn is_softlockup __perf_event_overflow perf_event_overflow
		intel_pmu_handle_irq perf_event_nmi_handler check_hung_* hung_task_panic lockup_detector* __handle_sysrq* write_sysrq_trigger`},
	{roleReport, "injects a fault (lib/fault-inject.c)", `
		should_fail* __should_fail* fail_dump fault_create_debugfs_attr should_failslab*`},
	{roleReport, "traces (kernel/trace, tracepoints)", `
		trace_event_* __traceiter_* perf_trace_* trace_call_bpf* ___bpf_prog_run* __bpf_prog_run* bpf_dispatcher_* kretprobe_*
		arch_rethook* ftrace_* __ftrace* __fentry__ mcount* klp_* return_to_handler tracing_* __trace_* trace_graph_* kprobe_ftrace_*`},
}
