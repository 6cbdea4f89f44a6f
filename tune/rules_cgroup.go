package tune

import (
	"fmt"
	"strconv"
)

// memoryMax: tasks of a cgroup were killed at its limit.
func memoryMax(s *State, _ Observed) []Proposal {
	var list []Proposal
	for _, g := range s.Groups {
		file := "/sys/fs/cgroup" + g.Path + "/memory.max"
		now, err := s.text(file[1:])
		if err != nil || g.OOMKills == 0 {
			continue
		}
		bytes, err := strconv.ParseUint(now, 10, 62)
		if err != nil {
			continue // it has no limit of its own
		}
		list = append(list, Proposal{
			ID: "memory-max:" + g.Path, Area: "cgroup", Title: "Give " + g.Path + " more memory before its tasks are killed, or find what leaks",
			Stake: min(1, float64(g.OOMKills)*60/max(1, s.Uptime)), Basis: "kills, at a minute each until what was killed works again",
			Expect:   "its tasks are not killed",
			Evidence: []Evidence{{"/sys/fs/cgroup" + g.Path + "/memory.events.local", fmt.Sprintf("oom_kill %d", g.OOMKills)}, {file, now}},
			Risk:     Medium, Danger: "its neighbours have less; a leak is killed later",
			Apply: []string{fmt.Sprintf("echo %d > %s", bytes/2*3, file)}, Undo: []string{"echo " + now + " > " + file},
			Prove: []string{"oom_kill per day", "memory.current of the group over a day: a leak grows, a load does not"},
		})
	}
	return list
}

// tasksMax: a cgroup could not start tasks.
func tasksMax(s *State, _ Observed) []Proposal {
	var list []Proposal
	for _, g := range s.Groups {
		file := "/sys/fs/cgroup" + g.Path + "/pids.max"
		now, err := s.text(file[1:])
		if err != nil || g.ForksFailed == 0 {
			continue
		}
		most, err := strconv.ParseUint(now, 10, 31)
		if err != nil {
			continue
		}
		list = append(list, Proposal{
			ID: "pids-max:" + g.Path, Area: "cgroup", Title: "Let " + g.Path + " have more tasks",
			Stake: min(1, float64(g.ForksFailed)/max(1, s.Uptime)), Basis: "tasks a second that could not be started",
			Expect:   "no fork and no pthread_create fails with EAGAIN",
			Evidence: []Evidence{{"/sys/fs/cgroup" + g.Path + "/pids.events", fmt.Sprintf("max %d", g.ForksFailed)}, {file, now}},
			Risk:     Low, Danger: "a fork bomb goes further",
			Apply: []string{fmt.Sprintf("echo %d > %s", 2*most, file)}, Undo: []string{"echo " + now + " > " + file},
			Prove: []string{"pids.events per hour", "ringside probe run task-starts"},
		})
	}
	return list
}

// compressedSwap: what is swapped out goes to the disk and comes back from it.
func compressedSwap(s *State, o Observed) []Proposal {
	const file = "/sys/module/zswap/parameters/enabled"
	now, err := s.text(file[1:])
	in := s.VM["pswpin"]
	stake, ev := s.reclaimStake(o, "reclaim")
	if err != nil || now != "N" || s.Uptime <= 0 || float64(in)/s.Uptime < 1 || stake < .001 {
		return nil
	}
	return []Proposal{{
		ID: "zswap", Area: "memory", Title: "Compress what is swapped out, in memory",
		Stake: stake, Basis: "time in which tasks waited for memory", Expect: "pages that are read back from swap: some µs instead of a disk's latency",
		Evidence: append(ev, Evidence{"/proc/vmstat", fmt.Sprintf("pswpin %d (%.1f a second)", in, float64(in)/s.Uptime)}, Evidence{file, now}),
		Risk:     Low, Danger: "CPU time for compression, and a fifth of the memory at most for what is compressed; of no use where swap is zram",
		Apply: []string{"echo Y > " + file}, Undo: []string{"echo N > " + file},
		Prove: []string{"zswpin, zswpout and pswpin of /proc/vmstat per minute", "/proc/pressure/memory"},
	}}
}
