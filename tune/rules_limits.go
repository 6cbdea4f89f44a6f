package tune

import (
	"fmt"
	"strconv"
	"strings"
)

// A limit is a setting of a fixed size, and the counter that says how often it
// was hit.
type limit struct {
	counter, file   string // its name in State.Net, and where that is from
	sysctl          string
	times           int // by which the setting grows
	id, area, title string
	basis, expect   string
	danger          string
}

// hits makes the rule of a limit: where it was hit, it is raised.
func (l limit) hits(s *State, _ Observed) []Proposal {
	n := s.Net[l.counter]
	value, ok := s.times(l.sysctl, l.times)
	if !ok || n == 0 {
		return nil
	}
	return []Proposal{s.setting(l.sysctl, value, Proposal{
		ID: l.id, Area: l.area, Title: l.title,
		Stake: min(1, float64(n)/max(1, s.Uptime)), Basis: l.basis, Expect: l.expect,
		Evidence: []Evidence{{l.file, fmt.Sprintf("%s %d", l.counter, n)}},
		Risk:     Low, Danger: l.danger,
		Prove: []string{l.counter + " per minute", "the workload's own latency and errors, ten runs each way"},
	})}
}

var (
	synBacklog = limit{
		counter: "TcpExt.TCPReqQFullDrop", file: "/proc/net/netstat", sysctl: "net.ipv4.tcp_max_syn_backlog", times: 4,
		id: "syn-backlog", area: "network", title: "Remember more connections that are being set up",
		basis: "requests dropped a second: each is a client that waits for a second or more", expect: "no client waits for its SYN to be sent again",
		danger: "a flood of SYNs takes more memory; leave tcp_syncookies on",
	}
	udpBuffers = limit{
		counter: "Udp.RcvbufErrors", file: "/proc/net/snmp", sysctl: "net.core.rmem_default", times: 4,
		id: "udp-buffers", area: "network", title: "Hold more datagrams until the program reads them",
		basis: "datagrams dropped a second because a socket's buffer was full", expect: "no datagram is lost in a burst",
		danger: "memory for each socket; a program that is too slow on average stays too slow, and one that sets SO_RCVBUF is bound by net.core.rmem_max",
	}
	timeWait = limit{
		counter: "TcpExt.TCPTimeWaitOverflow", file: "/proc/net/netstat", sysctl: "net.ipv4.tcp_max_tw_buckets", times: 2,
		id: "time-wait", area: "network", title: "Keep more closed connections until their last packets have gone",
		basis: "connections a second that were forgotten too early", expect: "no resets of new connections by packets of old ones",
		danger: "about 250 B of kernel memory for each",
	}
)

// receiveWindow: TCP throws away what it has received for want of memory.
func receiveWindow(s *State, _ Observed) []Proposal {
	n := s.Net["TcpExt.RcvPruned"] + s.Net["TcpExt.OfoPruned"]
	f := strings.Fields(s.Sysctl["net.ipv4.tcp_rmem"])
	if n == 0 || len(f) != 3 {
		return nil
	}
	most, err := strconv.ParseUint(f[2], 10, 40)
	if err != nil {
		return nil
	}
	set := func(last string) string {
		return fmt.Sprintf("sysctl net.ipv4.tcp_rmem='%s %s %s'", f[0], f[1], last)
	}
	return []Proposal{{
		ID: "tcp-rmem", Area: "network", Title: "Let TCP receive more before the program reads it",
		Stake: min(1, float64(n)/max(1, s.Uptime)), Basis: "packets thrown away a second after they had arrived", Expect: "the throughput of fast and far connections",
		Evidence: []Evidence{{"/proc/net/netstat", fmt.Sprintf("TcpExt.RcvPruned + OfoPruned %d", n)}, {"net.ipv4.tcp_rmem", s.Sysctl["net.ipv4.tcp_rmem"]}},
		Risk:     Low, Danger: "memory for each connection whose program is slow",
		Apply: []string{set(strconv.FormatUint(2*most, 10))}, Undo: []string{set(f[2])},
		Prove: []string{"TcpExt.RcvPruned per minute", "iperf3 over the same path, ten runs each way"},
	}}
}

// neighbours: the table of neighbours (ARP) is full.
func neighbours(s *State, _ Observed) []Proposal {
	value, ok := s.times("net.ipv4.neigh.default.gc_thresh3", 4)
	if !ok || s.NeighbourFulls == 0 {
		return nil
	}
	return []Proposal{s.setting("net.ipv4.neigh.default.gc_thresh3", value, Proposal{
		ID: "neighbours", Area: "network", Title: "Make room in the table of neighbours",
		Stake: min(1, float64(s.NeighbourFulls)/max(1, s.Uptime)), Basis: "packets a second that could not be sent because the table was full",
		Expect:   "no 'neighbour: arp_cache: neighbor table overflow!'",
		Evidence: []Evidence{{"/proc/net/stat/arp_cache", fmt.Sprintf("table_fulls %d", s.NeighbourFulls)}},
		Risk:     Low, Danger: "about 400 B of kernel memory for each; a scan of the network fills any table",
		Prove: []string{"table_fulls per minute"},
	})}
}

// openFiles: the system can nearly open no more files.
func openFiles(s *State, _ Observed) []Proposal {
	f := strings.Fields(s.Sysctl["fs.file-nr"])
	value, ok := s.times("fs.file-max", 2)
	if len(f) != 3 || !ok {
		return nil
	}
	open, err1 := strconv.ParseFloat(f[0], 64)
	most, err2 := strconv.ParseFloat(f[2], 64)
	if err1 != nil || err2 != nil || most <= 0 || open < .8*most {
		return nil
	}
	return []Proposal{s.setting("fs.file-max", value, Proposal{
		ID: "file-max", Area: "memory", Title: "Allow more open files before there are no more",
		Stake: min(1, open/most), Basis: "how full the table is; at 1 every open fails with ENFILE",
		Expect: "no 'VFS: file-max limit reached'", Evidence: []Evidence{{"fs.file-nr", s.Sysctl["fs.file-nr"]}},
		Risk: Low, Danger: "about 1 KiB of kernel memory for each; a program that leaks files goes on",
		Prove: []string{"fs.file-nr per hour", "ringside probe run memory-leak: alloc_empty_file"},
	})}
}
