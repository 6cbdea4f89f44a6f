package crash

import (
	"slices"
	"strings"
)

// Some functions are on a stack because of what they do for others: the report
// machinery itself, entry code, primitives that trust their caller's pointer.
// A defect shows in them but does not live in them, so the guilty function is
// looked for in their callers. The tables are in noise_report.go,
// noise_helper.go, noise_wait.go and noise_entry.go.
//
// What is deliberately absent: functions of a subsystem, however often they
// appear.

// role is what a function does for others. The zero role is none: a function
// that can be blamed.
type role uint8

const (
	roleNone     role = iota
	roleReport        // finds or prints the report
	roleCheck         // checks a counter, list or copy, often inlined
	roleBytes         // moves or compares bytes
	roleData          // a data structure's own code: trees, lists, bitmaps
	roleAlloc         // the allocators
	roleObject        // makes, frees, counts or links an object of a subsystem
	roleDevice        // the device model and the cores that register with it
	roleLock          // a lock, a wait queue, the scheduler
	roleWrapper       // takes a subsystem's own lock
	roleWait          // waits for work, a timer or a page
	roleDispatch      // runs the work of others: timers, softirqs, workqueues
	roleEntry         // the way into the kernel, and what runs below everything
)

// A family is a group of functions with one role and one reason. Names are
// portable names; 'name*' is a beginning and '*name*' any part.
type family struct {
	role  role
	why   string
	names string
}

// noise is the tables indexed.
type noise struct {
	exact    map[string]role
	prefixes []noisePrefix // sorted
	parts    []noisePrefix
}

type noisePrefix struct {
	text string
	role role
}

func buildNoise() *noise {
	n := &noise{exact: map[string]role{}}
	for _, table := range [][]family{reportFamilies, helperFamilies, waitFamilies, entryFamilies} {
		for _, f := range table {
			for name := range strings.FieldsSeq(f.names) {
				p, ok := strings.CutSuffix(name, "*")
				switch {
				case ok && p[0] == '*':
					n.parts = append(n.parts, noisePrefix{p[1:], f.role})
				case ok:
					n.prefixes = append(n.prefixes, noisePrefix{p, f.role})
				default:
					n.exact[name] = f.role
				}
			}
		}
	}
	slices.SortFunc(n.prefixes, func(a, b noisePrefix) int { return strings.Compare(a.text, b.text) })
	return n
}

// role returns the role of a function.
func (n *noise) role(function string) role {
	function = baseName(function)
	if function == "" {
		return roleNone
	}
	if r := n.exact[function]; r != roleNone {
		return r
	}
	// Any prefix of function sorts at or before it; walk back from there
	// through the candidates that share its first byte. The longest one that
	// fits is the first.
	i, found := slices.BinarySearchFunc(n.prefixes, function, func(p noisePrefix, f string) int { return strings.Compare(p.text, f) })
	if found {
		return n.prefixes[i].role
	}
	for i--; i >= 0 && n.prefixes[i].text[0] == function[0]; i-- {
		if strings.HasPrefix(function, n.prefixes[i].text) {
			return n.prefixes[i].role
		}
	}
	for _, p := range n.parts {
		if strings.Contains(function, p.text) {
			return p.role
		}
	}
	return roleNone
}

// Generic reports whether a function is on stacks for what it does for others:
// an allocator, a lock, the scheduler, the report machinery. Whose fault it shows
// is to be looked for in its callers.
func Generic(function string) bool { return sharedNoise().role(function) != roleNone }

// view is what counts as noise for one kind of report: a sleeping allocation is
// what a report of sleeping in atomic context is about, and none of its caller's
// business when memory is corrupt.
type view struct {
	n        *noise
	blamable []role // roles that can be blamed here
	maker    bool   // who only hands memory on is not to blame: leaks
}

// viewOf returns what is noise in reports of kind k.
func viewOf(k Kind) view {
	v := view{n: sharedNoise()}
	switch k {
	case KindLeak:
		v.blamable, v.maker = []role{roleObject, roleDevice, roleLock, roleWrapper, roleWait}, true
	case KindAtomicSleep:
		v.blamable = []role{roleObject, roleDevice, roleWrapper}
	case KindPreempt:
		v.blamable = []role{roleBytes, roleData, roleAlloc, roleObject, roleDevice, roleWrapper, roleWait}
	}
	return v
}

// has reports whether function is there only for others.
func (v view) has(function string) bool {
	r := v.n.role(function)
	if v.maker && r != roleReport && r != roleCheck && isMaker(function) {
		return true
	}
	return r != roleNone && !slices.Contains(v.blamable, r)
}

// serves reports whether a function is there only for others. Allocators and
// what reports are part of the kernel itself: a module's function of such a
// name is the module's own.
func (v view) serves(function, module string) bool {
	if module != "" {
		if r := v.n.role(function); r == roleAlloc || r == roleReport {
			return false
		}
	}
	return v.has(function)
}

// isMaker reports whether a function's name says that it makes something for
// its caller, who then owns it.
func isMaker(function string) bool {
	for _, part := range []string{"alloc", "_dup", "strdup", "memdup", "kasprintf", "kvasprintf"} {
		if strings.Contains(function, part) {
			return true
		}
	}
	return false
}

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}
