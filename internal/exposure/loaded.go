package exposure

import (
	"fmt"
	"slices"
	"strings"

	"ringside/internal/record"
	"ringside/vuln"
	"ringside/vuln/modules"
)

// A fleet is what the hosts of a kernel told of their modules.
type fleet struct {
	hosts, told int64 // that run the kernel; of them, those that told
	sets        []loadedSet
	all         *modules.State // what any of them has loaded
}

type loadedSet struct {
	state *modules.State
	hosts int64
}

// newFleet reads what hosts told. Lines that cannot be read are those of a host that told
// nothing.
func newFleet(f record.Fleet) *fleet {
	out := &fleet{hosts: f.Hosts, all: &modules.State{}}
	var rules map[string]int64
	for _, s := range f.Sets {
		state := &modules.State{}
		text := strings.Join(s.Loaded, "\n")
		if state.ReadLoaded("modules", strings.NewReader(text)) != nil || out.all.ReadLoaded("modules", strings.NewReader(text)) != nil {
			continue
		}
		out.told += s.Hosts
		out.sets = append(out.sets, loadedSet{state, s.Hosts})
		if rules == nil {
			rules = map[string]int64{}
		}
		for _, line := range s.Modprobe {
			rules[line] += s.Hosts
		}
	}
	// A rule holds for the fleet where all hosts have it.
	var common []string
	for line, n := range rules {
		if n == out.told {
			common = append(common, line)
		}
	}
	slices.Sort(common)
	_ = out.all.ReadModprobe("modprobe.d", strings.NewReader(strings.Join(common, "\n"))) // reading a text does not fail
	return out
}

// complete says whether every host of the kernel told.
func (f *fleet) complete() bool { return f.hosts > 0 && f.told >= f.hosts }

// unloaded counts the hosts that have loaded none of some modules.
func (f *fleet) unloaded(files []string) (n int64) {
	for _, s := range f.sets {
		if loaded, _ := s.state.Loaded(files); len(loaded) == 0 {
			n += s.hosts
		}
	}
	return n
}

// split notes on how many hosts the code of a verdict is not loaded.
func (f *fleet) split(v *vuln.Verdict, x *record.CVEVerdict) {
	if len(v.Modules) == 0 || v.Verdict != vuln.Affected && v.Verdict != vuln.NotLoaded {
		return
	}
	x.Modules, x.Unloaded = v.Modules, f.unloaded(v.Modules)
	if v.Verdict == vuln.Affected && x.Unloaded > 0 {
		x.Evidence = append(x.Evidence, fmt.Sprintf("not loaded on %d of the %d hosts that told", x.Unloaded, f.told))
	}
}

// note says what the verdicts do not know of modules.
func (f *fleet) note() string {
	switch {
	case f.told == 0:
		return "which modules hosts have loaded is not known: code in modules counts as if it were loaded; ringside cve host tells it"
	case !f.complete():
		return fmt.Sprintf("%d of %d hosts that run it told which modules they have loaded: on the others code in modules counts as if it were", f.told, f.hosts)
	}
	return ""
}
