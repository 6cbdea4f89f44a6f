package tune

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Proposal is one change, with all that is needed to decide on it.
type Proposal struct {
	ID    string `json:"id"`
	Area  string `json:"area"` // cpu, interrupts, network, memory, block, cgroup, security
	Title string `json:"title"`
	// Stake is the share of time, 0 to 1, that the symptom took: the most that
	// the change can win. Basis says what it was computed from.
	Stake float64 `json:"stake"`
	Basis string  `json:"basis"`
	// Expect is what should get better, and by how much at most.
	Expect   string     `json:"expect"`
	Evidence []Evidence `json:"evidence"`
	Risk     Risk       `json:"risk"`
	Danger   string     `json:"danger"` // what can go wrong
	// Apply and Undo are shell commands; they last until the next boot.
	Apply []string `json:"apply"`
	Undo  []string `json:"undo"`
	// Prove is the experiment: what to measure before and after.
	Prove []string `json:"prove"`
}

// Risk is how much can go wrong.
type Risk string

// The risks.
const (
	Low    Risk = "low"
	Medium Risk = "medium"
	High   Risk = "high"
)

// Evidence is a fact and where it was read.
type Evidence struct {
	Source string `json:"source"`
	Says   string `json:"says"`
}

// Observed is what recordings of this host have shown, by measure ("runq",
// "device", "irq", "softirq", …).
type Observed map[string]Measurement

// A Measurement is a distribution of durations.
type Measurement struct {
	Source string        `json:"source"` // the recording
	Count  uint64        `json:"count"`
	P50    time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
	Max    time.Duration `json:"max_ns"`
	// Total over Span is the time that was spent so.
	Total time.Duration `json:"total_ns"`
	Span  time.Duration `json:"span_ns"`
	// Part is the share of the CPU time that was not idle, of what a profile
	// shows; such a measurement has no durations.
	Part float64 `json:"part,omitempty"`
}

// share is how much of the recorded time the measure took.
func (m Measurement) share() float64 {
	if m.Part > 0 {
		return min(1, m.Part)
	}
	if m.Span <= 0 {
		return 0
	}
	return min(1, float64(m.Total)/float64(m.Span))
}

func (m Measurement) evidence(what string) Evidence {
	if m.Part > 0 {
		return Evidence{m.Source, fmt.Sprintf("%s: %.1f %% of the CPU time that was not idle, %d samples", what, 100*m.Part, m.Count)}
	}
	return Evidence{m.Source, fmt.Sprintf("%s: %d times, p50 %s, p99 %s, max %s", what, m.Count, m.P50, m.P99, m.Max)}
}

// Advise makes proposals, those with the most at stake first.
func Advise(s *State, o Observed) []Proposal {
	var list []Proposal
	for _, rule := range rules {
		list = append(list, rule(s, o)...)
	}
	slices.SortStableFunc(list, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(b.Stake, a.Stake), cmp.Compare(rank(a.Risk), rank(b.Risk)), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func rank(r Risk) int { return slices.Index([]Risk{Low, Medium, High}, r) }

// rules are all rules, by area.
var rules = []func(*State, Observed) []Proposal{
	throttled, governor, clocksource, numaBalancing,
	irqSpread, receiveSteering, backlog, budget, listenQueue, conntrack,
	directReclaim, compactionStalls, swapping, zoneReclaim, writeback, memoryHigh,
	ioScheduler, unmitigated, mitigations,
	synBacklog.hits, udpBuffers.hits, timeWait.hits, receiveWindow, neighbours, openFiles,
	memoryMax, tasksMax, compressedSwap,
	steal, slowConsole, zeroing, auditing,
}
