package tune

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// irqSpread: a device's interrupts all go to one CPU.
func irqSpread(s *State, o Observed) []Proposal {
	if s.CPUs < 2 || s.Uptime <= 0 {
		return nil
	}
	total := make([]uint64, s.CPUs)
	var all uint64
	type busy struct {
		irq IRQ
		sum uint64
	}
	var on []busy
	for _, irq := range s.IRQs {
		var sum uint64
		for cpu, n := range irq.Counts {
			sum += n
			if cpu < len(total) {
				total[cpu] += n
			}
		}
		all += sum
		on = append(on, busy{irq, sum})
	}
	rate := float64(all) / s.Uptime
	hot, most := 0, uint64(0)
	for cpu, n := range total {
		if n > most {
			hot, most = cpu, n
		}
	}
	share := float64(most) / float64(max(1, all))
	// Two to three microseconds an interrupt: below a thousandth of a CPU
	// nobody will find the difference.
	const perIRQ = 2.5e-6
	stake := rate * share * perIRQ
	if m, ok := o["irq"]; ok && m.Span > 0 {
		stake = max(stake, m.share())
	}
	if share < .8 || stake < .001 {
		return nil
	}
	slices.SortFunc(on, func(a, b busy) int { return int(min(b.sum, 1<<62)) - int(min(a.sum, 1<<62)) })
	p := Proposal{
		ID: "irq-affinity", Area: "interrupts", Title: fmt.Sprintf("Spread the interrupts that CPU %d takes alone", hot),
		Stake: min(1, stake), Basis: fmt.Sprintf("%.0f interrupts a second, %.0f %% on one CPU, 2.5 µs each", rate, 100*share),
		Expect: fmt.Sprintf("tasks that run on CPU %d, and the throughput of these devices where that CPU is full", hot),
		Risk:   Low, Danger: "cache locality of a device whose interrupts were pinned on purpose; irqbalance, where it runs, changes them again",
		Prove: []string{"ringside probe run irqlat", "ringside probe run runqlat --for 30s, before and after"},
	}
	if m, ok := o["irq"]; ok {
		p.Evidence = append(p.Evidence, m.evidence("interrupt handlers"))
	}
	next := (hot + 1) % s.CPUs
	for _, b := range on {
		if len(p.Apply) == 8 || b.sum*100 < all {
			break
		}
		p.Evidence = append(p.Evidence, Evidence{"/proc/interrupts", fmt.Sprintf("IRQ %s (%s): %d, affinity %s", b.irq.Number, b.irq.Name, b.sum, b.irq.Affinity)})
		if b.irq.Affinity == "" {
			continue
		}
		file := "/proc/irq/" + b.irq.Number + "/smp_affinity_list"
		p.Apply = append(p.Apply, fmt.Sprintf("echo %d > %s", next, file))
		p.Undo = append(p.Undo, fmt.Sprintf("echo %s > %s", b.irq.Affinity, file))
		next = (next + 1) % s.CPUs
	}
	if len(p.Apply) == 0 {
		return nil
	}
	return []Proposal{p}
}

// receiveSteering: one receive queue, so that one CPU does all of the network's
// work.
func receiveSteering(s *State, o Observed) []Proposal {
	var list []Proposal
	perSecond := float64(s.Softnet.Processed) / max(1, s.Uptime)
	stake := perSecond * 2e-6
	if m, ok := o["softirq"]; ok {
		stake = max(stake, m.share()*float64(1)/float64(max(1, s.CPUs)))
	}
	for _, i := range s.Queues {
		if i.RX != 1 || i.RPS || s.CPUs < 4 || stake < .02 {
			continue
		}
		mask := strconv.FormatUint(1<<min(s.CPUs, 32)-1, 16)
		file := "/sys/class/net/" + i.Name + "/queues/rx-0/rps_cpus"
		list = append(list, Proposal{
			ID: "rps:" + i.Name, Area: "network", Title: "Let more than one CPU receive for " + i.Name,
			Stake: min(1, stake), Basis: fmt.Sprintf("%.0f packets a second, 2 µs each, on one CPU", perSecond),
			Expect:   "throughput of small packets, and tasks on the CPU that receives",
			Evidence: []Evidence{{"/sys/class/net/" + i.Name + "/queues", "one receive queue"}, {file, "0"}, {"/proc/net/softnet_stat", fmt.Sprintf("%d packets", s.Softnet.Processed)}},
			Risk:     Low, Danger: "an interrupt between CPUs for each packet: slower where one CPU was enough",
			Apply: []string{"echo " + mask + " > " + file}, Undo: []string{"echo 0 > " + file},
			Prove: []string{"ringside probe run irqlat", "iperf3 -P 8, ten runs each way"},
		})
	}
	return list
}

// per returns a share of counts as a stake.
func per(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(1, float64(part)/float64(whole))
}

// setting makes a proposal that doubles or sets one sysctl.
func (s *State) setting(name, value string, p Proposal) Proposal {
	p.Apply = append(p.Apply, "sysctl "+name+"="+value)
	p.Undo = append(p.Undo, "sysctl "+name+"="+s.Sysctl[name])
	p.Evidence = append(p.Evidence, Evidence{name, s.Sysctl[name]})
	return p
}

// times returns a sysctl's value, multiplied.
func (s *State) times(name string, n int) (string, bool) {
	v, err := strconv.Atoi(s.Sysctl[name])
	return strconv.Itoa(v * n), err == nil && v > 0
}

// backlog: packets were dropped because the queue in front of the stack was
// full.
func backlog(s *State, _ Observed) []Proposal {
	value, ok := s.times("net.core.netdev_max_backlog", 4)
	if !ok || s.Softnet.Dropped == 0 {
		return nil
	}
	return []Proposal{s.setting("net.core.netdev_max_backlog", value, Proposal{
		ID: "netdev-backlog", Area: "network", Title: "Hold more packets before they are dropped",
		Stake: per(s.Softnet.Dropped, s.Softnet.Processed), Basis: "packets that were dropped, of all",
		Expect:   "fewer retransmits in bursts",
		Evidence: []Evidence{{"/proc/net/softnet_stat", fmt.Sprintf("%d dropped of %d", s.Softnet.Dropped, s.Softnet.Processed)}},
		Risk:     Low, Danger: "a longer queue is a longer wait; if a CPU is full all the time, more of them have to receive",
		Prove: []string{"the second column of /proc/net/softnet_stat", "ringside probe run tcp-drops"},
	})}
}

// budget: the softirq stopped with packets left.
func budget(s *State, _ Observed) []Proposal {
	value, ok := s.times("net.core.netdev_budget", 2)
	stake := per(s.Softnet.Squeezed, s.Softnet.Processed)
	if !ok || stake < .001 {
		return nil
	}
	return []Proposal{s.setting("net.core.netdev_budget", value, Proposal{
		ID: "netdev-budget", Area: "network", Title: "Let a softirq take more packets at once",
		Stake: stake, Basis: "softirqs that stopped with packets left, of all packets",
		Expect:   "the delay of received packets under load",
		Evidence: []Evidence{{"/proc/net/softnet_stat", fmt.Sprintf("%d times squeezed, %d packets", s.Softnet.Squeezed, s.Softnet.Processed)}},
		Risk:     Low, Danger: "tasks on that CPU wait longer for their turn",
		Prove: []string{"the third column of /proc/net/softnet_stat", "ringside probe run irqlat"},
	})}
}

// listenQueue: connections were refused because nobody accepted in time.
func listenQueue(s *State, _ Observed) []Proposal {
	lost := s.Net["TcpExt.ListenOverflows"]
	value, ok := s.times("net.core.somaxconn", 4)
	if !ok || lost == 0 {
		return nil
	}
	return []Proposal{s.setting("net.core.somaxconn", value, Proposal{
		ID: "listen-queue", Area: "network", Title: "Let more connections wait to be accepted",
		Stake: min(1, float64(lost)/max(1, s.Uptime)), Basis: "overflows a second: each is a client that waits for a second or more",
		Expect:   "no connection is dropped in a burst",
		Evidence: []Evidence{{"/proc/net/netstat", fmt.Sprintf("TcpExt.ListenOverflows %d", lost)}},
		Risk:     Low, Danger: "the program must ask for it too (listen's second argument), and one that is too slow stays too slow",
		Prove: []string{"TcpExt.ListenOverflows per minute"},
	})}
}

// conntrack: the table of connections is nearly full; when it is, new ones are
// dropped.
func conntrack(s *State, _ Observed) []Proposal {
	count, err1 := strconv.Atoi(s.Sysctl["net.netfilter.nf_conntrack_count"])
	most, err2 := strconv.Atoi(s.Sysctl["net.netfilter.nf_conntrack_max"])
	if err1 != nil || err2 != nil || most == 0 || count*10 < most*8 {
		return nil
	}
	return []Proposal{s.setting("net.netfilter.nf_conntrack_max", strconv.Itoa(2*most), Proposal{
		ID: "conntrack", Area: "network", Title: "Make room in the table of connections before it is full",
		Stake: float64(count) / float64(most), Basis: "how full the table is; at 1 every new connection is dropped",
		Expect:   "no 'nf_conntrack: table full, dropping packet'",
		Evidence: []Evidence{{"net.netfilter.nf_conntrack_count", strconv.Itoa(count)}},
		Risk:     Low, Danger: "about 320 B of kernel memory for each entry",
		Prove: []string{"ringside probe run tcp-drops", strings.TrimSpace("the kernel's log: nf_conntrack")},
	})}
}
