package kernel

import (
	"bytes"
	"fmt"
)

// Kernels without CONFIG_KALLSYMS_ALL name their functions and none of their
// variables. Three variables lead to nearly all others, and each can be told from
// anything else in the image: init_task is the task that is its own parent and
// its own group's leader, the list of modules begins at what the module's own
// object points back from, and the run queues are where the root task group
// points to.

// maxSelfNamed bounds how many places are looked at that hold the name of the
// idle task.
const maxSelfNamed = 4096

// recoverVariables finds the variables that the symbol table does not name.
func (k *Kernel) recoverVariables(w *Walk) {
	if _, ok := k.Symbol("init_task"); ok || k.Types == nil || !k.steps[RungKallsyms].Reached {
		return
	}
	img, size, err := k.imageOf(w)
	if err != nil {
		return
	}
	k.found = map[string]uint64{}
	buf := make([]byte, 1<<20+16)
	for off := int64(0); off < size && w.Err() == nil; off += 1 << 20 {
		if _, err := img.ReadAt(buf, off); err != nil {
			break
		}
		at := img.base + uint64(off)
		if k.found["init_task"] == 0 {
			k.findInitTask(w, buf, at)
		}
		if k.found["modules"] == 0 {
			k.findModules(w, buf[:1<<20+8], at, img.base, img.base+uint64(size))
		}
	}
	if k.found["init_task"] == 0 {
		delete(k.found, "init_task")
	}
	cpus := k.recoverPerCPU(w)
	step := &k.steps[RungKallsyms]
	step.Text += "; they are functions only (no CONFIG_KALLSYMS_ALL)"
	if k.found["init_task"] != 0 {
		step.Text += fmt.Sprintf(": the tasks, %d per-CPU areas", cpus)
		if k.found["modules"] != 0 {
			step.Text += " and the modules"
		}
		step.Text += " were found in memory"
	}
}

// findInitTask looks for the idle task of the first CPU by its name.
func (k *Kernel) findInitTask(w *Walk, p []byte, at uint64) {
	id, ok := k.TypeID("struct task_struct")
	if !ok {
		return
	}
	comm, ok := k.Types.Field(id, "comm")
	if !ok {
		return
	}
	name := []byte("swapper")
	for i, n := 0, 0; n < maxSelfNamed; n++ {
		next := bytes.Index(p[i:], name)
		if next < 0 {
			return
		}
		i += next
		addr := at + uint64(i) - uint64(comm.Offset)
		i += len(name)
		if addr%8 != 0 {
			continue
		}
		if w.word("struct task_struct", addr, "real_parent") == addr && w.word("struct task_struct", addr, "group_leader") == addr {
			k.found["init_task"] = addr
			return
		}
	}
}

// word reads a pointer-sized member without leaving a fault: guesses are wrong
// most of the time. It is 0 where there is no such member, or no memory.
func (w *Walk) word(typ string, addr uint64, member string) uint64 {
	id, ok := w.k.TypeID(typ)
	if !ok || addr == 0 {
		return 0
	}
	f, ok := w.k.Types.Field(id, member)
	if !ok {
		return 0
	}
	p, err := w.U64(addr + uint64(f.Offset))
	if err != nil {
		return 0
	}
	return p
}

// findModules looks for the head of the list of modules: a list_head in the
// image whose next entry is a module that points back to it.
func (k *Kernel) findModules(w *Walk, p []byte, at, start, end uint64) {
	id, ok := k.TypeID("struct module")
	if !ok {
		return
	}
	list, ok := k.Types.Field(id, "list")
	self, ok2 := k.Types.Field(id, "mkobj.mod")
	if !ok || !ok2 {
		return
	}
	for i := 0; i+16 <= len(p); i += 8 {
		next := k.Order.Uint64(p[i:])
		if next>>47 != 1<<17-1 || next%8 != 0 || next >= start && next < end {
			continue // no pointer of the kernel to outside of its image
		}
		m := next - uint64(list.Offset)
		if own, err := w.U64(m + uint64(self.Offset)); err != nil || own != m {
			continue
		}
		if prev, err := w.U64(next + 8); err == nil && prev == at+uint64(i) {
			k.found["modules"] = prev
			return
		}
	}
}

// recoverPerCPU finds the per-CPU areas by the run queues, whose place in them the
// types tell. It returns how many there are.
func (k *Kernel) recoverPerCPU(w *Walk) int {
	if k.found["init_task"] == 0 {
		return 0
	}
	var runqueues uint64
	known := false
	vars := map[string]uint64{}
	for v := range k.Types.Vars() {
		if v.Section != ".data..percpu" {
			continue
		}
		vars[v.Name] = uint64(v.Offset)
		if v.Name == "runqueues" {
			runqueues, known = uint64(v.Offset), true
		}
	}
	if !known || !k.HasField("struct task_group", "cfs_rq") || !k.HasField("struct cfs_rq", "rq") || !k.HasField("struct rq", "cpu") {
		return 0
	}
	group := w.word("struct task_struct", k.found["init_task"], "sched_task_group")
	table := w.word("struct task_group", group, "cfs_rq")
	var areas []uint64
	for cpu := range uint64(maxCPUs) {
		cfs, err := w.U64(table + 8*cpu)
		if table == 0 || err != nil {
			break
		}
		rq := w.word("struct cfs_rq", cfs, "rq")
		if rq == 0 || uint32(w.word("struct rq", rq, "cpu")) != uint32(cpu) {
			break
		}
		areas = append(areas, rq-runqueues)
	}
	if len(areas) == 0 {
		return 0
	}
	k.cpus.areas = areas
	for name, off := range vars {
		if _, ok := k.found[name]; !ok {
			k.found[name] = off
		}
	}
	return len(areas)
}

// recoveredPerCPU takes the areas that were found for the offsets of a table that
// has no name. Where the areas' template is remains unknown: only variables can
// be looked up, and no __percpu pointers.
func (k *Kernel) recoveredPerCPU(w *Walk) bool {
	if k.cpus.areas == nil {
		return false
	}
	k.cpus.offsets = k.cpus.areas
	k.cpus.present, k.cpus.online = nil, nil
	for cpu, area := range k.cpus.areas {
		rq := w.At("struct rq", area+k.found["runqueues"])
		k.cpus.present = append(k.cpus.present, cpu)
		if !rq.Has("online") || rq.Field("online").Bool() {
			k.cpus.online = append(k.cpus.online, cpu)
		}
	}
	return true
}

// maxPerCPUVariables is above the size of all per-CPU variables of any kernel.
const maxPerCPUVariables = 16 << 20

// variable returns the address of a variable that was recovered.
func (k *Kernel) variable(name string) (uint64, bool) {
	a, ok := k.found[name]
	return a, ok
}
