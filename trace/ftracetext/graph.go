package ftracetext

import (
	"bytes"
	"strconv"
)

// call is a line of function_graph, as trace-cmd report prints it: what is in
// front of the bar, how deep it is, and the function.
type call struct {
	duration uint64 // in nanoseconds
	depth    int
	name     []byte
	entry    bool
	exit     bool
}

// maxDepth bounds how deep calls are followed.
const maxDepth = 1024

// parseCall reads "  1.250 us   |    vfs_read();": of a leaf, entry and exit in
// one; "|    vfs_read() {"; "+ 12.250 us  |    }".
func parseCall(text []byte) (c call, ok bool) {
	took, rest, ok := bytes.Cut(text, []byte("|"))
	if !ok {
		return c, false
	}
	if number, _, ok := bytes.Cut(took, []byte(" us")); ok {
		number = number[bytes.LastIndexByte(number, ' ')+1:]
		whole, part, _ := bytes.Cut(number, []byte("."))
		us, err := strconv.ParseUint(string(whole), 10, 50)
		if err != nil {
			return c, false
		}
		c.duration = us * 1000
		if ns, err := strconv.ParseUint(string(part), 10, 10); err == nil && len(part) == 3 {
			c.duration += ns
		}
	}
	// Two spaces follow the bar, and two more for each call that it is in.
	code := bytes.TrimLeft(rest, " ")
	c.depth = min(max(0, len(rest)-len(code)-2)/2, maxDepth-1)
	if bytes.HasPrefix(code, []byte("}")) {
		c.exit = true
		return c, true
	}
	open := bytes.IndexByte(code, '(')
	if open <= 0 {
		return c, false
	}
	c.name, c.entry = code[:open], true
	c.exit = bytes.HasPrefix(code[open:], []byte("();"))
	return c, true
}

// graph takes a line of function_graph. A leaf becomes two events. It says
// whether it was understood.
func (c *converter) graph(l *line) bool {
	x, ok := parseCall(l.text)
	if !ok {
		return false
	}
	stack := c.stacks[l.pid]
	if stack == nil && len(c.stacks) >= maxTasks {
		return false
	}
	if x.entry {
		for len(stack) <= x.depth {
			stack = append(stack, "")
		}
		stack[x.depth] = string(x.name)
		stack = stack[:x.depth+1]
		c.emit("funcgraph_entry", l, []byte(stack[x.depth]), x.depth, 0, 0)
	}
	if x.exit {
		name := ""
		if x.depth < len(stack) {
			name, stack = stack[x.depth], stack[:x.depth]
		}
		// The line of a leaf has the time of its entry.
		from, to := l.time, l.time+x.duration
		if !x.entry {
			from, to = l.time-min(l.time, x.duration), l.time
		}
		c.emit("funcgraph_exit", l, []byte(name), x.depth, from, to)
	}
	c.stacks[l.pid] = stack
	return true
}

// emit adds an event of function_graph.
func (c *converter) emit(name string, l *line, function []byte, depth int, from, to uint64) {
	k := c.kind(name)
	if k == nil {
		return
	}
	k.values[0] = function
	k.values[1] = strconv.AppendInt(nil, int64(depth), 10)
	if len(k.values) == 4 {
		k.values[2] = strconv.AppendUint(nil, from, 10)
		k.values[3] = strconv.AppendUint(nil, to, 10)
	}
	c.put(k, l)
}
