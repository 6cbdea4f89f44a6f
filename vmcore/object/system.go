package object

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"ringside/vmcore/kernel"
)

// System is what was running, and for how long.
type System struct {
	Release   string        `json:"release"`
	Version   string        `json:"version,omitempty"`
	Machine   string        `json:"machine,omitempty"`
	Node      string        `json:"node,omitempty"`
	BuildID   string        `json:"build_id,omitempty"`
	CmdLine   string        `json:"cmdline,omitempty"`
	Uptime    time.Duration `json:"uptime_ns,omitempty"`
	BootTime  time.Time     `json:"boot_time,omitzero"`
	DumpTime  time.Time     `json:"dump_time,omitzero"` // by the kernel's clock when it stopped
	CrashTime time.Time     `json:"crash_time,omitzero"`
	Load      []float64     `json:"load,omitempty"`
	CPUs      []int         `json:"cpus,omitempty"`
	Online    []int         `json:"cpus_online,omitempty"` // a panic takes the others offline
	Possible  int           `json:"cpus_possible,omitempty"`
	Taint     []string      `json:"taint,omitempty"` // the letters that are set
	// PanicCPU is the CPU that called panic.
	PanicCPU *int `json:"panic_cpu,omitempty"`
}

// SystemOf reads it.
func SystemOf(w *kernel.Walk) System {
	k := w.Kernel()
	info := k.Dump.Info()
	s := System{Release: k.Release, BuildID: k.BuildID, Version: info.Version, Machine: info.Arch, Node: info.Node}
	s.CrashTime, _ = k.Info.CrashTime()
	if k.Types == nil {
		return s
	}
	uts := w.Global("init_uts_ns", "struct uts_namespace").Field("name")
	s.Version, s.Machine, s.Node = uts.Field("version").Str(), uts.Field("machine").Str(), uts.Field("nodename").Str()
	if _, ok := k.Symbol("saved_command_line"); ok {
		s.CmdLine = strings.TrimSpace(w.Global("saved_command_line", "char *").Str())
	}
	readClock(w, &s)
	if a, ok := k.Symbol("avenrun"); ok {
		for i := range 3 {
			v, err := w.U64(a + uint64(i)*8)
			if err != nil {
				break
			}
			s.Load = append(s.Load, float64(v*100>>11)/100) // FIXED_1 is 1 << 11
		}
	}
	s.CPUs, s.Online, s.Possible = k.CPUs(), k.OnlineCPUs(), k.PossibleCPUs()
	if a, ok := k.Symbol("tainted_mask"); ok {
		if mask, err := w.U64(a); err == nil {
			s.Taint = taints(mask)
		}
	}
	if a, ok := k.Symbol("panic_cpu"); ok {
		if cpu, err := w.U32(a); err == nil && int32(cpu) >= 0 && cpu < uint32(max(s.Possible, 1)) {
			s.PanicCPU = new(int(cpu))
		}
	}
	return s
}

// readClock reads how long the kernel had run and what time it thought it was.
// The timekeeper is in a struct with padding around it that BTF knows (5.x and
// later), and has the time of the last tick.
func readClock(w *kernel.Walk, s *System) {
	k := w.Kernel()
	if a, ok := k.Symbol("timekeeper_data"); ok && k.HasField("struct tk_data", "timekeeper") { // 6.17 and later
		s.fromTimekeeper(w.At("struct tk_data", a).Field("timekeeper"))
		return
	}
	addr, ok := k.Symbol("tk_core")
	if ok && k.HasField("struct tk_data", "timekeeper") { // 6.13 and later
		s.fromTimekeeper(w.At("struct tk_data", addr).Field("timekeeper"))
		return
	}
	if ok && k.HasField("struct timekeeper", "xtime_sec") {
		// static struct { seqcount_raw_spinlock_t seq; struct timekeeper timekeeper; } tk_core
		at := addr + 8
		if size := k.SizeOf("seqcount_raw_spinlock_t"); size > 8 {
			at = addr + (size+7)&^7
		}
		s.fromTimekeeper(w.At("struct timekeeper", at))
	}
}

func (s *System) fromTimekeeper(tk kernel.Value) {
	sec := tk.Field("xtime_sec").Uint()
	if sec == 0 || sec > 1<<34 {
		return
	}
	s.DumpTime = time.Unix(int64(sec), 0).UTC()
	mono := tk.Field("wall_to_monotonic")
	up := time.Duration(int64(sec)+mono.Field("tv_sec").Int())*time.Second + time.Duration(mono.Field("tv_nsec").Int())
	if shift := tk.Field("tkr_mono.shift").Uint(); shift < 64 {
		up += time.Duration(tk.Field("tkr_mono.xtime_nsec").Uint() >> shift)
	}
	if up += time.Duration(tk.Field("offs_boot").Int()); up > 0 {
		s.Uptime = up
		s.BootTime = s.DumpTime.Add(-up).Truncate(time.Second)
	}
}

// taintLetters are the flags by their bits, kernel/panic.c.
const taintLetters = "PFSRMBUDAWCIOELKXTN"

func taints(mask uint64) []string {
	var out []string
	for ; mask != 0; mask &= mask - 1 {
		bit := bits.TrailingZeros64(mask)
		if bit < len(taintLetters) {
			out = append(out, taintLetters[bit:bit+1])
		} else {
			out = append(out, fmt.Sprintf("bit %d", bit))
		}
	}
	return out
}
