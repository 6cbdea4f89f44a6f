package crash

import (
	"strings"

	"ringside/klog"
)

// wait is what a stack waits for.
type wait struct {
	kind string // of the node that is waited for
	what string // "mutex", "RCU grace period", "I/O"
	site string // who asked for it: the function that is not there on behalf of others
	line int
	span klog.Span
}

// waitFunctions are the functions that wait, by the beginning of their names. The
// more specific come first.
var waitFunctions = []struct{ prefix, kind, what string }{
	{"__mutex_lock", NodeLock, "mutex"}, {"mutex_lock", NodeLock, "mutex"}, {"__ww_mutex_lock", NodeLock, "mutex"}, {"ww_mutex_lock", NodeLock, "mutex"},
	{"rt_mutex_slowlock", NodeLock, "rt-mutex"}, {"__rt_mutex_slowlock", NodeLock, "rt-mutex"}, {"rtlock_slowlock", NodeLock, "spinlock (PREEMPT_RT)"},
	{"rwsem_down_read", NodeLock, "rw-semaphore (to read)"}, {"down_read", NodeLock, "rw-semaphore (to read)"}, {"call_rwsem_down_read", NodeLock, "rw-semaphore (to read)"},
	{"rwsem_down_write", NodeLock, "rw-semaphore (to write)"}, {"down_write", NodeLock, "rw-semaphore (to write)"}, {"call_rwsem_down_write", NodeLock, "rw-semaphore (to write)"},
	{"percpu_rwsem_wait", NodeLock, "per-CPU rw-semaphore"}, {"percpu_down", NodeLock, "per-CPU rw-semaphore"}, {"__percpu_down", NodeLock, "per-CPU rw-semaphore"},
	{"__down", NodeLock, "semaphore"},
	{"native_queued_spin_lock_slowpath", NodeLock, "spinlock"}, {"queued_spin_lock_slowpath", NodeLock, "spinlock"}, {"__pv_queued_spin_lock_slowpath", NodeLock, "spinlock"},
	{"_raw_spin_lock", NodeLock, "spinlock"}, {"do_raw_spin_lock", NodeLock, "spinlock"}, {"queued_read_lock_slowpath", NodeLock, "rwlock (to read)"}, {"_raw_read_lock", NodeLock, "rwlock (to read)"},
	{"queued_write_lock_slowpath", NodeLock, "rwlock (to write)"}, {"_raw_write_lock", NodeLock, "rwlock (to write)"},
	{"__wait_rcu_gp", NodeRCU, "RCU grace period"}, {"synchronize_rcu", NodeRCU, "RCU grace period"}, {"synchronize_net", NodeRCU, "RCU grace period"},
	{"synchronize_sched", NodeRCU, "RCU grace period"}, {"rcu_barrier", NodeRCU, "RCU grace period"}, {"synchronize_srcu", NodeRCU, "SRCU grace period"}, {"__synchronize_srcu", NodeRCU, "SRCU grace period"},
	{"exp_funnel_lock", NodeRCU, "RCU grace period"}, {"rcu_exp_wait_wake", NodeRCU, "RCU grace period"},
	{"__flush_work", NodeWorkqueue, "work"}, {"flush_work", NodeWorkqueue, "work"}, {"__flush_workqueue", NodeWorkqueue, "workqueue"}, {"drain_workqueue", NodeWorkqueue, "workqueue"},
	{"__cancel_work", NodeWorkqueue, "work"}, {"cancel_work_sync", NodeWorkqueue, "work"}, {"cancel_delayed_work_sync", NodeWorkqueue, "work"},
	{"smp_call_function", NodeEvent, "other CPUs to answer"}, {"csd_lock_wait", NodeEvent, "other CPUs to answer"}, {"stop_one_cpu", NodeEvent, "another CPU's stopper"}, {"stop_machine", NodeEvent, "all CPUs to stop"},
	{"folio_wait_bit", NodeEvent, "a page"}, {"__folio_lock", NodeEvent, "a page lock"}, {"wait_on_page_bit", NodeEvent, "a page"}, {"__lock_page", NodeEvent, "a page lock"},
	{"__wait_on_buffer", NodeEvent, "a buffer's I/O"}, {"jbd2_log_wait_commit", NodeEvent, "a commit of the journal"}, {"jbd2_", NodeEvent, "the journal"}, {"xlog_", NodeEvent, "the log of XFS"},
	{"blk_mq_get_tag", NodeEvent, "a free request of the device"}, {"blk_mq_freeze_queue", NodeEvent, "a queue to drain"}, {"submit_bio_wait", NodeEvent, "I/O"}, {"blk_execute_rq", NodeEvent, "I/O"},
	{"rq_qos_wait", NodeEvent, "I/O throttling"}, {"io_schedule", NodeEvent, "I/O"}, {"bit_wait_io", NodeEvent, "I/O"},
	{"wait_for_completion", NodeEvent, "a completion"}, {"__wait_for_common", NodeEvent, "a completion"}, {"kthread_stop", NodeEvent, "a kthread to stop"},
}

// waitOf says what a stack waits for. Only what stands between the scheduler and
// the first function that is there for itself counts: deeper calls wait for
// nothing yet.
func waitOf(stack []string) (wait, bool) {
	v := view{n: sharedNoise()}
	var found wait
	for _, f := range stack {
		name, _, _ := strings.Cut(f, " ")
		matched := false
		for _, w := range waitFunctions {
			// The outermost says it best: "flush_work" rather than the completion
			// in it, but a lock says it itself.
			if strings.HasPrefix(name, w.prefix) {
				if found.kind == "" || found.kind == NodeEvent {
					found.kind, found.what = w.kind, w.what
				}
				matched = true
				break
			}
		}
		if matched || v.has(name) {
			continue
		}
		if found.kind != "" {
			found.site = f
		}
		break
	}
	return found, found.kind != ""
}

// moduleOf returns the module of a function of a stack.
func moduleOf(f string) string {
	if _, rest, ok := strings.Cut(f, " ["); ok {
		return strings.TrimSuffix(rest, "]")
	}
	return ""
}
