package crash

import "ringside/similar"

// StackOf returns a report as package similar compares it.
func StackOf(r *Report) similar.Stack {
	s := similar.Stack{Family: r.Kind.Family(), Frames: stackNames(r)}
	if r.Guilty != nil {
		s.Guilty, s.Module = PortableName(r.Guilty.Function), r.Guilty.Module
	}
	return s
}

// stackNames returns the portable names of the frames that count.
func stackNames(r *Report) []string {
	names := []string{}
	for i := range r.Frames {
		if f := &r.Frames[i]; f.blamable() && len(names) < similar.MaxFrames {
			names = append(names, PortableName(f.Function))
		}
	}
	return names
}

// rolePriors is what a function weighs by what it does for others: the more of
// the kernel uses it, the less its being on two stacks says.
var rolePriors = map[role]float64{
	roleReport:   0,
	roleCheck:    0,
	roleEntry:    0.05,
	roleDispatch: 0.1,
	roleBytes:    0.2,
	roleAlloc:    0.15,
	roleLock:     0.15,
	roleWait:     0.2,
	roleData:     0.3,
	roleObject:   0.5,
	roleDevice:   0.5,
	roleWrapper:  0.5,
}

// Prior returns what a function says about a crash before anything is known of
// a record, from 0 (the report machinery itself) to 1 (code of a subsystem).
func Prior(function string) float64 {
	if r := sharedNoise().role(function); r != roleNone {
		return rolePriors[r]
	}
	if len(function) > 4 && function[:4] == "sys_" {
		return 0.3 // by its portable name: any operation begins with one
	}
	return 1
}
