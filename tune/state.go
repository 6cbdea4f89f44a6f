package tune

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A State is how a host is set up, and what its counters say, since it booted.
type State struct {
	Kernel   string            `json:"kernel"`
	Uptime   float64           `json:"uptime_s"`
	CPUs     int               `json:"cpus"`
	Nodes    int               `json:"numa_nodes"`
	MemoryKB uint64            `json:"memory_kb"`
	Steal    float64           `json:"steal_share"` // of CPU time, since the boot
	Clock    string            `json:"clocksource,omitempty"`
	Pressure []Pressure        `json:"pressure,omitempty"`
	IRQs     []IRQ             `json:"irqs,omitempty"`
	Queues   []Interface       `json:"interfaces,omitempty"`
	Governor map[string]int    `json:"governors,omitempty"` // how many CPUs have each
	Driver   string            `json:"cpufreq_driver,omitempty"`
	Disks    []Disk            `json:"disks,omitempty"`
	Groups   []Group           `json:"cgroups,omitempty"`
	Sysctl   map[string]string `json:"sysctls,omitempty"`
	VM       map[string]uint64 `json:"-"` // /proc/vmstat
	Net      map[string]uint64 `json:"-"` // /proc/net/netstat and snmp, "TcpExt.ListenOverflows"
	Softnet  Softnet           `json:"softnet"`
	// NeighbourFulls counts packets for which the table of neighbours had no room.
	NeighbourFulls uint64            `json:"neighbour_table_fulls,omitempty"`
	Bugs           map[string]string `json:"vulnerabilities,omitempty"`
	THP            string            `json:"transparent_hugepage,omitempty"`
	Cmdline        string            `json:"cmdline,omitempty"`
	// Unread are what could not be read; proposals on them are not made.
	Unread []string `json:"unread,omitempty"`

	root fs.FS
}

// Pressure is a line of /proc/pressure.
type Pressure struct {
	Resource string  `json:"resource"`
	Kind     string  `json:"kind"` // some or full
	Avg300   float64 `json:"avg300_percent"`
	Total    float64 `json:"share"` // of the time since the boot
}

// An IRQ is a line of /proc/interrupts.
type IRQ struct {
	Number   string   `json:"number"`
	Name     string   `json:"name"`
	Counts   []uint64 `json:"counts"`
	Affinity string   `json:"affinity,omitempty"` // smp_affinity_list
}

// An Interface is a network interface with its queues.
type Interface struct {
	Name   string `json:"name"`
	RX     int    `json:"rx_queues"`
	TX     int    `json:"tx_queues"`
	RPS    bool   `json:"rps"`
	Driver string `json:"driver,omitempty"`
}

// A Disk is a block device's queue.
type Disk struct {
	Name       string `json:"name"`
	Rotational bool   `json:"rotational"`
	Scheduler  string `json:"scheduler"`
	Available  string `json:"available"`
	BusyMS     uint64 `json:"busy_ms"` // time with requests in flight
	ReadAhead  int    `json:"read_ahead_kb"`
}

// A Group is a cgroup that was held back.
type Group struct {
	Path      string  `json:"path"`
	Max       string  `json:"cpu_max,omitempty"`
	Periods   uint64  `json:"periods"`
	Throttled uint64  `json:"throttled_periods"`
	Seconds   float64 `json:"throttled_s"`
	High      uint64  `json:"memory_high_events,omitempty"`
	OOMKills  uint64  `json:"oom_kills,omitempty"`
	// ForksFailed counts tasks that could not be started at pids.max.
	ForksFailed uint64 `json:"forks_failed,omitempty"`
}

// Softnet is the sum of /proc/net/softnet_stat.
type Softnet struct {
	Processed uint64 `json:"processed"`
	Dropped   uint64 `json:"dropped"`
	Squeezed  uint64 `json:"squeezed"`
}

// sysctls are the settings that rules look at.
var sysctls = []string{
	"kernel/numa_balancing", "kernel/sched_autogroup_enabled", "kernel/sched_rt_runtime_us",
	"vm/swappiness", "vm/dirty_ratio", "vm/dirty_background_ratio", "vm/dirty_bytes", "vm/dirty_background_bytes",
	"vm/watermark_scale_factor", "vm/min_free_kbytes", "vm/zone_reclaim_mode", "vm/overcommit_memory",
	"net/core/somaxconn", "net/core/netdev_max_backlog", "net/core/netdev_budget", "net/ipv4/tcp_max_syn_backlog",
	"net/ipv4/tcp_rmem", "net/ipv4/tcp_max_tw_buckets", "net/ipv4/neigh/default/gc_thresh3", "net/core/rmem_default",
	"fs/file-nr", "fs/file-max", "kernel/printk",
	"net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max",
}

// Read reads the state of a host whose file system is root. What is not there
// or may not be read is named in Unread.
func Read(root fs.FS) (*State, error) {
	s := &State{root: root, Sysctl: map[string]string{}, Governor: map[string]int{}, VM: map[string]uint64{}, Net: map[string]uint64{}, Bugs: map[string]string{}}
	stat, err := s.text("proc/stat")
	if err != nil {
		return nil, fmt.Errorf("read the state of the host: %w: is /proc mounted?", err)
	}
	s.cpus(stat)
	s.Kernel = s.maybe("proc/sys/kernel/osrelease")
	s.Cmdline = s.maybe("proc/cmdline")
	s.Uptime = leadingFloat(s.maybe("proc/uptime"))
	for line := range strings.Lines(s.maybe("proc/meminfo")) {
		if v, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			s.MemoryKB = uint64(leadingFloat(v))
		}
	}
	s.Nodes = len(s.glob("sys/devices/system/node/node[0-9]*"))
	s.Clock = s.maybe("sys/devices/system/clocksource/clocksource0/current_clocksource")
	for _, name := range sysctls {
		if v, err := s.text("proc/sys/" + name); err == nil {
			s.Sysctl[strings.ReplaceAll(name, "/", ".")] = v
		}
	}
	for line := range strings.Lines(s.maybe("proc/vmstat")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.VM[name], _ = strconv.ParseUint(value, 10, 64)
	}
	s.netstat("proc/net/netstat")
	s.netstat("proc/net/snmp")
	s.neighbours()
	s.softnet()
	s.pressure()
	s.interrupts()
	s.interfaces()
	s.governors()
	s.disks()
	for _, p := range s.glob("sys/devices/system/cpu/vulnerabilities/*") {
		s.Bugs[path.Base(p)] = s.maybe(p)
	}
	s.THP = chosen(s.maybe("sys/kernel/mm/transparent_hugepage/enabled"))
	s.groups()
	return s, nil
}

// maxText bounds what is read of one file.
const maxText = 4 << 20

func (s *State) text(name string) (string, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 0, 4096)
	for {
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil || len(buf) >= maxText {
			// Many of these files end in an error of their own (EINVAL on a
			// device that is down); what came before is what there is.
			return strings.TrimSpace(string(buf)), nil
		}
		buf = slices.Grow(buf, 512)
	}
}

// maybe reads a file and remembers where that was refused.
func (s *State) maybe(name string) string {
	text, err := s.text(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Unread = append(s.Unread, "/"+name)
	}
	return text
}

func (s *State) glob(pattern string) []string {
	names, _ := fs.Glob(s.root, pattern)
	return names
}

func leadingFloat(text string) float64 {
	part := strings.Fields(text)
	if len(part) == 0 {
		return 0
	}
	v, _ := strconv.ParseFloat(part[0], 64)
	return v
}

// chosen returns the word in brackets of a file such as "always [madvise] never".
func chosen(text string) string {
	_, rest, ok := strings.Cut(text, "[")
	if !ok {
		return text
	}
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// cpus counts CPUs and what of their time was stolen.
func (s *State) cpus(stat string) {
	for line := range strings.Lines(stat) {
		part := strings.Fields(line)
		if len(part) < 9 || !strings.HasPrefix(part[0], "cpu") {
			continue
		}
		if part[0] != "cpu" {
			s.CPUs++
			continue
		}
		var sum, steal float64
		for i, text := range part[1:9] { // guest time is in user time already
			v, _ := strconv.ParseFloat(text, 64)
			sum += v
			if i == 7 {
				steal = v
			}
		}
		if sum > 0 {
			s.Steal = steal / sum
		}
	}
}

func (s *State) pressure() {
	for _, resource := range []string{"cpu", "memory", "io"} {
		for line := range strings.Lines(s.maybe("proc/pressure/" + resource)) {
			part := strings.Fields(line)
			p := Pressure{Resource: resource}
			for i, text := range part {
				name, value, _ := strings.Cut(text, "=")
				v, _ := strconv.ParseFloat(value, 64)
				switch {
				case i == 0:
					p.Kind = text
				case name == "avg300":
					p.Avg300 = v
				case name == "total" && s.Uptime > 0:
					p.Total = v / 1e6 / s.Uptime
				}
			}
			if p.Kind != "" {
				s.Pressure = append(s.Pressure, p)
			}
		}
	}
}

// stalled returns the share of time that tasks lost to a resource: the larger
// of the last five minutes and the time since the boot.
func (s *State) stalled(resource string) (share float64, evidence Evidence, ok bool) {
	for _, p := range s.Pressure {
		if p.Resource == resource && p.Kind == "some" {
			share = max(p.Avg300/100, p.Total)
			return share, Evidence{"/proc/pressure/" + resource, fmt.Sprintf("some avg300=%.2f %%, %.2f %% since the boot", p.Avg300, 100*p.Total)}, true
		}
	}
	return 0, Evidence{}, false
}

// interrupts reads /proc/interrupts.
func (s *State) interrupts() {
	cpus := 0
	for line := range strings.Lines(s.maybe("proc/interrupts")) {
		part := strings.Fields(line)
		if cpus == 0 {
			cpus = len(part)
			continue
		}
		if len(part) < cpus+2 {
			continue
		}
		number := strings.TrimSuffix(part[0], ":")
		if _, err := strconv.Atoi(number); err != nil {
			continue // NMI, LOC, …: nobody chooses where these go
		}
		irq := IRQ{Number: number, Name: strings.Join(part[cpus+1:], " "), Affinity: s.maybe("proc/irq/" + number + "/smp_affinity_list")}
		for _, text := range part[1 : cpus+1] {
			n, _ := strconv.ParseUint(text, 10, 64)
			irq.Counts = append(irq.Counts, n)
		}
		s.IRQs = append(s.IRQs, irq)
	}
}

func (s *State) interfaces() {
	for _, p := range s.glob("sys/class/net/*") {
		name := path.Base(p)
		if name == "lo" || len(s.glob(p+"/device/*")) == 0 {
			continue // a bridge, a tunnel: it has no interrupts
		}
		i := Interface{Name: name, RX: len(s.glob(p + "/queues/rx-*")), TX: len(s.glob(p + "/queues/tx-*"))}
		for _, q := range s.glob(p + "/queues/rx-*/rps_cpus") {
			i.RPS = i.RPS || strings.Trim(s.maybe(q), "0,") != ""
		}
		s.Queues = append(s.Queues, i)
	}
}

func (s *State) governors() {
	for _, p := range s.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor") {
		s.Governor[s.maybe(p)]++
	}
	s.Driver = s.maybe("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver")
}

func (s *State) disks() {
	for _, p := range s.glob("sys/block/*/queue") {
		name := path.Base(path.Dir(p))
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") {
			continue
		}
		schedulers := s.maybe(p + "/scheduler")
		d := Disk{Name: name, Rotational: s.maybe(p+"/rotational") == "1", Scheduler: chosen(schedulers), Available: strings.NewReplacer("[", "", "]", "").Replace(schedulers)}
		d.ReadAhead, _ = strconv.Atoi(s.maybe(p + "/read_ahead_kb"))
		if part := strings.Fields(s.maybe("sys/block/" + name + "/stat")); len(part) > 9 {
			d.BusyMS, _ = strconv.ParseUint(part[9], 10, 64) // io_ticks
		}
		s.Disks = append(s.Disks, d)
	}
}

// netstat reads a table of pairs of lines: names, then values.
func (s *State) netstat(name string) {
	var names []string
	for line := range strings.Lines(s.maybe(name)) {
		part := strings.Fields(line)
		if len(part) == 0 {
			continue
		}
		if len(names) != len(part) || names[0] != part[0] {
			names = part
			continue
		}
		for i := 1; i < len(part); i++ {
			v, _ := strconv.ParseUint(part[i], 10, 64)
			s.Net[strings.TrimSuffix(part[0], ":")+"."+names[i]] = v
		}
		names = nil
	}
}

// neighbours reads /proc/net/stat/arp_cache: names, then a line of hexadecimal
// numbers for each CPU.
func (s *State) neighbours() {
	column := -1
	for line := range strings.Lines(s.maybe("proc/net/stat/arp_cache")) {
		part := strings.Fields(line)
		if column < 0 {
			if column = slices.Index(part, "table_fulls"); column < 0 {
				return
			}
			continue
		}
		if column < len(part) {
			v, _ := strconv.ParseUint(part[column], 16, 64)
			s.NeighbourFulls += v
		}
	}
}

func (s *State) softnet() {
	for line := range strings.Lines(s.maybe("proc/net/softnet_stat")) {
		part := strings.Fields(line)
		if len(part) < 3 {
			continue
		}
		for i, to := range []*uint64{&s.Softnet.Processed, &s.Softnet.Dropped, &s.Softnet.Squeezed} {
			v, _ := strconv.ParseUint(part[i], 16, 64)
			*to += v
		}
	}
}

// maxGroups bounds the walk through the cgroups.
const maxGroups = 10_000

// groups finds the cgroups that were held back.
func (s *State) groups() {
	const base = "sys/fs/cgroup"
	seen := 0
	err := fs.WalkDir(s.root, base, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // a group that has gone meanwhile
		}
		if seen++; seen > maxGroups {
			return fs.SkipAll
		}
		g := Group{Path: strings.TrimPrefix(name, base), Max: s.maybe(name + "/cpu.max")}
		for key, v := range pairs(s.maybe(name + "/cpu.stat")) {
			switch key {
			case "nr_periods":
				g.Periods = v
			case "nr_throttled":
				g.Throttled = v
			case "throttled_usec":
				g.Seconds = float64(v) / 1e6
			}
		}
		for key, v := range pairs(s.maybe(name + "/memory.events.local")) {
			switch key {
			case "high":
				g.High = v
			case "oom_kill":
				g.OOMKills = v
			}
		}
		g.ForksFailed = pairs(s.maybe(name + "/pids.events"))["max"]
		if g.ForksFailed > 0 || g.Throttled > 0 || g.High > 0 || g.OOMKills > 0 {
			s.Groups = append(s.Groups, g)
		}
		return nil
	})
	if err != nil || seen > maxGroups {
		s.Unread = append(s.Unread, fmt.Sprintf("/%s: more than %d groups", base, maxGroups))
	}
}

// pairs reads lines of a name and a number.
func pairs(text string) map[string]uint64 {
	m := map[string]uint64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseUint(value, 10, 64); ok && err == nil {
			m[name] = v
		}
	}
	return m
}
