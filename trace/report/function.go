package report

import (
	"slices"
	"strconv"

	"ringside/trace/event"
)

// maxStack bounds how deep functions are indented.
const maxStack = 1024

// functionCall prints an event of the function tracer, indented below the
// function that called it.
func (r *Report) functionCall(f *event.Format) func(b []byte, e *Event) []byte {
	ip, parent := f.Uint("ip"), f.Uint("parent_ip")
	return func(b []byte, e *Event) []byte {
		addr := ip.Uint(e.Data)
		name := r.function(addr)
		depth := 0
		if p := r.function(parent.Uint(e.Data)); p != "" {
			depth = r.depth(e.CPU, p, name)
		}
		for range depth {
			b = append(b, "   "...)
		}
		if name == "" {
			return appendHex(b, addr)
		}
		return append(b, name...)
	}
}

// depth puts a function below its caller among those that are known to run on a
// CPU, and says how deep that is.
func (r *Report) depth(cpu int, parent, name string) int {
	stack := r.stacks[cpu]
	at := slices.Index(stack, parent)
	if at < 0 {
		// What was below the first two is still there.
		if at = 0; len(stack) == 0 {
			stack = append(stack, parent)
		}
		stack[0] = parent
	}
	if name != "" && at < maxStack {
		if at+1 < len(stack) {
			stack[at+1] = name
		} else {
			stack = append(stack, name)
		}
	}
	r.stacks[cpu] = stack
	return at
}

func (r *Report) functionRepeats(f *event.Format) func(b []byte, e *Event) []byte {
	call := r.functionCall(f)
	count, top, bottom := f.Uint("count"), f.Uint("top_delta_ts"), f.Uint("bottom_delta_ts")
	return func(b []byte, e *Event) []byte {
		b = call(b, e)
		b = strconv.AppendUint(append(b, " (count: "...), count.Uint(e.Data), 10)
		b = append(b, "  last_ts: "...)
		b = r.appendTime(b, e.Time-(top.Uint(e.Data)<<32|bottom.Uint(e.Data)))
		return append(b, ')')
	}
}

// kernelStack prints a stack, one function a line.
func (r *Report) kernelStack(f *event.Format) func(b []byte, e *Event) []byte {
	caller := f.Field("caller")
	if caller == nil {
		return nil
	}
	size, layout := f.Layout.LongSize, f.Layout
	return func(b []byte, e *Event) []byte {
		b = append(b, "<stack trace >\n"...)
		for at := caller.Offset; at+size <= len(e.Data); at += size {
			addr := layout.Int(e.Data[at:at+size], false)
			if int32(addr) == -1 && (size == 4 || addr == ^uint64(0)) {
				break
			}
			b = append(b, "=> "...)
			if name := r.function(addr); name != "" {
				b = strconv.AppendUint(append(append(b, name...), " ("...), addr, 16)
				b = append(b, ")\n"...)
			} else {
				b = append(strconv.AppendUint(b, addr, 16), '\n')
			}
		}
		return b
	}
}

// rawData prints what a program wrote to trace_marker_raw.
func rawData(f *event.Format) func(b []byte, e *Event) []byte {
	id, buf := f.Uint("id"), f.Field("buf")
	if buf == nil {
		return nil
	}
	return func(b []byte, e *Event) []byte {
		b = strconv.AppendUint(append(b, "# "...), id.Uint(e.Data), 16)
		for _, c := range e.Data[min(buf.Offset, len(e.Data)):] {
			const digits = "0123456789abcdef"
			b = append(b, ' ', digits[c>>4], digits[c&15])
		}
		return b
	}
}
