package report

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"ringside/trace/event"
	"ringside/trace/printfmt"
)

// plugin returns what prints the events that are not printed by their format;
// nil for all others.
func (r *Report) plugin(l *line) func(b []byte, e *Event) []byte {
	f := l.format
	switch f.System + ":" + f.Name {
	case "sched:sched_switch":
		return r.schedSwitch(l)
	case "sched:sched_wakeup", "sched:sched_wakeup_new":
		return r.schedWakeup(l)
	case "kmem:kfree", "kmem:kmalloc", "kmem:kmalloc_node", "kmem:kmem_cache_alloc", "kmem:kmem_cache_alloc_node", "kmem:kmem_cache_free":
		return r.callSite(l)
	case "timer:hrtimer_expire_entry", "timer:hrtimer_start":
		return r.hrtimer(f)
	case "syscalls:sys_enter_futex":
		return futex(l)
	case "tlb:tlb_flush":
		return tlbFlush(f)
	case "ftrace:function":
		return r.functionCall(f)
	case "ftrace:func_repeats":
		return r.functionRepeats(f)
	case "ftrace:kernel_stack":
		return r.kernelStack(f)
	case "ftrace:raw_data":
		return rawData(f)
	case "ftrace:bprint":
		p := printfmt.NewBPrint(f, r.catalog)
		return func(b []byte, e *Event) []byte { return p.Append(b, e.Data) }
	case "ftrace:funcgraph_entry", "ftrace:fgraph_retaddr_entry":
		if r.exit != nil {
			return r.graphEntry(f)
		}
	case "ftrace:funcgraph_exit":
		if r.exit != nil {
			return func(b []byte, e *Event) []byte { return r.exit.appendExit(b, e.Data) }
		}
	}
	return nil
}

// appendTaskOf appends "comm:pid" and learns the name.
func (r *Report) appendTaskOf(b, data []byte, comm event.Text, pid event.Number) []byte {
	if comm.Valid() {
		name := comm.Bytes(data)
		r.learn(int(pid.Int(data)), name)
		b = append(appendText(b, name), ':')
	}
	return strconv.AppendInt(b, pid.Int(data), 10)
}

func appendText(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}

func (r *Report) schedWakeup(l *line) func(b []byte, e *Event) []byte {
	f := l.format
	pid, comm, prio, success, cpu := f.Uint("pid"), f.Text("comm"), f.Uint("prio"), f.Uint("success"), f.Uint("target_cpu")
	if !pid.Valid() {
		return nil
	}
	return func(b []byte, e *Event) []byte {
		b = r.appendTaskOf(b, e.Data, comm, pid)
		if prio.Valid() {
			b = append(strconv.AppendInt(append(b, " ["...), prio.Int(e.Data), 10), ']')
		}
		if success.Valid() {
			b = strconv.AppendInt(append(b, " success="...), success.Int(e.Data), 10)
		}
		if cpu.Valid() {
			b = appendPadded(append(b, " CPU:"...), cpu.Uint(e.Data), 3, '0')
		}
		return b
	}
}

func (r *Report) schedSwitch(l *line) func(b []byte, e *Event) []byte {
	f := l.format
	prev, next := f.Uint("prev_pid"), f.Uint("next_pid")
	prevComm, nextComm := f.Text("prev_comm"), f.Text("next_comm")
	prevPrio, nextPrio := f.Uint("prev_prio"), f.Uint("next_prio")
	state := f.Uint("prev_state")
	if !prev.Valid() || !next.Valid() {
		return nil
	}
	letters := states(l.print)
	return func(b []byte, e *Event) []byte {
		b = r.appendTaskOf(b, e.Data, prevComm, prev)
		b = append(b, ' ')
		if prevPrio.Valid() {
			b = append(strconv.AppendInt(append(b, '['), prevPrio.Int(e.Data), 10), "] "...)
		}
		if state.Valid() {
			b = appendState(b, state.Uint(e.Data), letters)
		}
		b = append(b, " ==> "...)
		b = r.appendTaskOf(b, e.Data, nextComm, next)
		if nextPrio.Valid() {
			b = append(strconv.AppendInt(append(b, " ["...), nextPrio.Int(e.Data), 10), ']')
		}
		return b
	}
}

// states returns the letter of each bit of a task's state, as the format of
// sched_switch names them.
func states(p *printfmt.Printer) string {
	letters := make([]byte, 11)
	n := 0
	for value, name := range p.Flags() {
		if bit := bits.TrailingZeros64(value); bit < len(letters) && name != "" {
			letters[bit] = name[0]
			n = max(n, bit+1)
		}
	}
	// A bit without a name ends them.
	if end := slices.Index(letters[:n], 0); end >= 0 {
		n = end
	}
	if n == 0 {
		return "SDTtXZPI"
	}
	return string(letters[:n])
}

func appendState(b []byte, state uint64, letters string) []byte {
	start := len(b)
	for i := range len(letters) {
		if state>>i&1 == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, '|')
		}
		b = append(b, letters[i])
	}
	if len(b) == start {
		b = append(b, 'R')
	}
	return b
}

// callSite prints where an allocation was made in front of the event's own words.
func (r *Report) callSite(l *line) func(b []byte, e *Event) []byte {
	site := l.format.Uint("call_site")
	return func(b []byte, e *Event) []byte {
		addr := site.Uint(e.Data)
		if name := r.function(addr); site.Valid() && name != "" {
			b = printfmt.AppendSymbol(append(b, '('), r.catalog, addr, true)
			b = append(b, ") "...)
		}
		return l.print.Append(b, e.Data)
	}
}

func (r *Report) hrtimer(f *event.Format) func(b []byte, e *Event) []byte {
	timer, function := f.Uint("hrtimer"), f.Uint("function")
	if t := f.Uint("timer"); t.Valid() {
		timer = t
	}
	type value struct {
		name string
		num  event.Number
	}
	var before, after []value
	if f.Name == "hrtimer_start" {
		after = []value{{" expires=", f.Uint("expires")}, {" softexpires=", f.Uint("softexpires")}}
	} else {
		before = []value{{" now=", f.Uint("now")}}
	}
	values := func(b, data []byte, list []value) []byte {
		for _, v := range list {
			b = strconv.AppendUint(append(b, v.name...), v.num.Uint(data), 10)
		}
		return b
	}
	return func(b []byte, e *Event) []byte {
		b = appendHex(append(b, "hrtimer="...), timer.Uint(e.Data))
		b = values(b, e.Data, before)
		b = append(b, " function="...)
		addr := function.Uint(e.Data)
		if name, offset, ok := r.catalog.Function(addr); ok {
			b = appendHex(append(append(b, name...), '/'), -offset) // trace-cmd's words
		} else {
			b = appendPaddedHex(append(b, "0x"...), addr, 8)
		}
		return values(b, e.Data, after)
	}
}

func appendHex(b []byte, v uint64) []byte { return strconv.AppendUint(append(b, "0x"...), v, 16) }

// futexOps are the commands of futex(2), and how the arguments of each are
// printed: those that it takes, in hexadecimal (x) or decimal (d).
var futexOps = []struct{ name, val, utime, uaddr2, val3 string }{
	{"FUTEX_WAIT", "x", "x", "", ""},
	{"FUTEX_WAKE", "d", "", "", ""},
	{"FUTEX_FD", "d", "", "", ""},
	{"FUTEX_REQUEUE", "d", "d", "x", ""},
	{"FUTEX_CMP_REQUEUE", "d", "d", "x", "x"},
	{"FUTEX_WAKE_OP", "d", "d", "x", "x"},
	{"FUTEX_LOCK_PI", "", "x", "", ""},
	{"FUTEX_UNLOCK_PI", "", "", "", ""},
	{"FUTEX_TRYLOCK_PI", "", "", "", ""},
	{"FUTEX_WAIT_BITSET", "x", "x", "", "x"},
	{"FUTEX_WAKE_BITSET", "d", "", "", "x"},
	{"FUTEX_WAIT_REQUEUE_PI", "x", "x", "x", "x"},
	{"FUTEX_CMP_REQUEUE_PI", "d", "d", "x", "x"},
}

func futex(l *line) func(b []byte, e *Event) []byte {
	f := l.format
	var args [6]event.Number
	for i, name := range []string{"uaddr", "op", "val", "utime", "uaddr2", "val3"} {
		if args[i] = f.Uint(name); !args[i].Valid() {
			return nil
		}
	}
	arg := func(b []byte, how, hexName, decName string, v uint64) []byte {
		switch how {
		case "x":
			return appendPaddedHex(append(append(append(b, ' '), hexName...), "=0x"...), v, 8)
		case "d":
			return strconv.AppendUint(append(append(append(b, ' '), decName...), '='), v, 10)
		}
		return b
	}
	return func(b []byte, e *Event) []byte {
		const private, realtime = 128, 256
		op := args[1].Uint(e.Data)
		cmd := op &^ (private | realtime)
		if cmd >= uint64(len(futexOps)) {
			return l.print.Append(b, e.Data)
		}
		x := futexOps[cmd]
		b = append(append(b, "op="...), x.name...)
		if op&private != 0 {
			b = append(b, "|FUTEX_PRIVATE_FLAG"...)
		}
		if op&realtime != 0 {
			b = append(b, "|FUTEX_CLOCK_REALTIME"...)
		}
		b = arg(b, "x", "uaddr", "", args[0].Uint(e.Data))
		b = arg(b, x.val, "val", "val", args[2].Uint(e.Data))
		b = arg(b, x.utime, "utime", "val2", args[3].Uint(e.Data))
		b = arg(b, x.uaddr2, "uaddr2", "uaddr2", args[4].Uint(e.Data))
		return arg(b, x.val3, "val3", "val3", args[5].Uint(e.Data))
	}
}

func appendPaddedHex(b []byte, v uint64, width int) []byte {
	s := strconv.FormatUint(v, 16)
	return append(append(b, strings.Repeat("0", max(0, width-len(s)))...), s...)
}

// flushReasons are the kernel's enum tlb_flush_reason.
var flushReasons = []string{"flush on task switch", "remote shootdown", "local shootdown", "local mm shootdown"}

func tlbFlush(f *event.Format) func(b []byte, e *Event) []byte {
	pages, reason := f.Uint("pages"), f.Uint("reason")
	return func(b []byte, e *Event) []byte {
		b = strconv.AppendInt(append(b, "pages="...), pages.Int(e.Data), 10)
		b = append(b, " reason="...)
		k := reason.Uint(e.Data)
		if k < uint64(len(flushReasons)) {
			b = append(b, flushReasons[k]...)
		}
		return append(strconv.AppendUint(append(b, " ("...), k, 10), ')')
	}
}
