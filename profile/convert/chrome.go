package convert

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"ringside/profile"
)

// chromeFile is a document of the Trace Event Format, as far as profiles go.
type chromeFile struct {
	Events  []chromeEvent          `json:"traceEvents"`
	Frames  map[string]chromeFrame `json:"stackFrames,omitempty"`
	Samples []chromeSample         `json:"samples,omitempty"`
	Unit    string                 `json:"displayTimeUnit,omitempty"`
}

type chromeEvent struct {
	Name string          `json:"name"`
	Cat  string          `json:"cat,omitempty"`
	Ph   string          `json:"ph"`
	TS   float64         `json:"ts"` // µs
	Dur  float64         `json:"dur,omitempty"`
	PID  json.RawMessage `json:"pid,omitempty"`
	TID  json.RawMessage `json:"tid,omitempty"`
	Args json.RawMessage `json:"args,omitempty"`
}

type chromeFrame struct {
	Name     string          `json:"name"`
	Category string          `json:"category,omitempty"` // the object
	Parent   json.RawMessage `json:"parent,omitempty"`
}

type chromeSample struct {
	CPU    int32           `json:"cpu"`
	TID    json.RawMessage `json:"tid,omitempty"`
	TS     float64         `json:"ts"`
	Name   string          `json:"name"`
	Frame  json.RawMessage `json:"sf,omitempty"`
	Weight float64         `json:"weight"`
	Count  int64           `json:"count,omitempty"` // samples in one, ours only
}

// plain is a JSON string's or number's text.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(raw))
}

func number(raw json.RawMessage) int32 {
	n, err := strconv.ParseInt(plain(raw), 10, 32)
	if err != nil {
		return -1
	}
	return int32(n)
}

// ReadChrome reads a document of the Trace Event Format: its samples, else what
// its duration events spend in themselves.
func ReadChrome(r io.Reader) (*profile.Profile, error) {
	data, err := whole(r)
	if err != nil {
		return nil, err
	}
	var in chromeFile
	if text := bytes.TrimLeft(data, " \t\r\n\ufeff"); len(text) > 0 && text[0] == '[' {
		// An array of events may end without its bracket: the format allows it.
		err = json.Unmarshal(text, &in.Events)
		if err != nil {
			closed := append(bytes.TrimRight(slices.Clone(text), " \t\r\n,"), ']')
			in.Events = nil
			if json.Unmarshal(closed, &in.Events) == nil {
				err = nil
			}
		}
	} else {
		err = json.Unmarshal(data, &in)
	}
	if err != nil {
		return nil, fmt.Errorf("chrome trace: %w", jsonError(err))
	}
	b := profile.NewBuilder(profile.Limits{})
	b.Source(profile.Source{Format: string(Chrome)})
	a := &adder{b: b}
	threads := chromeThreads(in.Events)
	if len(in.Samples) > 0 {
		err = a.chromeSamples(&in, threads)
	} else {
		err = a.chromeEvents(in.Events, threads)
	}
	if err != nil {
		return b.Profile(), fmt.Errorf("chrome trace: %w", err)
	}
	return b.Profile(), nil
}

// thread is where an event happened.
type thread struct{ pid, tid string }

// chromeThreads are the threads' names.
func chromeThreads(events []chromeEvent) map[thread]string {
	names := map[thread]string{}
	for i := range events {
		e := &events[i]
		if e.Ph != "M" || e.Name != "thread_name" {
			continue
		}
		var args struct{ Name string }
		if json.Unmarshal(e.Args, &args) == nil {
			names[thread{plain(e.PID), plain(e.TID)}] = args.Name
			names[thread{"", plain(e.TID)}] = args.Name
		}
	}
	return names
}

func (a *adder) chromeSamples(in *chromeFile, threads map[thread]string) error {
	stacks := map[string]profile.StackID{"": 0}
	var stack func(id string, depth int) (profile.StackID, error)
	stack = func(id string, depth int) (profile.StackID, error) {
		if s, ok := stacks[id]; ok {
			return s, nil
		}
		f, ok := in.Frames[id]
		if !ok {
			return 0, fmt.Errorf("there is no stack frame %q", id)
		}
		if depth > maxDepth {
			return 0, fmt.Errorf("stack frame %q has more than %d callers", id, maxDepth)
		}
		caller, err := stack(plain(f.Parent), depth+1)
		if err != nil {
			return 0, err
		}
		x := profile.Frame{Func: f.Name, Module: f.Category, Kind: kindOf(f.Category)}
		if x.Func == "[unknown]" {
			x.Func = ""
		}
		s := a.b.Push(caller, a.b.Frame(x))
		stacks[id] = s
		return s, nil
	}
	events := map[string]int{}
	for i := range in.Samples {
		x := &in.Samples[i]
		e, ok := events[x.Name]
		if !ok {
			e = a.b.Event(profile.Event{Name: x.Name, Unit: unitOf(x.Name)})
			events[x.Name] = e
		}
		s, err := stack(plain(x.Frame), 0)
		if err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		t, err := rounded(x.TS * 1e3)
		if err != nil {
			return fmt.Errorf("sample %d: time %w", i, err)
		}
		w, err := rounded(x.Weight)
		if err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		l := a.b.Label(profile.Labels{Event: e, Comm: threads[thread{"", plain(x.TID)}], PID: -1, TID: number(x.TID), CPU: x.CPU})
		if err := a.add(true, uint64(t), s, l, max(1, x.Count), w); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	return nil
}

// interval is a duration event.
type interval struct {
	name, cat  string
	start, end int64 // ns
	inside     int64 // what its children take
	stack      profile.StackID
}

// chromeEvents weighs each duration event by the time that none within it takes.
func (a *adder) chromeEvents(events []chromeEvent, names map[thread]string) error {
	tracks := map[thread][]interval{}
	open := map[thread][]interval{}
	var order []thread
	var last int64
	byTime := make([]int, len(events))
	for i := range byTime {
		byTime[i] = i
	}
	slices.SortStableFunc(byTime, func(i, j int) int { return cmp.Compare(events[i].TS, events[j].TS) })
	for _, i := range byTime {
		e := &events[i]
		if e.Ph != "X" && e.Ph != "B" && e.Ph != "E" {
			continue
		}
		at, err := rounded(e.TS * 1e3)
		if err != nil {
			return fmt.Errorf("event %d: time %w", i, err)
		}
		last = max(last, at)
		k := thread{plain(e.PID), plain(e.TID)}
		if tracks[k] == nil && open[k] == nil {
			order = append(order, k)
		}
		switch e.Ph {
		case "X":
			d, err := rounded(e.Dur * 1e3)
			if err != nil {
				return fmt.Errorf("event %d: duration %w", i, err)
			}
			tracks[k] = append(tracks[k], interval{name: e.Name, cat: e.Cat, start: at, end: at + d})
			last = max(last, at+d)
		case "B":
			if len(open[k]) >= maxDepth {
				return fmt.Errorf("event %d is more than %d events deep", i, maxDepth)
			}
			open[k] = append(open[k], interval{name: e.Name, cat: e.Cat, start: at})
		case "E":
			if n := len(open[k]); n > 0 {
				x := open[k][n-1]
				x.end, open[k] = at, open[k][:n-1]
				tracks[k] = append(tracks[k], x)
			}
		}
	}
	if len(order) == 0 {
		return errors.New("it has neither samples nor duration events (B, E, X)")
	}
	event := a.b.Event(profile.Event{Name: "duration", Unit: "ns"})
	for _, k := range order {
		list := tracks[k]
		for _, x := range open[k] { // the recording ended before them
			x.end = last
			list = append(list, x)
		}
		comm := names[k]
		if comm == "" {
			comm = k.tid
		}
		l := a.b.Label(profile.Labels{Event: event, Comm: comm, PID: number(json.RawMessage(k.pid)), TID: number(json.RawMessage(k.tid)), CPU: -1})
		if err := a.nested(list, l); err != nil {
			return err
		}
	}
	return nil
}

// nested adds a thread's events, each with what is left to itself.
func (a *adder) nested(list []interval, l profile.LabelID) error {
	slices.SortStableFunc(list, func(x, y interval) int { return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(y.end, x.end)) })
	var stack []interval
	pop := func(until int64) error {
		for len(stack) > 0 && stack[len(stack)-1].end <= until {
			x := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if err := a.add(true, uint64(x.start), x.stack, l, 1, max(0, x.end-x.start-x.inside)); err != nil {
				return err
			}
		}
		return nil
	}
	for _, x := range list {
		if err := pop(x.start); err != nil {
			return err
		}
		if len(stack) >= maxDepth {
			return fmt.Errorf("%q is more than %d events deep", x.name, maxDepth)
		}
		var caller profile.StackID
		if n := len(stack); n > 0 {
			up := &stack[n-1]
			x.end = min(x.end, up.end) // what is within cannot outlast it
			up.inside += x.end - x.start
			caller = up.stack
		}
		x.stack = a.b.Push(caller, a.b.Frame(profile.Frame{Func: x.name, Module: x.cat}))
		stack = append(stack, x)
	}
	return pop(bits)
}

// WriteChrome writes samples with their stacks in the Trace Event Format.
func WriteChrome(w io.Writer, p *profile.Profile, event int) error {
	out := chromeFile{Events: []chromeEvent{}, Frames: map[string]chromeFrame{}, Unit: "ns"}
	used := make([]bool, len(p.Nodes))
	type named struct {
		pid, tid int32
		comm     string
	}
	seen := map[named]bool{}
	for i := range p.Cells {
		c := &p.Cells[i]
		if !selected(p, c, event) {
			continue
		}
		l := &p.Labels[c.Label]
		for s := c.Stack; s != 0 && !used[s]; s = p.Nodes[s].Parent {
			used[s] = true
		}
		tid := json.RawMessage(strconv.Itoa(int(l.TID)))
		if k := (named{l.PID, l.TID, l.Comm}); !seen[k] && l.Comm != "" {
			seen[k] = true
			args, err := json.Marshal(map[string]string{"name": l.Comm})
			if err != nil {
				return fmt.Errorf("chrome trace: %w", err)
			}
			out.Events = append(out.Events, chromeEvent{Name: "thread_name", Ph: "M", PID: json.RawMessage(strconv.Itoa(int(l.PID))), TID: tid, Args: args})
		}
		x := chromeSample{CPU: l.CPU, TID: tid, TS: float64(p.Start+uint64(c.Slice)*p.SliceWidth) / 1e3, Name: p.Events[l.Event].Name, Weight: float64(c.Weight), Count: c.Count}
		if c.Stack != 0 {
			x.Frame = quoted(c.Stack)
		}
		out.Samples = append(out.Samples, x)
	}
	for s, ok := range used {
		if !ok || s == 0 {
			continue
		}
		n := p.Nodes[s]
		f := &p.Frames[n.Frame]
		x := chromeFrame{Name: f.Name(), Category: f.Module}
		if n.Parent != 0 {
			x.Parent = quoted(n.Parent)
		}
		out.Frames[strconv.Itoa(s)] = x
	}
	return writeJSON(w, out)
}

func quoted(s profile.StackID) json.RawMessage {
	return json.RawMessage(strconv.Quote(strconv.Itoa(int(s))))
}
