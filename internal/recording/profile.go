package recording

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ringside/profile"
	"ringside/profile/costs"
)

// leastCost is from which share of the busy time on a cost is worth naming.
const leastCost = .02

// titleCost is from which share on a cost is the first thing to know.
const titleCost = .1

// MainEvent is the event that a profile is mostly about: the one with the most
// samples; -1 where it has none.
func MainEvent(p *profile.Profile) int {
	best, most := -1, int64(-1)
	for i := range p.Events {
		if n, _ := p.Total(i); n > most {
			best, most = i, n
		}
	}
	return best
}

// OfProfile sums a profile up.
func OfProfile(p *profile.Profile) (*Summary, error) {
	s := &Summary{
		Kind: Profile, Format: cmp.Or(p.Source.Format, "profile"), Hostname: p.Source.Hostname, Release: p.Source.Release, BuildID: p.Source.KernelBuildID,
		Arch: p.Source.Arch, CPUs: p.Source.CPUs, Command: p.Source.Command, Duration: time.Duration(min(p.Duration, 1<<62)),
		Events: []Event{}, Losses: append([]profile.Loss{}, p.Losses...), Warnings: brief(p.Warnings), Next: []string{},
	}
	for i, e := range p.Events {
		n, _ := p.Total(i)
		s.Events = append(s.Events, Event{e.Name, e.Unit, n})
		s.Count += n
	}
	main := MainEvent(p)
	if main < 0 || s.Count == 0 {
		s.Title = "a profile without samples"
		return s, nil
	}
	slices.SortStableFunc(s.Events, func(a, b Event) int { return cmp.Compare(b.Count, a.Count) })
	s.Events = s.Events[:min(len(s.Events), MaxEvents)]
	f := &ProfileFacts{Event: p.Events[main].Name, Unit: p.Events[main].Unit, Went: costs.Find(p, main, leastCost)}
	f.Samples, f.Weight = p.Total(main)
	for _, x := range []struct {
		by   profile.By
		most int
		to   *[]profile.Row
	}{{profile.ByFunction, maxFunctions, &f.Functions}, {profile.ByTask, maxTasks, &f.Tasks}} {
		rows, err := profile.Top(p, x.by, main)
		if err != nil {
			return nil, err
		}
		*x.to = append([]profile.Row{}, rows[:min(len(rows), x.most)]...)
	}
	s.Profile = f
	s.Title = f.title()
	for _, c := range f.Went.Costs[:min(len(f.Went.Costs), 3)] {
		s.Next = append(s.Next, c.Title+": "+c.Next)
	}
	return s, nil
}

// title is the first thing to know about a profile.
func (f *ProfileFacts) title() string {
	busy := 1 - f.Went.Idle
	if busy < .02 {
		return "the machine was idle " + percent(f.Went.Idle) + " of the time"
	}
	if len(f.Went.Costs) > 0 && f.Went.Costs[0].Share >= titleCost {
		c := f.Went.Costs[0]
		text := fmt.Sprintf("%s: %s of the busy time", c.Title, percent(c.Share))
		if len(c.Callers) > 0 {
			text += ", mostly for " + c.Callers[0].Name
		}
		return text
	}
	for _, r := range f.Functions {
		if r.Self > 0 && r.Name != "[unknown]" && !costs.Idle(r.Name) {
			return fmt.Sprintf("%s runs %s of the busy time; %s are in the kernel", r.Name, percent(float64(r.Self)/float64(f.Weight)/busy), percent(f.Went.Kernel/busy))
		}
	}
	return percent(f.Went.Kernel/busy) + " of the busy time is in the kernel"
}
