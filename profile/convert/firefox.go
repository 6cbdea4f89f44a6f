package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"ringside/profile"
)

// The tables of the processed profile format, as far as they are read and
// written. A column's nulls are pointers.
type firefoxTables struct {
	Stacks struct {
		Length      int    `json:"length"`
		Prefix      []*int `json:"prefix"`
		Frame       []int  `json:"frame"`
		Category    []int  `json:"category"`
		Subcategory []int  `json:"subcategory"`
	} `json:"stackTable"`
	Frames struct {
		Length         int    `json:"length"`
		Address        []int  `json:"address"`
		InlineDepth    []int  `json:"inlineDepth"`
		Category       []*int `json:"category"`
		Subcategory    []*int `json:"subcategory"`
		Func           []int  `json:"func"`
		NativeSymbol   []*int `json:"nativeSymbol"`
		InnerWindowID  []*int `json:"innerWindowID"`
		Implementation []*int `json:"implementation"`
		Line           []*int `json:"line"`
		Column         []*int `json:"column"`
	} `json:"frameTable"`
	Funcs struct {
		Length   int    `json:"length"`
		IsJS     []bool `json:"isJS"`
		Relevant []bool `json:"relevantForJS"`
		Name     []int  `json:"name"`
		Resource []int  `json:"resource"`
		FileName []*int `json:"fileName"`
		Line     []*int `json:"lineNumber"`
		Column   []*int `json:"columnNumber"`
	} `json:"funcTable"`
	Resources struct {
		Length int    `json:"length"`
		Lib    []*int `json:"lib"`
		Name   []int  `json:"name"`
		Host   []*int `json:"host"`
		Type   []int  `json:"type"`
	} `json:"resourceTable"`
	Strings []string `json:"stringArray"`
}

type firefoxThread struct {
	firefoxTables
	Name           string          `json:"name"`
	ProcessName    string          `json:"processName"`
	ProcessType    string          `json:"processType"`
	ProcessStartup float64         `json:"processStartupTime"`
	ProcessEnd     *float64        `json:"processShutdownTime"`
	Register       float64         `json:"registerTime"`
	Unregister     *float64        `json:"unregisterTime"`
	Main           bool            `json:"isMainThread"`
	PID            json.RawMessage `json:"pid"`
	TID            json.RawMessage `json:"tid"`
	Paused         []int           `json:"pausedRanges"`
	Samples        struct {
		Length     int        `json:"length"`
		Stack      []*int     `json:"stack"`
		Time       []float64  `json:"time,omitempty"`
		TimeDeltas []float64  `json:"timeDeltas,omitempty"`
		Weight     []*float64 `json:"weight"`
		WeightType string     `json:"weightType"`
	} `json:"samples"`
	Markers struct {
		Length    int   `json:"length"`
		Category  []int `json:"category"`
		Data      []int `json:"data"`
		EndTime   []int `json:"endTime"`
		Name      []int `json:"name"`
		Phase     []int `json:"phase"`
		StartTime []int `json:"startTime"`
	} `json:"markers"`
	Symbols struct {
		Length       int   `json:"length"`
		Address      []int `json:"address"`
		FunctionSize []int `json:"functionSize"`
		LibIndex     []int `json:"libIndex"`
		Name         []int `json:"name"`
	} `json:"nativeSymbols"`
}

type firefoxFile struct {
	Meta    firefoxMeta     `json:"meta"`
	Libs    []struct{}      `json:"libs"`
	Threads []firefoxThread `json:"threads"`
	Shared  *firefoxTables  `json:"shared,omitempty"`
}

type firefoxMeta struct {
	Interval   float64           `json:"interval"`
	StartTime  float64           `json:"startTime"`
	Process    int               `json:"processType"`
	Product    string            `json:"product"`
	OS         string            `json:"oscpu,omitempty"`
	Version    int               `json:"version"`
	Processed  int               `json:"preprocessedProfileVersion"`
	Symbolized bool              `json:"symbolicated"`
	Categories []firefoxCategory `json:"categories"`
	Markers    []struct{}        `json:"markerSchema"`
	Units      map[string]string `json:"sampleUnits"`
	OneStack   bool              `json:"usesOnlyOneStackType"`
	NoImpl     bool              `json:"doesNotUseFrameImplementation"`
	NoSearch   bool              `json:"sourceCodeIsNotOnSearchfox"`
}

type firefoxCategory struct {
	Name  string   `json:"name"`
	Color string   `json:"color"`
	Sub   []string `json:"subcategories"`
}

// The categories that are written, by index.
var firefoxCategories = []firefoxCategory{
	{"Other", "grey", []string{"Other"}},
	{"User", "yellow", []string{"Other"}},
	{"Kernel", "orange", []string{"Other"}},
}

// firefoxVersion is the version of the processed format that is written; viewers
// upgrade it.
const firefoxVersion = 46

// ReadFirefox reads a processed profile. Each of its threads is a task.
func ReadFirefox(r io.Reader) (*profile.Profile, error) {
	data, err := whole(r)
	if err != nil {
		return nil, err
	}
	var in firefoxFile
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("firefox profile: %w", jsonError(err))
	}
	if len(in.Threads) == 0 {
		return nil, errors.New("firefox profile: it has no threads")
	}
	b := profile.NewBuilder(profile.Limits{})
	b.Source(profile.Source{Format: string(Firefox), Release: in.Meta.OS})
	a := &adder{b: b}
	events := map[string]int{}
	for i := range in.Threads {
		t := &in.Threads[i]
		if err := a.firefoxThread(t, in.Shared, events); err != nil {
			return b.Profile(), fmt.Errorf("firefox profile: thread %d (%s): %w", i, t.Name, err)
		}
	}
	return b.Profile(), nil
}

// firefoxThread adds a thread's samples. From version 56 on its tables are
// shared by all.
func (a *adder) firefoxThread(t *firefoxThread, shared *firefoxTables, events map[string]int) error {
	x := t.firefoxTables
	if shared != nil {
		if len(x.Strings) == 0 {
			x.Strings = shared.Strings
		}
		if len(x.Stacks.Frame) == 0 {
			names := x.Strings
			x = *shared
			x.Strings = names
		}
	}
	stacks, err := a.firefoxStacks(&x)
	if err != nil {
		return err
	}
	kind, factor := t.Samples.WeightType, 1.0
	unit := "samples"
	switch kind {
	case "tracing-ms":
		unit, factor = "ns", 1e6
	case "bytes":
		unit = "bytes"
	}
	e, ok := events[unit]
	if !ok {
		e = a.b.Event(profile.Event{Name: unit, Unit: unit})
		events[unit] = e
	}
	l := a.b.Label(profile.Labels{Event: e, Comm: t.Name, PID: number(t.PID), TID: number(t.TID), CPU: -1})
	at := 0.0
	for i, s := range t.Samples.Stack {
		timed := true
		switch {
		case i < len(t.Samples.Time):
			at = t.Samples.Time[i]
		case i < len(t.Samples.TimeDeltas):
			at += t.Samples.TimeDeltas[i]
		default:
			timed = false
		}
		ns, err := rounded(max(0, at) * 1e6)
		if err != nil {
			return fmt.Errorf("sample %d: time %w", i, err)
		}
		var stack profile.StackID
		if s != nil {
			if *s < 0 || *s >= len(stacks) {
				return fmt.Errorf("sample %d has stack %d of %d", i, *s, len(stacks))
			}
			stack = stacks[*s]
		}
		w := int64(1)
		if i < len(t.Samples.Weight) && t.Samples.Weight[i] != nil {
			if w, err = rounded(*t.Samples.Weight[i] * factor); err != nil {
				return fmt.Errorf("sample %d: %w", i, err)
			}
		}
		n := int64(1)
		if unit == "samples" {
			n = w
		}
		if err := a.add(timed, uint64(ns), stack, l, n, w); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	return nil
}

func (a *adder) firefoxStacks(x *firefoxTables) ([]profile.StackID, error) {
	text := func(i int) string {
		if i < 0 || i >= len(x.Strings) {
			return ""
		}
		return x.Strings[i]
	}
	frame := func(i int) (profile.FrameID, error) {
		if i < 0 || i >= len(x.Frames.Func) {
			return 0, fmt.Errorf("there is no frame %d", i)
		}
		fn := x.Frames.Func[i]
		if fn < 0 || fn >= len(x.Funcs.Name) {
			return 0, fmt.Errorf("frame %d has function %d of %d", i, fn, len(x.Funcs.Name))
		}
		f := profile.Frame{Func: text(x.Funcs.Name[fn])}
		if f.Func == "[unknown]" {
			f.Func = ""
		}
		if fn < len(x.Funcs.Resource) {
			if r := x.Funcs.Resource[fn]; r >= 0 && r < len(x.Resources.Name) {
				f.Module = text(x.Resources.Name[r])
			}
		}
		if fn < len(x.Funcs.FileName) && x.Funcs.FileName[fn] != nil {
			f.File = text(*x.Funcs.FileName[fn])
			if i < len(x.Frames.Line) && x.Frames.Line[i] != nil {
				f.Line = *x.Frames.Line[i]
			}
		}
		if i < len(x.Frames.InlineDepth) && x.Frames.InlineDepth[i] > 0 {
			f.Inlined = true
		}
		f.Kind = kindOf(f.Module)
		return a.b.Frame(f), nil
	}
	stacks := make([]profile.StackID, len(x.Stacks.Frame))
	depth := make([]int, len(x.Stacks.Frame))
	for i, fr := range x.Stacks.Frame {
		var caller profile.StackID
		if i < len(x.Stacks.Prefix) && x.Stacks.Prefix[i] != nil {
			p := *x.Stacks.Prefix[i]
			if p < 0 || p >= i {
				return nil, fmt.Errorf("the caller of stack %d is %d; a caller has to come first", i, p)
			}
			if depth[i] = depth[p] + 1; depth[i] > maxDepth {
				return nil, fmt.Errorf("stack %d is more than %d frames deep", i, maxDepth)
			}
			caller = stacks[p]
		}
		f, err := frame(fr)
		if err != nil {
			return nil, err
		}
		stacks[i] = a.b.Push(caller, f)
	}
	return stacks, nil
}

// WriteFirefox writes a processed profile, a thread for each task and event.
func WriteFirefox(w io.Writer, p *profile.Profile, event int) error {
	names, of := tracks(p, event, maxTracks)
	if len(names) == 0 {
		return errors.New("firefox profile: the profile has no samples of this event")
	}
	out := firefoxFile{Libs: []struct{}{}, Meta: firefoxMeta{
		Interval: max(float64(p.SliceWidth)/1e6, 1), Product: "Ringside", OS: p.Source.Release, Version: 24, Processed: firefoxVersion,
		Symbolized: true, Categories: firefoxCategories, Markers: []struct{}{}, OneStack: true, NoImpl: true, NoSearch: true,
		Units: map[string]string{"time": "ms", "eventDelay": "ms", "threadCPUDelta": "µs"},
	}}
	cells := make([][]int, len(names))
	for i := range p.Cells {
		c := &p.Cells[i]
		if selected(p, c, event) {
			l := &p.Labels[c.Label]
			k := of[track{l.Comm, l.Event}]
			cells[k] = append(cells[k], i)
		}
	}
	for i, t := range names {
		name := t.comm
		if i == maxTracks-1 {
			name = "others"
		} else if event < 0 && len(p.Events) > 1 {
			name += " (" + p.Events[t.event].Name + ")"
		}
		out.Threads = append(out.Threads, firefoxTrack(p, name, i, p.Events[t.event].Unit, cells[i]))
	}
	return writeJSON(w, out)
}

// firefoxTrack makes a thread of some cells.
func firefoxTrack(p *profile.Profile, name string, index int, unit string, cells []int) firefoxThread {
	t := firefoxThread{Name: name, ProcessName: name, ProcessType: "default", Paused: []int{}, Main: index == 0}
	t.PID, t.TID = quoted(profile.StackID(index+1)), json.RawMessage(strconv.Itoa(index+1))
	used := map[profile.StackID]bool{}
	for _, i := range cells {
		for s := p.Cells[i].Stack; s != 0 && !used[s]; s = p.Nodes[s].Parent {
			used[s] = true
		}
	}
	order := make([]profile.StackID, 0, len(used))
	for s := range used {
		order = append(order, s)
	}
	slices.Sort(order) // callers first
	var names texts
	frames := map[profile.FrameID]int{}
	resources := map[string]int{}
	stacks := map[profile.StackID]int{}
	for _, s := range order {
		n := p.Nodes[s]
		fr, ok := frames[n.Frame]
		if !ok {
			fr = t.addFrame(&p.Frames[n.Frame], &names, resources)
			frames[n.Frame] = fr
		}
		var prefix *int
		if n.Parent != 0 {
			prefix = new(stacks[n.Parent])
		}
		stacks[s] = t.Stacks.Length
		t.Stacks.Length++
		t.Stacks.Prefix, t.Stacks.Frame = append(t.Stacks.Prefix, prefix), append(t.Stacks.Frame, fr)
		t.Stacks.Category, t.Stacks.Subcategory = append(t.Stacks.Category, *t.Frames.Category[fr]), append(t.Stacks.Subcategory, 0)
	}
	t.Strings = names.list
	t.Samples.WeightType = "samples"
	factor := 1.0
	switch unit {
	case "ns":
		t.Samples.WeightType, factor = "tracing-ms", 1e-6
	case "bytes":
		t.Samples.WeightType = "bytes"
	}
	for _, i := range cells {
		c := &p.Cells[i]
		var stack *int
		if c.Stack != 0 {
			stack = new(stacks[c.Stack])
		}
		t.Samples.Length++
		t.Samples.Stack = append(t.Samples.Stack, stack)
		t.Samples.Time = append(t.Samples.Time, float64(uint64(c.Slice)*p.SliceWidth)/1e6)
		t.Samples.Weight = append(t.Samples.Weight, new(float64(c.Weight)*factor))
	}
	return t
}

// addFrame adds a frame with its function and object.
func (t *firefoxThread) addFrame(f *profile.Frame, names *texts, resources map[string]int) int {
	resource := -1
	if f.Module != "" {
		r, ok := resources[f.Module]
		if !ok {
			r = t.Resources.Length
			resources[f.Module] = r
			t.Resources.Length++
			t.Resources.Lib, t.Resources.Host = append(t.Resources.Lib, nil), append(t.Resources.Host, nil)
			t.Resources.Name = append(t.Resources.Name, names.id(f.Module))
			t.Resources.Type = append(t.Resources.Type, 1) // a library
		}
		resource = r
	}
	var file, line *int
	if f.File != "" {
		file = new(names.id(f.File))
		if f.Line > 0 {
			line = new(f.Line)
		}
	}
	fn := &t.Funcs
	fn.Name, fn.Resource, fn.FileName = append(fn.Name, names.id(f.Name())), append(fn.Resource, resource), append(fn.FileName, file)
	fn.IsJS, fn.Relevant = append(fn.IsJS, false), append(fn.Relevant, false)
	fn.Line, fn.Column = append(fn.Line, nil), append(fn.Column, nil)
	category := 1
	if f.Kind == profile.Kernel || f.Kind == profile.GuestKernel {
		category = 2
	}
	inline := 0
	if f.Inlined {
		inline = 1
	}
	x := &t.Frames
	x.Address, x.InlineDepth, x.Category = append(x.Address, -1), append(x.InlineDepth, inline), append(x.Category, new(category))
	x.Subcategory, x.Func, x.Line = append(x.Subcategory, new(0)), append(x.Func, fn.Length), append(x.Line, line)
	x.NativeSymbol, x.InnerWindowID = append(x.NativeSymbol, nil), append(x.InnerWindowID, nil)
	x.Implementation, x.Column = append(x.Implementation, nil), append(x.Column, nil)
	fn.Length++
	x.Length++
	return x.Length - 1
}

// texts numbers texts.
type texts struct {
	list []string
	ids  map[string]int
}

func (t *texts) id(s string) int {
	if id, ok := t.ids[s]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[string]int{}
	}
	t.ids[s] = len(t.list)
	t.list = append(t.list, s)
	return len(t.list) - 1
}
