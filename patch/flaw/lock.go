package flaw

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"ringside/patch/csource"
)

// A lockOp is what a call does with a lock.
type lockOp struct {
	class   string // what the key of the lock begins with: a lock has one of a class
	release bool
	atomic  bool // no sleeping under it
	nests   bool // taking it twice is right
	arg     int  // -1: there is one lock only
	zero    bool // taken where it gives zero
	try     bool // taken where it gives true
}

func lockTable() map[string]lockOp {
	m := map[string]lockOp{}
	add := func(take, give string, op lockOp) {
		for name := range set(take) {
			m[name] = op
		}
		op.release = true
		for name := range set(give) {
			m[name] = op
		}
	}
	for _, raw := range []string{"", "raw_"} {
		for class, word := range map[string]string{"spin": "spin", "read": "read", "write": "write"} {
			if raw != "" && class != "spin" {
				continue
			}
			p := raw + word
			add(p+"_lock "+p+"_lock_bh "+p+"_lock_irq "+p+"_lock_irqsave "+p+"_lock_nested "+p+"_lock_irqsave_nested",
				p+"_unlock "+p+"_unlock_bh "+p+"_unlock_irq "+p+"_unlock_irqrestore",
				lockOp{class: class, atomic: true, nests: class == "read"})
			add(p+"_trylock "+p+"_trylock_bh "+p+"_trylock_irq "+p+"_trylock_irqsave", "", lockOp{class: class, atomic: true, try: true, nests: true})
		}
	}
	add("mutex_lock mutex_lock_nested mutex_lock_io", "mutex_unlock", lockOp{class: "mutex"})
	add("mutex_lock_interruptible mutex_lock_killable mutex_lock_interruptible_nested mutex_lock_killable_nested", "", lockOp{class: "mutex", zero: true})
	add("mutex_trylock", "", lockOp{class: "mutex", try: true})
	add("down_read down_read_nested", "up_read", lockOp{class: "rwsem-read", nests: true})
	add("down_write down_write_nested", "up_write", lockOp{class: "rwsem-write"})
	add("down_read_killable down_read_interruptible", "", lockOp{class: "rwsem-read", zero: true})
	add("down_write_killable", "", lockOp{class: "rwsem-write", zero: true})
	add("down_read_trylock", "", lockOp{class: "rwsem-read", try: true})
	add("down_write_trylock", "", lockOp{class: "rwsem-write", try: true})
	add("inode_lock inode_lock_nested", "inode_unlock", lockOp{class: "inode"})
	add("mmap_read_lock", "mmap_read_unlock", lockOp{class: "mmap-read", nests: true})
	add("mmap_write_lock", "mmap_write_unlock", lockOp{class: "mmap-write"})
	add("mmap_write_lock_killable", "", lockOp{class: "mmap-write", zero: true})
	add("mmap_read_lock_killable", "", lockOp{class: "mmap-read", zero: true})
	add("mmap_read_trylock", "", lockOp{class: "mmap-read", try: true})
	add("device_lock", "device_unlock", lockOp{class: "device"})
	add("rtnl_lock", "rtnl_unlock", lockOp{class: "rtnl", arg: -1})
	add("rtnl_trylock", "", lockOp{class: "rtnl", arg: -1, try: true})
	add("cpus_read_lock", "cpus_read_unlock", lockOp{class: "cpus", arg: -1, nests: true})
	add("lock_sock lock_sock_nested", "release_sock", lockOp{class: "sock"})
	add("rcu_read_lock", "rcu_read_unlock", lockOp{class: "rcu", arg: -1, atomic: true, nests: true})
	add("rcu_read_lock_bh", "rcu_read_unlock_bh", lockOp{class: "rcu-bh", arg: -1, atomic: true, nests: true})
	add("preempt_disable", "preempt_enable preempt_enable_no_resched", lockOp{class: "preempt", arg: -1, atomic: true, nests: true})
	add("local_bh_disable", "local_bh_enable", lockOp{class: "bh", arg: -1, atomic: true, nests: true})
	add("local_irq_disable local_irq_save", "local_irq_enable local_irq_restore", lockOp{class: "irq", arg: -1, atomic: true, nests: true})
	add("get_cpu", "put_cpu put_cpu_no_resched", lockOp{class: "cpu", arg: -1, atomic: true, nests: true})
	return m
}

// locked is one lock that a path holds, or has given back.
type locked struct {
	key  string
	line int
	held bool
	own  bool // it was taken by the function, not by its caller
	// dim is that a function that is not seen got the object: it may have done anything with
	// the lock.
	dim bool
}

// lockMachine follows which locks are held. Its property is the list of them.
type lockMachine struct {
	c        *context
	table    map[string]lockOp
	ops      map[string]lockOp // of keys
	released map[string]bool   // keys that the function gives back somewhere
	taken    map[string]bool
	ends     map[string][]ending
	noSleep  bool // calls that may sleep are right: faults are disabled
	loops    bool // the function has loops: what was done before may be another round's
}

// ending is how a function ended on a path that had taken a lock.
type ending struct {
	line, taken int
	held        bool
	kind        outcome
}

func locks(c *context) bool {
	m := &lockMachine{c: c, table: c.locks, ops: map[string]lockOp{}, released: map[string]bool{}, taken: map[string]bool{}, ends: map[string][]ending{}}
	any := false
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				if key, op, ok := m.op(x); ok {
					any = true
					m.ops[key] = op
					if op.release {
						m.released[key] = true
					} else {
						m.taken[key] = true
					}
				}
				return true
			})
		})
		return true
	})
	if !any {
		return true
	}
	m.noSleep = c.names["pagefault_disable"]
	m.loops = c.nodes().Loops()
	if !run(c.nodes(), "", m) {
		return false
	}
	m.judge()
	return true
}

// op reads a call that has to do with a lock.
func (m *lockMachine) op(e *csource.Expr) (key string, op lockOp, ok bool) {
	op, ok = m.table[e.Callee()]
	if !ok {
		return "", op, false
	}
	key = op.class
	if op.arg >= 0 {
		x := e.Arg(op.arg)
		if x == nil {
			return "", op, false
		}
		key += " " + x.Bare().String()
	}
	return key, op, true
}

func parseLocks(prop string) []locked {
	if prop == "" {
		return nil
	}
	var out []locked
	for part := range strings.SplitSeq(prop, "\n") {
		f := strings.Split(part, "\t")
		n, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		out = append(out, locked{f[0], n, f[2] == "held", f[2] != "caller's", len(f) > 3})
	}
	return out
}

func printLocks(list []locked) string {
	sort.Slice(list, func(i, j int) bool { return list[i].key < list[j].key })
	var b strings.Builder
	for i, l := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		state := "caller's"
		switch {
		case l.held:
			state = "held"
		case l.own:
			state = "free"
		}
		fmt.Fprintf(&b, "%s\t%d\t%s", l.key, l.line, state)
		if l.dim {
			b.WriteString("\tdim")
		}
	}
	return b.String()
}

func (m *lockMachine) step(n *csource.Node, s state) []state {
	list := parseLocks(s.prop)
	states := []state{s}
	visit := func(e *csource.Expr) {
		calls(e, func(x *csource.Expr) {
			if key, op, ok := m.op(x); ok {
				if op.try || op.zero {
					states = m.maybe(n, x, key, op, list, states[0])
					return
				}
				list = m.apply(x, key, op, list)
				states = []state{{printLocks(list), s.know}}
				if op.release {
					return
				}
			}
			m.sleeps(x, list)
			m.dereferences(x, list)
			list = m.passed(x, list)
		})
		list = forgetLocks(list, e)
	}
	switch {
	case n.Kind == csource.Init && n.Decl.Init != nil:
		visit(n.Decl.Init)
	case n.Expr != nil:
		visit(n.Expr)
	}
	if n.Kind == csource.Init {
		list = forgetNames(list, []string{n.Decl.Name})
	}
	if len(states) == 1 {
		states[0] = state{printLocks(list), s.know}
	}
	return states
}

// apply follows a lock that is taken or given back.
func (m *lockMachine) apply(x *csource.Expr, key string, op lockOp, list []locked) []locked {
	list = slices.Clone(list)
	at := slices.IndexFunc(list, func(l locked) bool { return l.key == key })
	name := lockName(key)
	switch {
	case op.release && at >= 0 && !list[at].held && list[at].own && !op.nests && !list[at].dim && op.class != "rtnl" && !m.loops:
		m.c.found("double-unlock", x.Line, key, []Step{{list[at].line, "given back"}}, "%s is given back a second time: this path did it at line %d", name, list[at].line)
	case op.release && at >= 0:
		list[at] = locked{key, x.Line, false, list[at].own, false}
	case op.release:
		list = append(list, locked{key, x.Line, false, false, false})
	case at >= 0 && list[at].held && !op.nests && !list[at].dim && !m.loops && !strings.Contains(x.Callee(), "nested"):
		m.c.found("double-lock", x.Line, key, []Step{{list[at].line, "taken"}}, "%s is taken while it is held: this path took it at line %d", name, list[at].line)
	case at >= 0:
		if !list[at].held {
			list[at] = locked{key, x.Line, true, true, false}
		}
	default:
		list = append(list, locked{key, x.Line, true, true, false})
	}
	return list
}

// dereferences looks for a pointer that is fetched under RCU after the path has given the
// read lock back. One that never had it may have a caller that does; with any other lock
// held it may be a writer's.
func (m *lockMachine) dereferences(x *csource.Expr, list []locked) {
	if x.Callee() != "rcu_dereference" || m.loops || slices.ContainsFunc(list, func(l locked) bool { return l.held }) {
		return
	}
	if at := slices.IndexFunc(list, func(l locked) bool { return l.key == "rcu" && l.own && !l.dim }); at >= 0 {
		m.c.found("rcu-unlocked", x.Line, x.String(), []Step{{list[at].line, "rcu_read_unlock()"}}, "rcu_dereference() after rcu_read_unlock() at line %d: nothing keeps what it gives", list[at].line)
	}
}

// passed forgets locks that a called function takes or gives back for its caller.
func (m *lockMachine) passed(x *csource.Expr, list []locked) []locked {
	name := x.Callee()
	if x.X[0].Kind == csource.Member {
		name = x.X[0].Name
	}
	if _, ok := m.table[name]; ok || name == "" || len(list) == 0 {
		return list
	}
	if touched := m.c.touches[name]; len(touched) > 0 {
		return slices.DeleteFunc(slices.Clone(list), func(l locked) bool { return touched[m.ops[l.key].class] })
	}
	if m.c.defined[name] {
		return list
	}
	list = slices.DeleteFunc(slices.Clone(list), func(l locked) bool {
		_, arg, _ := strings.Cut(l.key, " ")
		return arg != "" && slices.ContainsFunc(x.Args(), func(a *csource.Expr) bool { return a.Bare().String() == arg })
	})
	if locksByName(name) || slices.ContainsFunc(x.Args(), func(a *csource.Expr) bool {
		return a.Kind == csource.Unary && a.Op == "&" && locksByName(a.X[0].String()) && a.X[0].Kind == csource.Name && strings.HasSuffix(a.X[0].Op, "locked")
	}) {
		return nil
	}
	out := slices.Clone(list)
	for i := range out {
		if out[i].held && !reads[name] {
			out[i].dim = true
		}
		_, arg, _ := strings.Cut(out[i].key, " ")
		head := firstWord(strings.TrimLeft(arg, "&*("))
		for _, a := range x.Args() {
			if !reads[name] && head != "" && a.Kind != csource.Literal && mentions(a.String(), head) {
				out[i].dim = true
			}
		}
	}
	return out
}

// locksByName tells whether a function's name says that it has to do with locks.
func locksByName(name string) bool {
	name = strings.ToLower(name)
	for _, w := range []string{"unblock", "block", "clock", "lockdep", "assert"} {
		name = strings.ReplaceAll(name, w, "")
	}
	return strings.Contains(name, "lock") || strings.Contains(name, "downgrade")
}

// maybe follows a lock that may not be had.
func (m *lockMachine) maybe(n *csource.Node, x *csource.Expr, key string, op lockOp, list []locked, s state) []state {
	if n.Kind == csource.Branch {
		return []state{s} // the branch decides
	}
	got := state{printLocks(m.apply(x, key, op, list)), s.know}
	name := ""
	if n.Kind == csource.Init && n.Decl.Init.Bare() == x {
		name = n.Decl.Name
	} else if n.Kind == csource.Eval && n.Expr.Kind == csource.Assign && n.Expr.X[1].Bare() == x {
		name = n.Expr.X[0].String()
	}
	if name == "" {
		return []state{s} // nobody looks: not followed
	}
	// What the name is then is learnt by a fact of its own: it would be forgotten with the
	// assignment.
	yes, no := zero, neg|pos
	if op.try {
		yes, no = pos, zero
	}
	got.know = got.know.set(pending+name, yes)
	s.know = s.know.set(pending+name, no)
	return []state{got, s}
}

// pending marks what is known of a name as soon as the node's assignment is done.
const pending = "=> "

func (m *lockMachine) branch(n *csource.Node, e csource.Edge, s state) state {
	if n.Kind != csource.Branch {
		return s
	}
	if list := parseLocks(s.prop); len(list) > 0 {
		// "if (lock) spin_unlock(lock);": a lock that is not there is not held.
		kept := slices.DeleteFunc(list, func(l locked) bool {
			_, arg, _ := strings.Cut(l.key, " ")
			return arg != "" && s.know.get(arg) == zero
		})
		s.prop = printLocks(kept)
	}
	x := strip(n.Expr)
	truth := e.When == csource.True
	if x.Kind == csource.Binary && (x.Op == "==" || x.Op == "!=" || x.Op == "<") {
		if value(x.X[1], nil) != zero {
			return s
		}
		if x.Op == "==" {
			truth = !truth
		}
		x = strip(x.X[0])
	}
	b := x
	if n.Expr.Bare().Kind == csource.Assign {
		b = n.Expr.Bare().X[1].Bare()
	}
	if key, op, ok := m.op(b); ok && (op.try || op.zero) && truth == op.try {
		s.prop = printLocks(m.apply(b, key, op, parseLocks(s.prop)))
	}
	return s
}

// forgetLocks drops locks of objects that another is put in place of.
func forgetLocks(list []locked, e *csource.Expr) []locked {
	return forgetNames(list, assigned(e))
}

func forgetNames(list []locked, names []string) []locked {
	if len(names) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(l locked) bool {
		return slices.ContainsFunc(names, func(n string) bool { return mentions(l.key, n) })
	})
}

// sleeps looks at a call under what is held.
func (m *lockMachine) sleeps(x *csource.Expr, list []locked) {
	if m.noSleep {
		return
	}
	i := slices.IndexFunc(list, func(l locked) bool { return l.held && m.ops[l.key].atomic })
	if i < 0 {
		return
	}
	name := x.Callee()
	var why string
	switch arg, alloc := allocating[name]; {
	case m.c.defined[name] && m.c.sleeps[name] == "":
		return
	case m.c.sleeps[name] != "":
		why = fmt.Sprintf("%s() calls %s, which may sleep", name, m.c.sleeps[name])
	case sleeping[name]:
		why = name + "() may sleep"
	case alloc && sleepingFlags(x.Arg(arg)):
		why = fmt.Sprintf("%s() with %s may sleep", name, x.Arg(arg))
	default:
		return
	}
	m.c.found("sleep-in-atomic", x.Line, name+" "+list[i].key, []Step{{list[i].line, "taken"}}, "%s under %s, taken at line %d", why, lockName(list[i].key), list[i].line)
}

func sleepingFlags(e *csource.Expr) bool {
	if e == nil {
		return false
	}
	text := e.String()
	if strings.Contains(text, "?") || strings.Contains(text, "GFP_ATOMIC") || strings.Contains(text, "~") {
		return false
	}
	return mentions(text, "GFP_KERNEL") || mentions(text, "GFP_NOFS") || mentions(text, "GFP_NOIO") || mentions(text, "GFP_KERNEL_ACCOUNT") || mentions(text, "GFP_USER")
}

func (m *lockMachine) exit(n *csource.Node, s state) {
	kind := m.c.ends(n, s.know)
	for _, l := range parseLocks(s.prop) {
		if l.own {
			m.ends[l.key] = append(m.ends[l.key], ending{n.Line, l.line, l.held, kind})
		}
	}
}

// judge says of which locks a path forgets to give them back.
func (m *lockMachine) judge() {
	name := strings.ToLower(m.c.fn.Name)
	if strings.Contains(name, "lock") || strings.HasSuffix(name, "_start") || strings.HasSuffix(name, "_begin") || slices.ContainsFunc(m.c.fn.Attrs, func(a string) bool {
		return strings.HasPrefix(a, "__acquires") || strings.HasPrefix(a, "__releases") || strings.HasPrefix(a, "__must_hold") || strings.HasPrefix(a, "__cond_acquires")
	}) {
		return
	}
	keys := make([]string, 0, len(m.ends))
	for key := range m.ends {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if !m.released[key] || !m.taken[key] || m.ops[key].class == "irq" {
			continue
		}
		// A function that keeps the lock where it succeeds may be made to; one that
		// keeps it where it fails is not, if other paths give it back.
		var at []ending
		free := 0
		both := map[int]bool{} // lines where it fails without the lock, too: it depends on more than is known
		for _, e := range m.ends[key] {
			if !e.held {
				free++
				both[e.line] = both[e.line] || e.kind == failure
			}
		}
		for _, e := range m.ends[key] {
			if e.held && e.kind == failure && !both[e.line] {
				at = append(at, e)
			}
		}
		if free == 0 {
			continue
		}
		for _, e := range at {
			m.c.found("missing-unlock", e.line, key, []Step{{e.taken, "taken"}}, "returns with %s held, which it took at line %d and gives back on other paths", lockName(key), e.taken)
		}
	}
}

// lockName is what a lock is called in a sentence.
func lockName(key string) string {
	class, arg, _ := strings.Cut(key, " ")
	switch class {
	case "spin":
		return "the spinlock " + arg
	case "read", "write":
		return "the rwlock " + arg
	case "mutex":
		return "the mutex " + arg
	case "rwsem-read", "rwsem-write":
		return "the semaphore " + arg
	case "rcu", "rcu-bh":
		return "the RCU read lock"
	case "rtnl":
		return "the RTNL"
	case "preempt":
		return "disabled preemption"
	case "irq":
		return "disabled interrupts"
	case "bh":
		return "disabled bottom halves"
	case "cpu":
		return "get_cpu()"
	case "cpus":
		return "the CPU hotplug lock"
	}
	if arg == "" {
		return "the " + class + " lock"
	}
	return "the " + class + " lock of " + arg
}
