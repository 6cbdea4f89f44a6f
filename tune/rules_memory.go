package tune

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reclaimStake is what memory pressure took, or what a recording shows of it.
func (s *State) reclaimStake(o Observed, measure string) (float64, []Evidence) {
	stake, ev, ok := s.stalled("memory")
	var list []Evidence
	if ok {
		list = append(list, ev)
	}
	if m, ok := o[measure]; ok && m.Count > 0 {
		stake = max(stake, m.share())
		list = append(list, m.evidence(measure))
	}
	return stake, list
}

// directReclaim: tasks reclaim memory themselves because kswapd began too late.
func directReclaim(s *State, o Observed) []Proposal {
	var stalls uint64
	for name, v := range s.VM {
		if strings.HasPrefix(name, "allocstall") {
			stalls += v
		}
	}
	factor, err := strconv.Atoi(s.Sysctl["vm.watermark_scale_factor"])
	stake, ev := s.reclaimStake(o, "reclaim")
	if err != nil || factor >= 200 || stalls == 0 || stake < .001 {
		return nil
	}
	return []Proposal{s.setting("vm.watermark_scale_factor", strconv.Itoa(max(50, min(1000, factor*5))), Proposal{
		ID: "watermark", Area: "memory", Title: "Begin to reclaim memory earlier, so that tasks need not",
		Stake: stake, Basis: "time in which tasks waited for memory",
		Expect:   "the tail of whatever allocates memory: no task stops to reclaim",
		Evidence: append(ev, Evidence{"/proc/vmstat", fmt.Sprintf("allocstall_* %d", stalls)}),
		Risk:     Low, Danger: fmt.Sprintf("%d MiB less for the page cache", s.MemoryKB/1024*uint64(max(50, factor*5)-factor)/10000),
		Prove: []string{"allocstall_* per minute", "ringside probe run reclaim --for 60s"},
	})}
}

// compactionStalls: tasks compact memory to get huge pages.
func compactionStalls(s *State, o Observed) []Proposal {
	stalls := s.VM["compact_stall"]
	stake, ev := s.reclaimStake(o, "compaction")
	if s.THP != "always" || stalls < 1000 || stake < .001 {
		return nil
	}
	const file = "/sys/kernel/mm/transparent_hugepage/enabled"
	return []Proposal{{
		ID: "thp", Area: "memory", Title: "Give huge pages only to those who ask for them",
		Stake: stake, Basis: "time in which tasks waited for memory",
		Expect:   "no task stops to compact memory when it faults",
		Evidence: append(ev, Evidence{"/proc/vmstat", fmt.Sprintf("compact_stall %d, thp_fault_alloc %d", stalls, s.VM["thp_fault_alloc"])}, Evidence{file, s.THP}),
		Risk:     Medium, Danger: "programs with large heaps that do not ask (madvise) lose up to 10 % to TLB misses",
		Apply: []string{"echo madvise > " + file}, Undo: []string{"echo always > " + file},
		Prove: []string{"ringside probe run reclaim --for 60s", "the workload's own throughput, ten runs each way"},
	}}
}

// swapping: anonymous memory goes out and comes back while there is page cache.
func swapping(s *State, o Observed) []Proposal {
	value, err := strconv.Atoi(s.Sysctl["vm.swappiness"])
	in := s.VM["pswpin"]
	stake, ev := s.reclaimStake(o, "reclaim")
	if err != nil || value <= 10 || s.Uptime <= 0 || float64(in)/s.Uptime < 1 || stake < .001 {
		return nil
	}
	return []Proposal{s.setting("vm.swappiness", strconv.Itoa(max(1, value/6)), Proposal{
		ID: "swappiness", Area: "memory", Title: "Drop page cache before memory of programs",
		Stake: stake, Basis: "time in which tasks waited for memory",
		Expect:   "pages that are read back from swap, at a disk's latency each",
		Evidence: append(ev, Evidence{"/proc/vmstat", fmt.Sprintf("pswpin %d (%.1f a second)", in, float64(in)/s.Uptime)}),
		Risk:     Medium, Danger: "more reads of files; on zram or fast SSDs swapping more is right",
		Prove: []string{"pswpin and workingset_refault_file per minute", "/proc/pressure/memory and io"},
	})}
}

// zoneReclaim: memory of this node is reclaimed though another one is free.
func zoneReclaim(s *State, o Observed) []Proposal {
	if v := s.Sysctl["vm.zone_reclaim_mode"]; s.Nodes < 2 || v == "" || v == "0" {
		return nil
	}
	stake, ev := s.reclaimStake(o, "reclaim")
	return []Proposal{s.setting("vm.zone_reclaim_mode", "0", Proposal{
		ID: "zone-reclaim", Area: "memory", Title: "Take memory of another node before page cache is thrown away",
		Stake: max(stake, .01), Basis: "time in which tasks waited for memory; 1 % where no counter tells",
		Expect: "file servers and databases: their cache may use all nodes", Evidence: ev,
		Risk: Low, Danger: "programs that are partitioned by node get remote memory instead",
		Prove: []string{"zone_reclaim_success and numa_miss per minute"},
	})}
}

// writeback: so much may be dirty that writing it stalls everyone.
func writeback(s *State, _ Observed) []Proposal {
	ratio, err := strconv.Atoi(s.Sysctl["vm.dirty_ratio"])
	stake, ev, ok := s.stalled("io")
	if err != nil || !ok || stake < .01 || s.Sysctl["vm.dirty_bytes"] != "0" {
		return nil
	}
	dirtyKB := s.MemoryKB * uint64(ratio) / 100
	if dirtyKB < 2<<20 {
		return nil
	}
	p := s.setting("vm.dirty_bytes", "1073741824", Proposal{
		ID: "dirty-bytes", Area: "block", Title: fmt.Sprintf("Begin to write back before %d GiB are dirty", dirtyKB>>20),
		Stake: stake, Basis: "time in which tasks waited for I/O",
		Expect: "the longest stalls: of fsync, and of writers when the limit is reached", Evidence: []Evidence{ev, {"vm.dirty_ratio", strconv.Itoa(ratio)}},
		Risk: Medium, Danger: "files that are written and soon deleted reach the disk",
		Prove: []string{"ringside probe run iolat --for 60s", "/proc/pressure/io"},
	})
	p.Apply = append(p.Apply, "sysctl vm.dirty_background_bytes=268435456")
	p.Undo = []string{
		"sysctl vm.dirty_ratio=" + s.Sysctl["vm.dirty_ratio"], // sets dirty_bytes to 0
		"sysctl vm.dirty_background_ratio=" + s.Sysctl["vm.dirty_background_ratio"],
	}
	return []Proposal{p}
}

// memoryHigh: a cgroup is slowed down at its own limit.
func memoryHigh(s *State, _ Observed) []Proposal {
	var list []Proposal
	for _, g := range s.Groups {
		if g.High < 1000 && g.OOMKills == 0 {
			continue
		}
		now, err := s.text("sys/fs/cgroup" + g.Path + "/memory.high")
		if err != nil || now == "max" {
			continue
		}
		bytes, err := strconv.ParseUint(now, 10, 64)
		if err != nil {
			continue
		}
		file := "/sys/fs/cgroup" + g.Path + "/memory.high"
		list = append(list, Proposal{
			ID: "memory-high:" + g.Path, Area: "cgroup", Title: "Give " + g.Path + " more memory, or find what it keeps",
			Stake: min(1, float64(g.High)/max(1, s.Uptime)/100), Basis: "how often a second it was slowed down, at 10 ms each",
			Expect:   "its tasks no longer reclaim their own memory",
			Evidence: []Evidence{{"/sys/fs/cgroup" + g.Path + "/memory.events.local", fmt.Sprintf("high %d, oom_kill %d", g.High, g.OOMKills)}, {file, now}},
			Risk:     Medium, Danger: "its neighbours have less",
			Apply: []string{fmt.Sprintf("echo %d > %s", bytes/4*5, file)}, Undo: []string{"echo " + now + " > " + file},
			Prove: []string{"memory.events.local per minute", "memory.pressure of the group"},
		})
	}
	return list
}

// ioScheduler: a scheduler that does not fit its disk, where disks are busy.
func ioScheduler(s *State, o Observed) []Proposal {
	var list []Proposal
	for _, d := range s.Disks {
		available := strings.Fields(d.Available)
		var want, why string
		switch {
		case !d.Rotational && strings.HasPrefix(d.Name, "nvme") && (d.Scheduler == "bfq" || d.Scheduler == "kyber" || d.Scheduler == "mq-deadline"):
			want, why = "none", "the device has its own queues; sorting requests costs CPU and a lock"
		case d.Rotational && d.Scheduler == "none":
			want, why = "mq-deadline", "a disk that turns must not let writes starve reads"
		}
		if want == "" || !slices.Contains(available, want) || s.Uptime <= 0 {
			continue
		}
		stake := min(1, float64(d.BusyMS)/1000/s.Uptime)
		ev := []Evidence{{"/sys/block/" + d.Name + "/queue/scheduler", d.Scheduler}, {"/sys/block/" + d.Name + "/stat", fmt.Sprintf("busy for %.1f %% of the time", 100*stake)}}
		if m, ok := o["queue"]; ok {
			ev = append(ev, m.evidence("time in the queue"))
			stake = max(stake, m.share())
		}
		if stake < .01 {
			continue
		}
		file := "/sys/block/" + d.Name + "/queue/scheduler"
		list = append(list, Proposal{
			ID: "io-scheduler:" + d.Name, Area: "block", Title: "Schedule " + d.Name + " with " + want,
			Stake: stake, Basis: "time in which the disk had requests", Expect: why, Evidence: ev,
			Risk: Low, Danger: "fairness between cgroups (io.weight) needs bfq or io.cost",
			Apply: []string{"echo " + want + " > " + file}, Undo: []string{"echo " + d.Scheduler + " > " + file},
			Prove: []string{"ringside probe run iolat --for 60s, before and after", "fio with the workload's own pattern, ten runs each way"},
		})
	}
	return list
}
