package object

import (
	"time"

	"ringside/vmcore/kernel"
)

// WorkPool is a pool of workers with the work that it does and has.
type WorkPool struct {
	ID      int      `json:"id"`
	Addr    Addr     `json:"addr"` // of its struct worker_pool
	CPU     int      `json:"cpu"`  // -1 for work that is bound to none
	Nice    int      `json:"nice"`
	Workers int      `json:"workers"`
	Idle    int      `json:"idle"`
	Busy    []Worker `json:"busy"`
	Pending []Work   `json:"pending"`
	// Stalled is for how long the pool has taken up none of what is pending.
	Stalled time.Duration `json:"stalled_ns"`
}

// Worker is a worker that works.
type Worker struct {
	TID      int    `json:"tid"`
	Comm     string `json:"comm"`
	State    string `json:"state"`
	Function string `json:"function"`
	Queue    string `json:"queue"` // the workqueue
	Desc     string `json:"desc,omitempty"`
	Rescuer  bool   `json:"rescuer,omitempty"`
	// Since is for how long its task has waited, if it waits.
	Since time.Duration `json:"since_ns"`
}

// Work is an item that nobody works at.
type Work struct {
	Addr     Addr   `json:"addr"`
	Function string `json:"function"`
	Queue    string `json:"queue,omitempty"`
}

// Bounds of the pools.
const (
	maxPools   = 20_000
	maxPending = 1000 // told of each pool
	maxBusy    = 10_000
)

// WorkPools reads the pools of workers.
func WorkPools(w *kernel.Walk) []WorkPool {
	j, now := ReadJiffies(w), clock(w)
	list := []WorkPool{}
	for _, at := range w.XArray(w.Global("worker_pool_idr", "struct idr")) {
		if p := w.At("struct worker_pool", at); readable(p) {
			list = append(list, poolOf(p, j, now))
		}
		if len(list) == maxPools {
			break
		}
	}
	return list
}

func poolOf(v kernel.Value, j Jiffies, now time.Duration) WorkPool {
	w := v.Walk()
	p := WorkPool{ID: int(v.Field("id").Int()), Addr: Addr(v.Addr()), CPU: int(v.Field("cpu").Int()), Workers: int(v.Field("nr_workers").Int()),
		Idle: int(v.Field("nr_idle").Int()), Nice: int(v.Field("attrs").Deref().Field("nice").Int()), Busy: []Worker{}, Pending: []Work{}}
	for _, bucket := range v.Field("busy_hash").Elements() {
		for worker := range w.HList(bucket, "struct worker", "hentry") {
			if p.Busy = append(p.Busy, workerOf(worker, now)); len(p.Busy) >= maxBusy {
				break
			}
		}
	}
	for work := range w.List(v.Field("worklist"), "struct work_struct", "entry") {
		if !pendingWork(work, &p) {
			break
		}
	}
	if len(p.Pending) > 0 {
		p.Stalled = max(j.Since(v.Field("watchdog_ts").Uint()), 0)
	}
	return p
}

// pendingWork puts a work on the list of its pool. The work's data has its
// pool_workqueue, in all but the lowest bits; those that queue up behind a flush
// are of the kernel's own.
func pendingWork(work kernel.Value, p *WorkPool) bool {
	w := work.Walk()
	k := w.Kernel()
	out := Work{Addr: Addr(work.Addr()), Function: symbolAt(k, work.Field("func").Ptr())}
	const hasQueue = 1 << 2 // WORK_STRUCT_PWQ
	if data := work.Field("data.counter").Uint(); data&hasQueue != 0 {
		pwq := w.At("struct pool_workqueue", data&^uint64(0xff)) // four flags, four bits of colour
		out.Queue = queueName(pwq)
	}
	p.Pending = append(p.Pending, out)
	return len(p.Pending) < maxPending
}

// queueName returns the name of a pool_workqueue's workqueue.
func queueName(pwq kernel.Value) string {
	if !pwq.Valid() || !pwq.Walk().Readable(pwq.Addr(), pwq.Size()) {
		return ""
	}
	return pwq.Field("wq").Deref().Field("name").Str()
}

func workerOf(v kernel.Value, now time.Duration) Worker {
	k := v.Walk().Kernel()
	task := v.Field("task").Deref()
	out := Worker{TID: int(task.Field("pid").Int()), Comm: task.Field("comm").Str(), Function: symbolAt(k, v.Field("current_func").Ptr()),
		Queue: queueName(v.Field("current_pwq").Deref()), Desc: v.Field("desc").Str(), Rescuer: v.Field("rescue_wq").Ptr() != 0}
	if task.Valid() {
		out.State = stateOf(task).Letter
		if last := time.Duration(task.Field("sched_info.last_arrival").Uint()); last > 0 && last < now {
			out.Since = now - last
		}
	}
	return out
}
