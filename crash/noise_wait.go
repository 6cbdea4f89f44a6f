package crash

// waitFamilies wait, lock or wake for their caller.
var waitFamilies = []family{
	{roleLock, "is the scheduler (kernel/sched)", `
		schedule schedule_* __schedule* __sched_text_start preempt_schedule* ___preempt_schedule* io_schedule* context_switch finish_task_switch* __switch_to*
		switch_to* yield yield_to __cond_resched* _cond_resched cond_resched* msleep* usleep_range* do_nanosleep hrtimer_nanosleep*
		schedule_timeout* schedule_hrtimeout* sleep_on* freezable_* __refrigerator do_sched_yield
		task_rq_lock __task_rq_lock rq_lock* raw_spin_rq_* double_rq_lock`},
	{roleLock, "is a lock (kernel/locking, lib/bit_spinlock.h)", `
		mutex_* __mutex_* _mutex_* ww_mutex_* __ww_mutex* rt_mutex_* __rt_mutex* _rt_mutex* rtlock_* rwsem_* __rwsem* call_rwsem_* down down_* __down* up up_read up_write __up*
		percpu_down* percpu_up* __percpu_down* __percpu_up* _raw_* __raw_spin* raw_spin* spin_* queued_* native_queued_* pv_* __pv_* osq_* bit_spin_* hlist_bl_lock rt_spin_*
		rt_read* rt_write* read_lock* write_lock* read_unlock* write_unlock* read_seq* seqcount_* queue_spin* queue_write* queue_read* ticket_* arch_spin* arch_read_* arch_write_* mcs_* lg_local_* local_lock*
		virt_spin_lock lock_timer_base lock_hrtimer_base rcu_read_lock* rcu_read_unlock* __rcu_read_* rcu_lock_acquire rcu_lock_release local_bh_* __local_bh_* srcu_read_* __srcu_read_*`},
	{roleLock, "waits on or wakes a wait queue (kernel/sched/wait.c, completion.c, swait.c)", `
		bit_wait* __wait_on_* wait_on_* out_of_line_wait* __wait_for_* wait_for_* do_wait_for_common do_wait_intr* wait_task_inactive
		prepare_to_wait* prepare_to_swait* finish_wait* finish_swait autoremove_wake_function add_wait_queue* wait_woken
		complete complete_all complete_with_flags __complete* completion_* swake_* wake_up_process wake_up_bit wake_up_var wake_up_state wake_up_q __wake_up* try_to_wake_up
		default_wake_function wake_q_* ep_poll_callback pollwake`},
	{roleLock, "waits for other CPUs or for RCU (kernel/smp.c, kernel/rcu)", `
		smp_call* generic_exec_single csd_* on_each_cpu* stop_machine* stop_one_cpu* stop_two_cpus __flush_smp_call* text_poke* jump_label_* __jump_label_* static_key_*
		__static_key_* static_call_* arch_jump_label* native_flush_tlb* flush_tlb_* synchronize_* __synchronize_* __wait_rcu_gp wait_rcu_* rcu_barrier* _rcu_barrier* call_rcu* __call_rcu*
		kvfree_call_rcu kfree_call_rcu rcu_note_context* kthread_stop* kthread_park* kthread_should_* kthread_flush*`},
	{roleWrapper, "takes a subsystem's own lock", `
		lock_sock* __lock_sock release_sock_* console_lock console_trylock console_unlock __down_trylock_console_sem pipe_lock __pipe_lock pipe_double_lock lock_page* __lock_page* folio_lock*
		__folio_lock* __lock_buffer lock_buffer lock_two_* reiserfs_write_lock* reiserfs_write_unlock* lock_kernel unlock_kernel kernel_fpu_begin*`},
	{roleWait, "waits for a page, a request or writeback (mm/filemap.c, mm/page-writeback.c)", `
		folio_wait_* __folio_wait* wait_on_page_* wait_on_folio* filemap_fdatawait* __filemap_fdatawait* filemap_write_and_wait* filemap_fdatawrite_and_wait* fdatawait_one_bdev
		do_read_cache_* __wait_on_buffer put_and_wait_on_page_locked folio_put_wait_locked`},
	{roleWait, "queues, flushes or cancels work or a timer (kernel/workqueue.c, kernel/time)", `
		insert_work __queue_work queue_work_on __queue_delayed_work queue_delayed_work_on mod_delayed_work_on queue_rcu_work flush_work* __flush_work* flush_delayed_work flush_workqueue*
		__flush_workqueue drain_workqueue start_flush_work cancel_work* __cancel_work* cancel_delayed_work* try_to_grab_pending work_grab_pending mod_timer* __mod_timer add_timer* del_timer* timer_delete*
		__timer_delete* try_to_del_timer_sync detach_if_pending timer_setup* init_timer* hrtimer_start* hrtimer_cancel* hrtimer_try_to_cancel hrtimer_init* __hrtimer_start* tasklet_kill timer_shutdown* __try_to_del_timer_sync`},
}

// waits are functions that wait for something of the whole system. Tasks that
// hang in one of them have one trouble in common, whoever called it.
var waits = []struct{ prefix, name string }{
	{"synchronize_rcu", "synchronize_rcu"}, {"synchronize_net", "synchronize_rcu"}, {"synchronize_sched", "synchronize_rcu"}, {"synchronize_srcu", "synchronize_srcu"},
	{"smp_call_function", "smp_call_function"},
}
