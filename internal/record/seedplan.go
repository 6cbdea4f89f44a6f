package record

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// seedPlan is the story of a fleet's month: who ran what when, and what
// happened to it.
type seedPlan struct {
	rand  *rand.Rand
	start time.Time
	until time.Time
	logs  []*seedLog
	hosts []seedHost
	// main is the release most logs are from; ladder are the builds of it that
	// are rolled out, oldest first, the real one last.
	main   string
	ladder []seedKernel
}

// seedKernel is one build of the roll-out and what it is called in a log.
type seedKernel struct {
	release, version string
	replace          *strings.Replacer // from the real names to these
}

type seedHost struct {
	name, group string
	fixed       string      // the one release it runs, if it is not of the roll-out
	changed     []time.Time // when it was given each kernel of the ladder
}

type seedEvent struct {
	log    *seedLog
	host   string
	at     time.Time
	kernel *seedKernel // nil: the log's own
}

// seedGroups are the fleet: who is given a new kernel how many days after the
// first. The canaries are first, and also run what is to come.
var seedGroups = []struct {
	name  string
	hosts int
	delay float64
}{{"canary", 8, 0}, {"web", 24, 1}, {"compute", 16, 2.2}, {"db", 12, 3.2}}

// rollOuts are the days the kernels of the ladder are first given out on.
var rollOuts = []float64{-60, 3, 9.5, 16, 22.5}

func newSeedPlan(in SeedInput, logs []*seedLog) *seedPlan {
	p := &seedPlan{rand: seedRand(in.Seed), until: in.Until, start: in.Until.AddDate(0, 0, -seedDays), logs: logs}
	p.main = mainRelease(logs)
	p.ladder = seedLadder(p.main, logs)
	others := otherReleases(p.main, logs)
	for _, g := range seedGroups {
		for i := range g.hosts {
			h := seedHost{name: fmt.Sprintf("%s-%02d", g.name, i+1), group: g.name}
			if g.name == "canary" && i < len(others) {
				h.fixed = others[i]
			}
			for k := range p.ladder {
				at := rollOuts[len(rollOuts)-len(p.ladder)+k] + g.delay + 0.8*p.rand.Float64()
				h.changed = append(h.changed, p.start.Add(time.Duration(at*24*float64(time.Hour))))
			}
			p.hosts = append(p.hosts, h)
		}
	}
	p.cast()
	return p
}

// mainRelease returns the release that most logs are from.
func mainRelease(logs []*seedLog) string {
	n := map[string]int{}
	best := ""
	for _, l := range logs {
		if n[l.release]++; l.release != "" && (best == "" || n[l.release] > n[best]) {
			best = l.release
		}
	}
	return best
}

func otherReleases(main string, logs []*seedLog) []string {
	var out []string
	for _, l := range logs {
		if l.release != main && l.release != "" && !slices.Contains(out, l.release) {
			out = append(out, l.release)
		}
	}
	slices.Sort(out)
	return out
}

var (
	abiNumber    = regexp.MustCompile(`^(\d+\.\d+\.\d+-)(\d+)(-.*)?$`)
	packageBuild = regexp.MustCompile(`(\d+\.\d+\.)(\d+)(-\d+)`)
	buildDate    = regexp.MustCompile(`\((\d{4}-\d{2}-\d{2})\)`)
)

// seedLadder makes up the builds before the one that the logs are from. Every
// name has the length of the real one; where that is not possible, there is
// only the real one.
func seedLadder(release string, logs []*seedLog) []seedKernel {
	version := ""
	for _, l := range logs {
		if l.release == release && len(l.version) > len(version) {
			version = l.version
		}
	}
	ladder := []seedKernel{{release, version, strings.NewReplacer()}}
	m := abiNumber.FindStringSubmatch(release)
	if m == nil {
		return ladder
	}
	for n := 1; n < len(rollOuts); n++ {
		abi, ok := lower(m[2], n)
		if !ok {
			break
		}
		k := seedKernel{release: m[1] + abi + m[3]}
		pairs := []string{release, k.release}
		if b := packageBuild.FindStringSubmatch(version); b != nil {
			if patch, ok := lower(b[2], 2*n); ok {
				pairs = append(pairs, b[0], b[1]+patch+b[3])
			}
		}
		if d := buildDate.FindStringSubmatch(version); d != nil {
			if day, err := time.Parse(time.DateOnly, d[1]); err == nil {
				pairs = append(pairs, d[0], "("+day.AddDate(0, 0, -9*n).Format(time.DateOnly)+")")
			}
		}
		k.replace = strings.NewReplacer(pairs...)
		k.version = k.replace.Replace(version)
		ladder = append(ladder, k)
	}
	slices.Reverse(ladder)
	return ladder
}

// lower subtracts from a decimal number and keeps its length.
func lower(digits string, n int) (string, bool) {
	v, err := strconv.Atoi(digits)
	out := strconv.Itoa(v - n)
	return out, err == nil && v > n && len(out) == len(digits)
}

// cast gives each log its part in the story.
func (p *seedPlan) cast() {
	last := len(p.ladder) - 1
	order := p.rand.Perm(len(p.logs))
	for rank, i := range order {
		l := p.logs[i]
		// Few signatures make most of the crashes.
		l.weight, l.from, l.to, l.days = 1/math.Pow(float64(rank)+1.5, 0.9), 0, last, seedDays
		switch rank % 7 {
		case 1: // came with a kernel
			l.from = min(2, last)
		case 2: // fixed by a kernel
			l.to = max(0, last-2)
		case 3: // came with the newest
			l.from = last
		case 4:
			l.rising = true
		case 6:
			l.once, l.days = true, 4
		}
		if l.release != p.main {
			l.weight /= 4 // a few canaries run it
		}
	}
}

// kernels returns how many kernels the fleet has run.
func (p *seedPlan) kernels() int { return len(p.ladder) + len(otherReleases(p.main, p.logs)) }

// observations are what an inventory would have told of the fleet.
func (p *seedPlan) observations() []Observation {
	var out []Observation
	for _, h := range p.hosts {
		o := Observation{Host: h.name, Group: h.group, Demo: true}
		if h.fixed != "" {
			o.Kernel, o.At = h.fixed, p.start
			out = append(out, o)
			continue
		}
		for k, at := range h.changed {
			if at.After(p.until) {
				break
			}
			o.Kernel, o.Version, o.At = p.ladder[k].release, p.ladder[k].version, at
			if at.Before(p.start) {
				o.At = p.start
			}
			out = append(out, o)
		}
	}
	return out
}

// running returns the kernel of the ladder that a host ran at a time.
func (h *seedHost) running(t time.Time) int {
	k := 0
	for i, at := range h.changed {
		if !at.After(t) {
			k = i
		}
	}
	return k
}

// events draws about n crashes, oldest first.
func (p *seedPlan) events(n int) []seedEvent {
	var total float64
	for _, l := range p.logs {
		if !l.once {
			total += l.weight
		}
	}
	var out []seedEvent
	for _, l := range p.logs {
		want := 1
		if !l.once {
			want = max(2, int(math.Round(float64(n)*l.weight/total)))
		}
		out = append(out, p.eventsOf(l, want)...)
	}
	slices.SortFunc(out, func(a, b seedEvent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.log.name, b.log.name), cmp.Compare(a.host, b.host))
	})
	return out
}

func (p *seedPlan) eventsOf(l *seedLog, want int) []seedEvent {
	var out []seedEvent
	// A draw may fall on a host that did not run the kernel then; the number
	// of draws bounds how long a log without any fitting host is tried.
	for range 200 * want {
		if len(out) == want {
			break
		}
		h := &p.hosts[p.rand.IntN(len(p.hosts))]
		if p.rand.IntN(3) > 0 {
			h = &p.hosts[(len(l.name)*7+p.rand.IntN(9))%len(p.hosts)] // some hosts are more prone to it
		}
		age := p.rand.Float64() * float64(l.days)
		if l.rising {
			age = float64(l.days) * math.Pow(p.rand.Float64(), 4)
		}
		e := seedEvent{log: l, host: h.name, at: p.until.Add(-time.Duration(age * 24 * float64(time.Hour))).Add(-time.Minute).Truncate(time.Second)}
		switch {
		case l.release != p.main:
			if h.fixed != l.release {
				continue
			}
		case h.fixed != "":
			continue
		default:
			k := h.running(e.at)
			if k < l.from || k > l.to {
				continue
			}
			e.kernel = &p.ladder[k]
		}
		out = append(out, e)
	}
	return out
}

// decisions are what the team did in the month, oldest first: it resolved
// something that came back, resolved something that stayed away, muted
// something, and took what it saw most.
func (p *seedPlan) decisions() []seedDecision {
	byWeight := slices.Clone(p.logs)
	slices.SortFunc(byWeight, func(a, b *seedLog) int { return cmp.Compare(b.weight, a.weight) })
	newest := p.ladder[len(p.ladder)-1].release
	var out []seedDecision
	add := func(rank int, daysAgo float64, c SignatureChange) {
		if rank < len(byWeight) {
			out = append(out, seedDecision{byWeight[rank].name, p.until.Add(-time.Duration(daysAgo * 24 * float64(time.Hour))), c})
		}
	}
	add(0, 21, SignatureChange{Assignee: new("ada"), Note: "seen on most of the web hosts; reproduces in the lab", By: "ada"})
	add(5, 19, SignatureChange{State: new(StateMuted), Note: "known hardware quirk; will be replaced", By: "grace"})
	add(2, 14, SignatureChange{State: new(StateResolved), ResolvedIn: newest, Note: "fix queued for the next kernel", By: "linus"})
	add(9, 13, SignatureChange{State: new(StateResolved), Note: "fixed by the firmware update", By: "grace"})
	add(7, 9, SignatureChange{State: new(StateOpen), Assignee: new("grace"), By: "grace"})
	add(4, 6, SignatureChange{State: new(StateResolved), Note: "reverted the change that caused it", By: "ada"})
	add(14, 5, SignatureChange{Assignee: new("linus"), Note: "bisecting", By: "linus"})
	return out
}

var clockLine = regexp.MustCompile(`setting system clock to (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}) UTC \(\d{10}\)`)

// text is the log as this host would have sent it.
func (e *seedEvent) text() []byte {
	s := string(e.log.text)
	if e.kernel != nil {
		s = e.kernel.replace.Replace(s)
	}
	// The boot was some hours before the crash.
	boot := e.at.Add(-time.Duration(1+len(e.host)*len(e.log.name)%40) * time.Hour).UTC()
	return []byte(clockLine.ReplaceAllString(s, fmt.Sprintf("setting system clock to %s UTC (%d)", boot.Format("2006-01-02T15:04:05"), boot.Unix())))
}
