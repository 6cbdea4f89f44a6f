package tune

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// host is a machine of four CPUs that is well set up, with changes.
func host(changes map[string]string) fstest.MapFS {
	files := map[string]string{
		"proc/stat":                                            "cpu  1000 0 1000 8000 0 0 0 0 0 0\ncpu0 1 0 1 1 0 0 0 0 0 0\ncpu1 1 0 1 1 0 0 0 0 0 0\ncpu2 1 0 1 1 0 0 0 0 0 0\ncpu3 1 0 1 1 0 0 0 0 0 0\n",
		"proc/uptime":                                          "10000.00 39000.00\n",
		"proc/sys/kernel/osrelease":                            "6.12.1\n",
		"proc/meminfo":                                         "MemTotal:       65536000 kB\n",
		"proc/interrupts":                                      "           CPU0       CPU1       CPU2       CPU3\n 24:    1000000    1000000    1000000    1000000  PCI-MSI eth0-rx\nNMI:  1 1 1 1 Non-maskable interrupts\n",
		"proc/irq/24/smp_affinity_list":                        "0-3\n",
		"proc/net/softnet_stat":                                "00989680 00000000 00000000\n",
		"proc/net/netstat":                                     "TcpExt: ListenOverflows ListenDrops\nTcpExt: 0 0\n",
		"proc/vmstat":                                          "allocstall_normal 0\ncompact_stall 0\npswpin 0\nnuma_hit 1000\nnuma_miss 0\nnuma_other 0\n",
		"proc/pressure/cpu":                                    "some avg10=0.00 avg60=0.00 avg300=0.10 total=1000\n",
		"proc/pressure/memory":                                 "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"proc/pressure/io":                                     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"proc/sys/vm/swappiness":                               "60\n",
		"proc/sys/vm/dirty_ratio":                              "20\n",
		"proc/sys/vm/dirty_background_ratio":                   "10\n",
		"proc/sys/vm/dirty_bytes":                              "0\n",
		"proc/sys/vm/watermark_scale_factor":                   "10\n",
		"proc/sys/vm/zone_reclaim_mode":                        "0\n",
		"proc/sys/net/core/somaxconn":                          "4096\n",
		"proc/sys/net/core/netdev_max_backlog":                 "1000\n",
		"proc/sys/net/core/netdev_budget":                      "300\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_driver":   "acpi-cpufreq\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
		"sys/devices/system/cpu/vulnerabilities/meltdown":                 "Mitigation: PTI\n",
		"sys/devices/system/node/node0/cpulist":                           "0-3\n",
		"sys/block/nvme0n1/queue/scheduler":                               "[none] mq-deadline\n",
		"sys/block/nvme0n1/queue/rotational":                              "0\n",
		"sys/block/nvme0n1/stat":                                          "1 1 1 1 1 1 1 1 0 5000000 1\n",
		"sys/kernel/mm/transparent_hugepage/enabled":                      "always [madvise] never\n",
		"sys/class/net/eth0/device/vendor":                                "0x1af4\n",
		"sys/class/net/eth0/queues/rx-0/rps_cpus":                         "0\n",
		"sys/class/net/eth0/queues/tx-0/xps_cpus":                         "0\n",
		"sys/fs/cgroup/app.slice/cpu.stat":                                "usage_usec 1\nnr_periods 10000\nnr_throttled 0\nthrottled_usec 0\n",
		"sys/fs/cgroup/app.slice/cpu.max":                                 "100000 100000\n",
		"sys/fs/cgroup/app.slice/memory.events.local":                     "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n",
		"sys/fs/cgroup/app.slice/memory.high":                             "1073741824\n",
	}
	maps.Copy(files, changes)
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// A host that is well set up gets no advice; each trouble gets its own, and no
// other.
func TestAdvise(t *testing.T) {
	const memory = "some avg10=3.00 avg60=3.00 avg300=3.00 total=300000000\n"
	tests := []struct {
		name    string
		changes map[string]string
		seen    Observed
		want    string
		stake   [2]float64
		apply   string
		undo    string
	}{
		{name: "in order"},
		{name: "throttled", changes: map[string]string{"sys/fs/cgroup/app.slice/cpu.stat": "nr_periods 10000\nnr_throttled 2500\nthrottled_usec 90000000\n"},
			want: "cgroup-throttled:/app.slice", stake: [2]float64{.25, .25}, apply: "echo '150000 100000' > /sys/fs/cgroup/app.slice/cpu.max", undo: "echo '100000 100000' > /sys/fs/cgroup/app.slice/cpu.max"},
		{name: "governor", changes: map[string]string{"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n", "proc/pressure/cpu": "some avg10=9 avg60=9 avg300=9.00 total=1\n"},
			want: "cpufreq-governor", stake: [2]float64{.09, .09}, apply: "echo performance", undo: "echo powersave"},
		{name: "a governor that scales by itself", changes: map[string]string{"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n", "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver": "intel_pstate\n", "proc/pressure/cpu": "some avg300=9.00 total=1\n"}},
		{name: "one CPU takes the interrupts", changes: map[string]string{"proc/interrupts": "  CPU0 CPU1 CPU2 CPU3\n 24: 40000000 0 0 0 PCI-MSI eth0-rx\n"},
			want: "irq-affinity", stake: [2]float64{.009, .011}, apply: "echo 1 > /proc/irq/24/smp_affinity_list", undo: "echo 0-3 > /proc/irq/24/smp_affinity_list"},
		{name: "few interrupts", changes: map[string]string{"proc/interrupts": "  CPU0 CPU1 CPU2 CPU3\n 24: 4000 0 0 0 PCI-MSI eth0-rx\n"}},
		{name: "one receive queue", changes: map[string]string{"proc/net/softnet_stat": "3b9aca00 00000000 00000000\n"},
			want: "rps:eth0", stake: [2]float64{.19, .21}, apply: "echo f > /sys/class/net/eth0/queues/rx-0/rps_cpus", undo: "echo 0 >"},
		{name: "dropped packets", changes: map[string]string{"proc/net/softnet_stat": "00000064 0000000a 00000000\n"},
			want: "netdev-backlog", stake: [2]float64{.1, .1}, apply: "sysctl net.core.netdev_max_backlog=4000", undo: "sysctl net.core.netdev_max_backlog=1000"},
		{name: "squeezed", changes: map[string]string{"proc/net/softnet_stat": "00000064 00000000 00000001\n"},
			want: "netdev-budget", stake: [2]float64{.01, .01}, apply: "sysctl net.core.netdev_budget=600", undo: "=300"},
		{name: "listen overflows", changes: map[string]string{"proc/net/netstat": "TcpExt: ListenOverflows ListenDrops\nTcpExt: 100 100\n"},
			want: "listen-queue", stake: [2]float64{.01, .01}, apply: "sysctl net.core.somaxconn=16384", undo: "=4096"},
		{name: "conntrack", changes: map[string]string{"proc/sys/net/netfilter/nf_conntrack_count": "90\n", "proc/sys/net/netfilter/nf_conntrack_max": "100\n"},
			want: "conntrack", stake: [2]float64{.9, .9}, apply: "=200", undo: "=100"},
		{name: "direct reclaim", changes: map[string]string{"proc/vmstat": "allocstall_normal 500\n", "proc/pressure/memory": memory},
			want: "watermark", stake: [2]float64{.03, .03}, apply: "sysctl vm.watermark_scale_factor=50", undo: "=10"},
		{name: "direct reclaim that a recording shows", changes: map[string]string{"proc/vmstat": "allocstall_normal 500\n"},
			seen: Observed{"reclaim": {Source: "r.json", Count: 7, Total: time.Second, Span: 10 * time.Second}},
			want: "watermark", stake: [2]float64{.1, .1}, apply: "=50", undo: "=10"},
		{name: "compaction", changes: map[string]string{"proc/vmstat": "compact_stall 5000\n", "proc/pressure/memory": memory, "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n"},
			want: "thp", stake: [2]float64{.03, .03}, apply: "echo madvise", undo: "echo always"},
		{name: "swapping", changes: map[string]string{"proc/vmstat": "pswpin 50000\n", "proc/pressure/memory": memory},
			want: "swappiness", stake: [2]float64{.03, .03}, apply: "sysctl vm.swappiness=10", undo: "=60"},
		{name: "writeback", changes: map[string]string{"proc/pressure/io": "some avg300=7.00 total=1\n"},
			want: "dirty-bytes", stake: [2]float64{.07, .07}, apply: "sysctl vm.dirty_bytes=1073741824", undo: "sysctl vm.dirty_ratio=20"},
		{name: "the wrong scheduler", changes: map[string]string{"sys/block/nvme0n1/queue/scheduler": "none [mq-deadline]\n"},
			want: "io-scheduler:nvme0n1", stake: [2]float64{.5, .5}, apply: "echo none > /sys/block/nvme0n1/queue/scheduler", undo: "echo mq-deadline"},
		{name: "at its memory limit", changes: map[string]string{"sys/fs/cgroup/app.slice/memory.events.local": "high 50000\noom_kill 0\n"},
			want: "memory-high:/app.slice", stake: [2]float64{.05, .05}, apply: "echo 1342177280", undo: "echo 1073741824"},
		{name: "open to an attack", changes: map[string]string{"sys/devices/system/cpu/vulnerabilities/meltdown": "Vulnerable\n"},
			want: "vulnerable", apply: "remove mitigations=off", undo: "put the options back"},
		{name: "many system calls", seen: Observed{"syscalls": {Source: "s.json", Count: 5_000_000, Span: time.Second}},
			want: "mitigations", stake: [2]float64{.18, .19}, apply: "mitigations=off", undo: "boot without it"},
		{name: "a slow clock", changes: map[string]string{"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n"},
			want: "clocksource", stake: [2]float64{.02, .02}, apply: "echo tsc", undo: "echo hpet"},
		{name: "remote memory", changes: map[string]string{"sys/devices/system/node/node1/cpulist": "2-3\n", "proc/sys/kernel/numa_balancing": "0\n", "proc/vmstat": "numa_hit 900\nnuma_miss 100\nnuma_other 500\n"},
			want: "numa-balancing", stake: [2]float64{.15, .15}, apply: "=1", undo: "=0"},
		{name: "zone reclaim", changes: map[string]string{"sys/devices/system/node/node1/cpulist": "2-3\n", "proc/sys/vm/zone_reclaim_mode": "1\n"},
			want: "zone-reclaim", stake: [2]float64{.01, .01}, apply: "=0", undo: "=1"},
		{name: "mitigations that a profile shows", seen: Observed{"mitigations": {Source: "perf.data", Count: 50, Part: .05}},
			want: "mitigations", stake: [2]float64{.05, .05}, apply: "mitigations=off", undo: "boot without it"},
		{name: "full SYN queue", changes: map[string]string{"proc/net/netstat": "TcpExt: TCPReqQFullDrop\nTcpExt: 100\n", "proc/sys/net/ipv4/tcp_max_syn_backlog": "1024\n"},
			want: "syn-backlog", stake: [2]float64{.01, .01}, apply: "sysctl net.ipv4.tcp_max_syn_backlog=4096", undo: "=1024"},
		{name: "lost datagrams", changes: map[string]string{"proc/net/snmp": "Udp: InDatagrams RcvbufErrors\nUdp: 5000 100\n", "proc/sys/net/core/rmem_default": "212992\n"},
			want: "udp-buffers", stake: [2]float64{.01, .01}, apply: "sysctl net.core.rmem_default=851968", undo: "=212992"},
		{name: "TIME_WAIT", changes: map[string]string{"proc/net/netstat": "TcpExt: TCPTimeWaitOverflow\nTcpExt: 100\n", "proc/sys/net/ipv4/tcp_max_tw_buckets": "1000\n"},
			want: "time-wait", stake: [2]float64{.01, .01}, apply: "=2000", undo: "=1000"},
		{name: "pruned", changes: map[string]string{"proc/net/netstat": "TcpExt: RcvPruned OfoPruned\nTcpExt: 60 40\n", "proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n"},
			want: "tcp-rmem", stake: [2]float64{.01, .01}, apply: "sysctl net.ipv4.tcp_rmem='4096 131072 12582912'", undo: "'4096 131072 6291456'"},
		{name: "neighbours", changes: map[string]string{"proc/net/stat/arp_cache": "entries  allocs  table_fulls\n00000001 00000001 00000040\n00000001 00000000 00000024\n", "proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024\n"},
			want: "neighbours", stake: [2]float64{.01, .01}, apply: "=4096", undo: "=1024"},
		{name: "open files", changes: map[string]string{"proc/sys/fs/file-nr": "900\t0\t1000\n", "proc/sys/fs/file-max": "1000\n"},
			want: "file-max", stake: [2]float64{.9, .9}, apply: "sysctl fs.file-max=2000", undo: "=1000"},
		{name: "killed", changes: map[string]string{"sys/fs/cgroup/app.slice/memory.events.local": "high 0\noom_kill 2\n", "sys/fs/cgroup/app.slice/memory.high": "max\n", "sys/fs/cgroup/app.slice/memory.max": "1000000\n"},
			want: "memory-max:/app.slice", stake: [2]float64{.012, .012}, apply: "echo 1500000 > /sys/fs/cgroup/app.slice/memory.max", undo: "echo 1000000"},
		{name: "no more tasks", changes: map[string]string{"sys/fs/cgroup/app.slice/pids.events": "max 100\n", "sys/fs/cgroup/app.slice/pids.max": "512\n"},
			want: "pids-max:/app.slice", stake: [2]float64{.01, .01}, apply: "echo 1024 > /sys/fs/cgroup/app.slice/pids.max", undo: "echo 512"},
		{name: "swap on a disk", changes: map[string]string{"proc/vmstat": "pswpin 50000\n", "proc/pressure/memory": memory, "proc/sys/vm/swappiness": "10\n", "sys/module/zswap/parameters/enabled": "N\n"},
			want: "zswap", stake: [2]float64{.03, .03}, apply: "echo Y > /sys/module/zswap", undo: "echo N >"},
		{name: "stolen", changes: map[string]string{"proc/stat": "cpu  500 0 400 0 0 0 0 100 0 0\ncpu0 1 0 1 1 0 0 0 0 0 0\n", "proc/interrupts": ""},
			want: "steal", stake: [2]float64{.1, .1}, apply: "hypervisor", undo: "move it back"},
		{name: "a slow console", changes: map[string]string{"proc/sys/kernel/printk": "7\t4\t1\t7\n"}, seen: Observed{"console": {Source: "perf.data", Count: 9, Part: .04}},
			want: "console-level", stake: [2]float64{.04, .04}, apply: "dmesg -n 4", undo: "dmesg -n 7"},
		{name: "a quiet console", changes: map[string]string{"proc/sys/kernel/printk": "4\t4\t1\t7\n"}, seen: Observed{"console": {Source: "perf.data", Count: 9, Part: .04}}},
		{name: "zeroing", changes: map[string]string{"proc/cmdline": "quiet init_on_free=1\n"}, seen: Observed{"page-zeroing": {Source: "perf.data", Count: 9, Part: .06}},
			want: "init-on-free", stake: [2]float64{.06, .06}, apply: "without init_on_free=1", undo: "boot with it"},
		{name: "audit", seen: Observed{"audit": {Source: "perf.data", Count: 9, Part: .03}},
			want: "audit", stake: [2]float64{.03, .03}, apply: "auditctl -a never,task", undo: "auditctl -d never,task"},
	}
	proven := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Read(host(tt.changes))
			if err != nil {
				t.Fatal(err)
			}
			got := Advise(s, tt.seen)
			if tt.want == "" {
				if len(got) != 0 {
					t.Errorf("advice where none is needed: %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].ID != tt.want {
				t.Fatalf("got %+v, want only %s", got, tt.want)
			}
			p := got[0]
			proven[strings.SplitN(p.ID, ":", 2)[0]] = true
			if p.Stake < tt.stake[0]-1e-9 || p.Stake > tt.stake[1]+1e-9 {
				t.Errorf("stake %v, want within %v", p.Stake, tt.stake)
			}
			if !strings.Contains(strings.Join(p.Apply, "\n"), tt.apply) || !strings.Contains(strings.Join(p.Undo, "\n"), tt.undo) {
				t.Errorf("apply %q, undo %q; want %q and %q in them", p.Apply, p.Undo, tt.apply, tt.undo)
			}
			if len(p.Evidence) == 0 || len(p.Prove) == 0 || p.Danger == "" || p.Expect == "" || p.Basis == "" {
				t.Errorf("something is missing: %+v", p)
			}
			for _, e := range p.Evidence {
				if e.Source == "" || e.Says == "" {
					t.Errorf("evidence says nothing: %+v", p.Evidence)
				}
			}
		})
	}
	if len(proven) != len(rules) {
		t.Errorf("%d rules are shown to fire, there are %d: %v", len(proven), len(rules), slices.Sorted(maps.Keys(proven)))
	}
}

func TestRank(t *testing.T) {
	s, err := Read(host(map[string]string{
		"sys/block/nvme0n1/queue/scheduler": "none [mq-deadline]\n", "proc/net/softnet_stat": "00000064 0000000a 00000000\n",
		"sys/devices/system/cpu/vulnerabilities/meltdown": "Vulnerable\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range Advise(s, nil) {
		ids = append(ids, p.ID)
	}
	if want := []string{"io-scheduler:nvme0n1", "netdev-backlog", "vulnerable"}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
}

// The host that this test runs on can be read.
func TestThisHost(t *testing.T) {
	if _, err := os.Stat("/proc/stat"); err != nil {
		t.Skip("SKIPPED: this system has no /proc")
	}
	s, err := Read(os.DirFS("/"))
	if err != nil {
		t.Fatal(err)
	}
	if s.CPUs == 0 || s.Uptime <= 0 || s.MemoryKB == 0 || s.Kernel == "" || len(s.VM) == 0 {
		t.Errorf("read little of this host: %+v", s)
	}
	Advise(s, nil)
}

func TestNoHost(t *testing.T) {
	if _, err := Read(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "is /proc mounted?") {
		t.Errorf("got %v", err)
	}
}

// Files that say nonsense are no reason to fail.
func FuzzRead(f *testing.F) {
	f.Add("  CPU0\n 24: x\n", "some avg300=x\n", "TcpExt: a\nTcpExt: 1 2\n", "zz zz zz\n")
	f.Fuzz(func(t *testing.T, interrupts, pressure, netstat, softnet string) {
		s, err := Read(host(map[string]string{"proc/interrupts": interrupts, "proc/pressure/cpu": pressure, "proc/net/netstat": netstat, "proc/net/softnet_stat": softnet}))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range Advise(s, nil) {
			if p.Stake < 0 || p.Stake > 1 || p.Stake != p.Stake {
				t.Errorf("%s: stake %v", p.ID, p.Stake)
			}
		}
	})
}
