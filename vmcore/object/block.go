package object

import (
	"math/bits"
	"time"

	"ringside/vmcore/kernel"
)

// Disk is a block device, with what it has not done yet.
type Disk struct {
	Name   string `json:"name"`
	Addr   Addr   `json:"addr"`  // of its struct gendisk
	Queue  Addr   `json:"queue"` // of its struct request_queue
	Driver string `json:"driver,omitempty"`
	// Reads and Writes are in flight as the statistics count them, those of
	// drivers without requests too.
	Reads    int64     `json:"reads"`
	Writes   int64     `json:"writes"`
	Frozen   int       `json:"frozen,omitempty"`   // who wait for the queue to run empty
	Quiesced int       `json:"quiesced,omitempty"` // who keep it from sending
	Requests []Request `json:"requests"`
}

// Request is one that has not ended.
type Request struct {
	Addr   Addr   `json:"addr"`
	State  string `json:"state"` // "in flight", "complete" or "queued"
	Op     string `json:"op"`
	Sector uint64 `json:"sector"`
	Bytes  uint64 `json:"bytes"`
	Tag    int    `json:"tag"`
	HWQ    int    `json:"hwq"`
	// Age is for how long it has not ended: the shortest that is sure.
	Age time.Duration `json:"age_ns"`
}

// Bounds of the disks.
const (
	maxDisks    = 50_000
	maxHWQ      = 4096
	maxRequests = 10_000
	maxTagWords = 4096
)

// opNames are the operations of enum req_op, include/linux/blk_types.h.
var opNames = map[uint64]string{0: "read", 1: "write", 2: "flush", 3: "discard", 5: "secure erase", 7: "zone append", 9: "write zeroes",
	10: "zone open", 11: "zone close", 12: "zone finish", 13: "zone reset", 15: "zone reset", 17: "zone reset all", 34: "driver in", 35: "driver out"}

// Disks returns the disks, without their partitions. They are the devices of the
// class "block", whose list the class has (until 6.3) or the subsystem of its
// name.
func Disks(w *kernel.Walk) []Disk {
	disks := []Disk{}
	if _, ok := w.Kernel().Symbol("device_add_disk"); !ok {
		return disks // a kernel without CONFIG_BLOCK
	}
	j, now := ReadJiffies(w), clock(w)
	sub := blockSubsystem(w)
	for p := range w.List(sub.Field("klist_devices.k_list"), "struct device_private", "knode_class.n_node") {
		part := p.Field("device").Deref().Container("struct block_device", "bd_device")
		disk := part.Field("bd_disk").Deref()
		if !disk.Valid() || disk.Field("part0").Ptr() != part.Addr() {
			continue
		}
		if disks = append(disks, diskOf(disk, part, j, now)); len(disks) == maxDisks {
			break
		}
	}
	return disks
}

func blockSubsystem(w *kernel.Walk) kernel.Value {
	class := w.Global("block_class", "struct class")
	if class.Has("p") {
		return class.Field("p").Deref()
	}
	set := w.Global("class_kset", "struct kset *").Deref()
	for kobj := range w.List(set.Field("list"), "struct kobject", "entry") {
		if sub := kobj.Container("struct subsys_private", "subsys.kobj"); sub.Field("class").Ptr() == class.Addr() {
			return sub
		}
	}
	return kernel.Value{}
}

func diskOf(disk, part kernel.Value, j Jiffies, now time.Duration) Disk {
	w := disk.Walk()
	k := w.Kernel()
	q := disk.Field("queue").Deref()
	d := Disk{Name: disk.Field("disk_name").Str(), Addr: Addr(disk.Addr()), Queue: Addr(q.Addr()), Requests: []Request{},
		Driver: symbolAt(k, disk.Field("fops").Ptr())}
	stats := part.Field("bd_stats")
	for _, cpu := range k.CPUs() {
		if v := stats.PerCPUOf(cpu).Field("in_flight"); v.Valid() {
			d.Reads += v.Index(0).Int()
			d.Writes += v.Index(1).Int()
		}
	}
	if q.Has("mq_freeze_depth") {
		d.Frozen = int(q.Field("mq_freeze_depth").Int())
	}
	if q.Has("quiesce_depth") {
		d.Quiesced = int(q.Field("quiesce_depth").Int())
	}
	if q.Field("mq_ops").Ptr() != 0 {
		for i, hw := range hwQueues(q) {
			r := requestReader{q: q, hwq: i, j: j, now: now, d: &d}
			r.read(hw.Field("tags").Deref(), false)
			r.read(hw.Field("sched_tags").Deref(), true)
		}
	}
	return d
}

// hwQueues returns the hardware queues of a request queue: in an xarray from
// 5.18 to 7.0, in an array before and after.
func hwQueues(q kernel.Value) (list []kernel.Value) {
	w := q.Walk()
	n := min(int(q.Field("nr_hw_queues").Uint()), maxHWQ)
	if q.Has("hctx_table") {
		for _, at := range w.XArray(q.Field("hctx_table")) {
			if list = append(list, w.At("struct blk_mq_hw_ctx", at)); len(list) >= n {
				break
			}
		}
		return list
	}
	table := q.Field("queue_hw_ctx")
	for i := range n {
		if hw := table.Index(i).Deref(); hw.Valid() {
			list = append(list, hw)
		}
	}
	return list
}

// requestReader reads the requests of one hardware queue.
type requestReader struct {
	q   kernel.Value
	hwq int
	j   Jiffies
	now time.Duration
	d   *Disk
}

// read goes through the tags that are taken. A tag of the hardware is of a
// request that the driver was given; one of the scheduler is of any.
func (r *requestReader) read(tags kernel.Value, scheduler bool) {
	if !tags.Valid() {
		return
	}
	table := tags.Field("rqs")
	if scheduler {
		table = tags.Field("static_rqs")
	}
	reserved := int(tags.Field("nr_reserved_tags").Uint())
	for tag := range sbitmapBits(tags.Field("bitmap_tags")) {
		r.add(table.Index(tag+reserved).Deref(), tag+reserved, scheduler)
	}
	if reserved > 0 {
		for tag := range sbitmapBits(tags.Field("breserved_tags")) {
			r.add(table.Index(tag).Deref(), tag, scheduler)
		}
	}
}

// The states of a request, enum mq_rq_state.
const (
	rqIdle     = 0
	rqInFlight = 1
)

func (r *requestReader) add(rq kernel.Value, tag int, scheduler bool) {
	if !rq.Valid() || len(r.d.Requests) >= maxRequests || rq.Field("q").Ptr() != r.q.Addr() {
		return // tags may be shared between disks
	}
	state := rq.Field("state").Uint()
	// What the hardware has is found by its tag there; an idle request with such
	// a tag was there before.
	if scheduler != (state == rqIdle) {
		return
	}
	out := Request{Addr: Addr(rq.Addr()), State: "queued", Sector: rq.Field("__sector").Uint(), Bytes: rq.Field("__data_len").Uint(), Tag: tag, HWQ: r.hwq}
	switch {
	case state == rqInFlight:
		out.State = "in flight"
	case state != rqIdle:
		out.State = "complete"
	}
	op := rq.Field("cmd_flags").Uint() & 0xff
	if out.Op = opNames[op]; out.Op == "" {
		out.Op = "other"
	}
	if start := time.Duration(rq.First("io_start_time_ns", "start_time_ns").Uint()); start > 0 && start < r.now {
		out.Age = r.now - start
	} else if start := time.Duration(rq.Field("start_time_ns").Uint()); start > 0 && start < r.now {
		out.Age = r.now - start
	}
	// Statistics may be off: then the deadline tells when it was sent.
	if timeout, deadline := rq.Field("timeout").Uint(), rq.Field("deadline").Uint()&^1; state != rqIdle && deadline > timeout {
		out.Age = max(out.Age, r.j.Since(deadline-timeout))
	}
	r.d.Requests = append(r.d.Requests, out)
}

// sbitmapBits goes through the bits of a struct sbitmap_queue that are set and
// not waiting to be cleared.
func sbitmapBits(v kernel.Value) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		sb := v.Field("sb")
		shift, words, depth := sb.Field("shift").Uint(), int(sb.Field("map_nr").Uint()), int(sb.Field("depth").Uint())
		if shift > 6 || words > maxTagWords {
			v.Fault("the bitmap of tags is larger than any")
			return
		}
		table := sb.Field("map")
		for i := range words {
			word := table.Index(i)
			set := word.Field("word").Uint()
			if word.Has("cleared") {
				set &^= word.Field("cleared").Uint()
			}
			for ; set != 0; set &= set - 1 {
				bit := i<<shift + bits.TrailingZeros64(set)
				if bit >= depth || !yield(bit) {
					return
				}
			}
		}
	}
}
