package perfevent

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"ringside/probe"
)

// software are perf's own events that need no PMU (perf_event_open(2)).
var software = map[string]uint64{
	"cpu-clock": unix.PERF_COUNT_SW_CPU_CLOCK, "task-clock": unix.PERF_COUNT_SW_TASK_CLOCK,
	"page-faults": unix.PERF_COUNT_SW_PAGE_FAULTS, "minor-faults": unix.PERF_COUNT_SW_PAGE_FAULTS_MIN,
	"major-faults": unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ, "context-switches": unix.PERF_COUNT_SW_CONTEXT_SWITCHES,
	"cpu-migrations": unix.PERF_COUNT_SW_CPU_MIGRATIONS,
}

// hardware are the PMU's generalised events.
var hardware = map[string]uint64{
	"cycles": unix.PERF_COUNT_HW_CPU_CYCLES, "instructions": unix.PERF_COUNT_HW_INSTRUCTIONS,
	"cache-references": unix.PERF_COUNT_HW_CACHE_REFERENCES, "cache-misses": unix.PERF_COUNT_HW_CACHE_MISSES,
	"branches": unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS, "branch-misses": unix.PERF_COUNT_HW_BRANCH_MISSES,
}

// Bits of perf_event_attr that the system package does not name.
const (
	bitKsymbol  = 1 << 29
	bitBPFEvent = 1 << 30
	bitCgroup   = 1 << 32
	bitBuildID  = 1 << 34
)

// attrSize is the size of an attribute in the file: version 7 of the structure.
const attrSize = int(unsafe.Sizeof(unix.PerfEventAttr{}))

// sampleType is of all events alike, so that each record can be read by itself.
const sampleType = unix.PERF_SAMPLE_IDENTIFIER | unix.PERF_SAMPLE_IP | unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_CPU | unix.PERF_SAMPLE_PERIOD

// attr returns the attribute of one event.
func (e *Engine) attr(ev probe.Event, stacks, tracepoints bool) (unix.PerfEventAttr, error) {
	a := unix.PerfEventAttr{
		Size:        uint32(attrSize),
		Sample_type: sampleType,
		Bits:        unix.PerfBitDisabled | unix.PerfBitInherit | unix.PerfBitSampleIDAll | unix.PerfBitWatermark,
		Wakeup:      ringPages * pageSize / 4,
	}
	if stacks {
		a.Sample_type |= unix.PERF_SAMPLE_CALLCHAIN
	}
	if tracepoints {
		a.Sample_type |= unix.PERF_SAMPLE_RAW
	}
	if _, _, ok := ev.Tracepoint(); ok {
		id, err := e.Tree.ID(ev.Name)
		if err != nil {
			return a, err
		}
		a.Type, a.Config = unix.PERF_TYPE_TRACEPOINT, id
	} else if c, ok := software[ev.Name]; ok {
		a.Type, a.Config = unix.PERF_TYPE_SOFTWARE, c
	} else if c, ok := hardware[ev.Name]; ok {
		a.Type, a.Config = unix.PERF_TYPE_HARDWARE, c
	} else {
		return a, fmt.Errorf("there is no event %q", ev.Name)
	}
	switch {
	case ev.Frequency > 0:
		a.Sample, a.Bits = ev.Frequency, a.Bits|unix.PerfBitFreq
	default:
		a.Sample = max(ev.Period, 1)
	}
	if stacks && !ev.Stack {
		// All records have the field; one frame is what the IP says anyway.
		a.Sample_max_stack = 1
	}
	return a, nil
}

// tracking makes a the event that tells of maps, names and tasks.
func tracking(sampleType uint64) unix.PerfEventAttr {
	return unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Size: uint32(attrSize),
		Sample_type: sampleType, Sample: 1,
		Bits: unix.PerfBitDisabled | unix.PerfBitInherit | unix.PerfBitSampleIDAll | unix.PerfBitWatermark |
			unix.PerfBitMmap | unix.PerfBitMmap2 | unix.PerfBitComm | unix.PerfBitCommExec | unix.PerfBitTask |
			bitKsymbol | bitBPFEvent | bitBuildID,
		Wakeup: ringPages * pageSize / 4,
	}
}

// explain says why an event could not be opened and what would change that.
func explain(event string, err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("event %s: %w: run it as root or with CAP_PERFMON, or lower /proc/sys/kernel/perf_event_paranoid", event, err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("event %s: %w: this machine has no such counter; a virtual machine often has no PMU – use cpu-clock", event, err)
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("event %s: %w: raise the limit of open files (ulimit -n): one is needed per event and CPU", event, err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("event %s: %w: this kernel was built without CONFIG_PERF_EVENTS", event, err)
	}
	return fmt.Errorf("event %s: %w", event, err)
}
