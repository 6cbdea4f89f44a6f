package crash

import "strings"

// entryFamilies are below the code of every operation: they enter the kernel or
// run the work of others.
var entryFamilies = []family{
	{roleDispatch, "runs timers, softirqs, tasklets and RCU callbacks (kernel/softirq.c, kernel/time, kernel/rcu)", `
		call_timer_fn expire_timers __run_timers run_timer_softirq run_timer_base __hrtimer_run_queues __run_hrtimer hrtimer_run_softirq
		hrtimer_run_* tasklet_action* tasklet_hi_action irq_work_single irq_work_run* __do_softirq do_softirq* handle_softirqs run_ksoftirqd
		rcu_do_batch rcu_core* rcu_process_callbacks __rcu_process_callbacks rcu_cpu_kthread rcu_nocb_* srcu_invoke_callbacks timerfd_tmrproc`},
	{roleDispatch, "runs work, task work and init calls (kernel/workqueue.c, kernel/kthread.c, init/main.c)", `
		process_one_work process_scheduled_works worker_thread rescuer_thread kthread kthread_worker_fn task_work_run do_one_initcall
		do_initcall_level do_initcalls do_init_module exit_to_user_mode_* exit_to_usermode_loop do_notify_resume do_work_pending
		smpboot_thread_fn cpuhp_invoke_callback cpuhp_thread_fun`},
	{roleEntry, "hands a packet to its protocol (net/core/dev.c)", `
		netif_receive_skb* __netif_receive_skb* netif_rx* __netif_rx* napi_gro_receive* napi_complete* process_backlog net_rx_action __napi_poll napi_poll`},
	{roleDispatch, "is the exception or interrupt entry of arm", `
		__dabt_* __und_* __pabt_* __irq_svc* __irq_usr*`},
	{roleEntry, "enters the kernel or leaves it (arch/*/entry, kernel/entry)", `
		entry_* retint_* __x86_indirect_thunk* __x86_return_thunk do_syscall_* __do_syscall* do_fast_syscall* do_int80* __do_fast_syscall*
		do_SYSENTER* sysenter_* system_call* syscall_* ret_from_fork* ret_to_user* ret_fast_syscall ret_from_kernel_thread ret_from_intr
		ret_from_exception el0_* el0t_* el1_* el1t_* el1h_* invoke_syscall* do_el0_svc exit_to_* prepare_exit* irqentry_* irq_exit*
		irq_enter* __irq_exit* exiting_irq entering_irq work_pending resume_user_mode* sysret* int_ret_from_sys_call tracesys* x64_sys_call ia32_sys_call
		__x86_sys* asm_* sysvec_* __sysvec_* apic_timer_interrupt smp_apic_timer* smp_trace_* common_interrupt* __common_interrupt do_IRQ* handle_irq* __handle_irq*
		handle_domain_irq generic_handle_* __handle_domain* handle_fasteoi* handle_edge* handle_level* handle_percpu* gic_handle* call_on_irq_stack*
		call_on_stack do_interrupt_handler run_on_irqstack* __run_on_irqstack invoke_softirq restore_all* vector_swi call_irq_handler smp_reschedule* reschedule_interrupt
		nmi nmi_handle* default_do_nmi do_nmi end_repeat_nmi paranoid_exit error_exit trampoline* call_handler* 0x* restore_fpregs*`},
	{roleEntry, "is the timer tick (kernel/time/tick-*.c)", `
		local_apic_timer* hrtimer_interrupt tick_sched_timer tick_sched_handle* tick_nohz_handler update_process_times scheduler_tick sched_tick
		account_process_tick tick_periodic tick_handle_periodic timer_interrupt arch_timer_handler* tmigr_* __walk_groups profile_tick`},
	{roleEntry, "starts or idles a CPU or a thread", `
		secondary_start* start_secondary cpu_startup_entry do_idle cpu_idle* rest_init arch_call_rest_init arch_post_acpi* cpuidle_* start_kernel
		x86_64_start* secondary_startup* start_cpu* verify_cpu common_startup_64 kernel_thread* kernel_init kernel_init_freeable do_basic_setup
		load_module __do_sys_init_module __do_sys_finit_module __se_sys_init_module __se_sys_finit_module sys_init_module sys_finit_module
		init_module_from_file idempotent_init_module cpuhp_* trap_init native_safe_halt native_halt default_idle* arch_cpu_idle* cpu_relax smpboot_*`},
}

// dispatchers are where the kernel hands over to the code of one operation: a
// system call to a file system, a netlink message to its handler, a timer to its
// callback. A stall is named after the operation that does not end, which is the
// function that a dispatcher called, and not after the place in it where the
// watchdog happened to look: that place is another one each time.
var dispatchers = nameSet(`
	do_syscall_64 do_syscall_x64 do_int80_syscall_32 do_int80_emulation do_fast_syscall_32 __do_fast_syscall_32 do_SYSENTER_32 do_syscall_32_irqs_on
	entry_SYSCALL_64_after_hwframe entry_SYSCALL_64_fastpath entry_SYSCALL_64 entry_SYSENTER_compat_after_hwframe entry_SYSENTER_compat entry_INT80_compat
	system_call_fastpath sysenter_dispatch sysenter_fastpath tracesys ia32_sysret x64_sys_call ia32_sys_call invoke_syscall el0_svc_common el0_svc_handler el0_svc
	do_el0_svc el0_svc_naked __sys_trace_return ret_fast_syscall syscall_return_slowpath do_trap_ecall_u system_call_exception __do_syscall handle_sys

	SyS_ioctl SYSC_ioctl sys_ioctl compat_SyS_ioctl C_SYSC_ioctl __ia32_compat_sys_ioctl __x64_sys_ioctl __arm64_sys_ioctl vfs_ioctl do_vfs_ioctl ksys_ioctl
	__do_sys_ioctl __se_sys_ioctl compat_ioctl __do_compat_sys_ioctl __se_compat_sys_ioctl blkdev_ioctl compat_blkdev_ioctl sock_ioctl sock_do_ioctl

	vfs_read vfs_write __vfs_read __vfs_write new_sync_read new_sync_write call_read_iter call_write_iter do_iter_read do_iter_write do_iter_readv_writev
	vfs_readv vfs_writev vfs_iter_read vfs_iter_write kernel_read __kernel_read kernel_write __kernel_write generic_file_splice_read do_splice_to splice_direct_to_actor
	vfs_fsync_range vfs_fsync iterate_dir vfs_get_tree

	sock_sendmsg __sock_sendmsg sock_sendmsg_nosec ____sys_sendmsg ___sys_sendmsg __sys_sendmsg __sys_connect __sys_bind
	__sys_setsockopt __sys_getsockopt do_sock_setsockopt __sock_release sock_close sock_write_iter sock_read_iter
	netlink_rcv_skb rtnetlink_rcv_msg nfnetlink_rcv_msg nfnetlink_rcv_batch genl_rcv_msg genl_family_rcv_msg genl_family_rcv_msg_doit xfrm_user_rcv_msg sock_diag_rcv_msg

	deliver_skb deliver_ptype_list_skb __netif_receive_skb_core __netif_receive_skb_one_core __netif_receive_skb netif_receive_skb process_backlog napi_poll
	__napi_poll net_rx_action net_tx_action call_timer_fn expire_timers __run_timers run_timer_softirq __hrtimer_run_queues __run_hrtimer hrtimer_run_softirq
	tasklet_action tasklet_action_common process_one_work worker_thread kthread kthread_worker_fn task_work_run exit_task_work irq_work_run_list irq_work_single
	rcu_do_batch rcu_core __do_softirq handle_softirqs handle_irq_event_percpu __handle_irq_event_percpu do_one_initcall ret_from_fork ret_from_fork_asm`)

// isCompat reports whether a function is a handler of 32-bit programs' ioctls,
// which hands over to that of native ones.
func isCompat(name string) bool {
	return strings.Contains(name, "compat") && strings.Contains(name, "ioctl")
}
