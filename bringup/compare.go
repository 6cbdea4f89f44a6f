package bringup

import (
	"cmp"
	"regexp"
	"slices"
)

// ComparisonSchemaID names the JSON form of a [Comparison].
const ComparisonSchemaID = "https://ringside.dev/schemas/boot-compare.v1.json"

// Comparison is what differs between boots of one kind and boots of another.
type Comparison struct {
	Schema   string      `json:"schema"`
	Base     int         `json:"base"` // boots
	New      int         `json:"new"`
	BaseInit MicroSecond `json:"base_init_us"` // until init, in the median; -1 where none reached it
	NewInit  MicroSecond `json:"new_init_us"`
	Parts    []Delta     `json:"parts"`    // from milestone to milestone, in their order
	Slower   []Delta     `json:"slower"`   // initcalls and probes that take longer, the worst first
	Faster   []Delta     `json:"faster"`   // or less
	Appeared []Trouble   `json:"appeared"` // troubles that no boot of the base has
	Gone     []Trouble   `json:"gone"`     // that no new boot has
	Failing  []Call      `json:"failing"`  // calls that return an error now, and did not
}

// Delta is a call whose time changed by more than it does by itself.
type Delta struct {
	Name  string      `json:"name"`
	Kind  string      `json:"kind"` // initcall, probe
	Was   MicroSecond `json:"was_us"`
	Is    MicroSecond `json:"is_us"`
	Noise MicroSecond `json:"noise_us"` // the spread of the boots of both sides
}

// minDelta is the least difference that is told where there is one boot of each side only.
const minDelta = MicroSecond(500)

// numbers are what differs from boot to boot in a message.
var numbers = regexp.MustCompile(`0x[0-9a-fA-F]+|\b\d+\b`)

func normal(t *Trouble) string { return t.Kind + " " + numbers.ReplaceAllString(t.Text, "N") }

// Compare holds boots against boots. More of each side make it less easily fooled.
func Compare(base, now []*Report) *Comparison {
	c := &Comparison{Schema: ComparisonSchemaID, Base: len(base), New: len(now), BaseInit: initOf(base), NewInit: initOf(now),
		Parts: parts(base, now), Slower: []Delta{}, Faster: []Delta{}, Appeared: onlyIn(now, base), Gone: onlyIn(base, now), Failing: []Call{}}
	for _, kind := range []struct {
		name string
		of   func(*Report) []Call
	}{{"initcall", func(r *Report) []Call { return r.Calls }}, {"probe", func(r *Report) []Call { return r.Probes }}} {
		was, is := times(base, kind.of), times(now, kind.of)
		for name, now := range is {
			old, ok := was[name]
			if !ok {
				continue
			}
			d := Delta{Name: name, Kind: kind.name, Was: middle(old.took), Is: middle(now.took), Noise: max(spread(old.took), spread(now.took))}
			if diff := d.Is - d.Was; diff > max(minDelta, 2*d.Noise) {
				c.Slower = append(c.Slower, d)
			} else if -diff > max(minDelta, 2*d.Noise) {
				c.Faster = append(c.Faster, d)
			}
			if now.failed != nil && old.failed == nil {
				c.Failing = append(c.Failing, *now.failed)
			}
		}
	}
	slices.SortFunc(c.Slower, func(a, b Delta) int { return cmp.Or(cmp.Compare(b.Is-b.Was, a.Is-a.Was), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(c.Faster, func(a, b Delta) int { return cmp.Or(cmp.Compare(a.Is-a.Was, b.Is-b.Was), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(c.Failing, func(a, b Call) int { return cmp.Compare(a.Line, b.Line) })
	return c
}

// timed is a call in several boots.
type timed struct {
	took   []MicroSecond
	failed *Call
}

func times(boots []*Report, of func(*Report) []Call) map[string]*timed {
	all := map[string]*timed{}
	for _, r := range boots {
		sums := map[string]MicroSecond{}
		for _, x := range of(r) {
			sums[x.Name] += x.Took
			// -ENODEV is how a driver says that its device is not there.
			if x.Result < 0 && x.Result != -19 {
				t := all[x.Name]
				if t == nil {
					t = new(timed)
					all[x.Name] = t
				}
				t.failed = &x
			}
		}
		for name, took := range sums {
			if all[name] == nil {
				all[name] = new(timed)
			}
			all[name].took = append(all[name].took, took)
		}
	}
	return all
}

func middle(v []MicroSecond) MicroSecond {
	if len(v) == 0 {
		return -1
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func spread(v []MicroSecond) MicroSecond {
	if len(v) < 2 {
		return 0
	}
	return slices.Max(v) - slices.Min(v)
}

// parts are the times from milestone to milestone, of those that both sides have.
func parts(base, now []*Report) []Delta {
	took := func(boots []*Report) map[string][]MicroSecond {
		all := map[string][]MicroSecond{}
		for _, r := range boots {
			last := MicroSecond(0)
			for _, m := range r.Marks {
				all[m.What] = append(all[m.What], m.At-last)
				last = m.At
			}
		}
		return all
	}
	was, is := took(base), took(now)
	list := []Delta{}
	for _, m := range marks {
		a, b := was[m.what], is[m.what]
		if len(a) > 0 && len(b) > 0 {
			list = append(list, Delta{Name: m.what, Kind: "until", Was: middle(a), Is: middle(b), Noise: max(spread(a), spread(b))})
		}
	}
	return list
}

func initOf(boots []*Report) MicroSecond {
	var v []MicroSecond
	for _, r := range boots {
		if r.Init >= 0 {
			v = append(v, r.Init)
		}
	}
	return middle(v)
}

// onlyIn lists the troubles that some boots have and no other has, each once.
func onlyIn(boots, others []*Report) []Trouble {
	have := map[string]bool{}
	for _, r := range others {
		for i := range r.Troubles {
			have[normal(&r.Troubles[i])] = true
		}
	}
	list := []Trouble{}
	for _, r := range boots {
		for i := range r.Troubles {
			if k := normal(&r.Troubles[i]); !have[k] {
				have[k] = true
				list = append(list, r.Troubles[i])
			}
		}
	}
	return list
}
