package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"ringside/profile"
)

// maxTracks bounds how many tasks a viewer's document tells apart.
const maxTracks = 500

// speedscopeFile is speedscope's document, as far as it is read and written.
type speedscopeFile struct {
	Schema   string `json:"$schema"`
	Exporter string `json:"exporter,omitempty"`
	Name     string `json:"name,omitempty"`
	Shared   struct {
		Frames []speedscopeFrame `json:"frames"`
	} `json:"shared"`
	Profiles []speedscopeProfile `json:"profiles"`
}

type speedscopeFrame struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

type speedscopeProfile struct {
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	Unit       string            `json:"unit"`
	StartValue float64           `json:"startValue"`
	EndValue   float64           `json:"endValue"`
	Samples    [][]int           `json:"samples,omitempty"`
	Weights    []float64         `json:"weights,omitempty"`
	Events     []speedscopeEvent `json:"events,omitempty"`
}

type speedscopeEvent struct {
	Type  string  `json:"type"` // O opens a frame, C closes it
	Frame int     `json:"frame"`
	At    float64 `json:"at"`
}

// scale is what a unit of speedscope's is in ours.
func scale(unit string) (name string, factor float64) {
	switch unit {
	case "nanoseconds":
		return "ns", 1
	case "microseconds":
		return "ns", 1e3
	case "milliseconds":
		return "ns", 1e6
	case "seconds":
		return "ns", 1e9
	case "bytes":
		return "bytes", 1
	}
	return "samples", 1
}

// ReadSpeedscope reads a file of speedscope's. Each of its profiles is a task.
func ReadSpeedscope(r io.Reader) (*profile.Profile, error) {
	data, err := whole(r)
	if err != nil {
		return nil, err
	}
	var in speedscopeFile
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("speedscope: %w", jsonError(err))
	}
	b := profile.NewBuilder(profile.Limits{})
	b.Source(profile.Source{Format: string(Speedscope)})
	frames := make([]profile.FrameID, len(in.Shared.Frames))
	for i, f := range in.Shared.Frames {
		x := profile.Frame{Func: f.Name, File: f.File, Line: f.Line}
		// Where there is no line, the file is the object: so speedscope's importers
		// of native profiles use it.
		if f.Line == 0 {
			x.File, x.Module, x.Kind = "", f.File, kindOf(f.File)
		}
		if x.Func == "[unknown]" {
			x.Func = ""
		}
		frames[i] = b.Frame(x)
	}
	events := map[string]int{}
	a := adder{b: b}
	for i := range in.Profiles {
		p := &in.Profiles[i]
		unit, factor := scale(p.Unit)
		e, ok := events[unit]
		if !ok {
			e = b.Event(profile.Event{Name: unit, Unit: unit})
			events[unit] = e
		}
		l := b.Label(profile.Labels{Event: e, Comm: p.Name, PID: -1, TID: -1, CPU: -1})
		switch p.Type {
		case "sampled":
			err = a.sampled(p, frames, l, factor)
		case "evented":
			err = a.evented(p, frames, l, factor)
		default:
			err = fmt.Errorf("type %q; sampled and evented ones can be read", p.Type)
		}
		if err != nil {
			return b.Profile(), fmt.Errorf("speedscope: profile %d: %w", i, err)
		}
	}
	return b.Profile(), nil
}

// whole numbers of what floats say.
func rounded(v float64) (int64, error) {
	if math.IsNaN(v) || v < 0 || v > bits {
		return 0, fmt.Errorf("%v is not a weight", v)
	}
	return int64(math.Round(v)), nil
}

func (a *adder) sampled(p *speedscopeProfile, frames []profile.FrameID, l profile.LabelID, factor float64) error {
	if len(p.Weights) != 0 && len(p.Weights) != len(p.Samples) {
		return fmt.Errorf("%d samples and %d weights", len(p.Samples), len(p.Weights))
	}
	for k, stack := range p.Samples {
		if len(stack) > maxDepth {
			return fmt.Errorf("sample %d is %d frames deep, more than %d", k, len(stack), maxDepth)
		}
		var s profile.StackID
		for _, f := range stack {
			if f < 0 || f >= len(frames) {
				return fmt.Errorf("sample %d has frame %d of %d", k, f, len(frames))
			}
			s = a.b.Push(s, frames[f])
		}
		w := int64(1)
		if len(p.Weights) > 0 {
			var err error
			if w, err = rounded(p.Weights[k] * factor); err != nil {
				return fmt.Errorf("sample %d: %w", k, err)
			}
		}
		if err := a.add(false, 0, s, l, 1, w); err != nil {
			return fmt.Errorf("sample %d: %w", k, err)
		}
	}
	return nil
}

// evented weighs each stack by how long it was the one that was open.
func (a *adder) evented(p *speedscopeProfile, frames []profile.FrameID, l profile.LabelID, factor float64) error {
	stack := []profile.StackID{0}
	var open []int
	last := p.StartValue
	for k, e := range p.Events {
		if e.Frame < 0 || e.Frame >= len(frames) {
			return fmt.Errorf("event %d has frame %d of %d", k, e.Frame, len(frames))
		}
		if e.At < last {
			return fmt.Errorf("event %d is earlier than the one before it", k)
		}
		if len(open) > 0 && e.At > last {
			w, err := rounded((e.At - last) * factor)
			if err == nil {
				err = a.add(false, 0, stack[len(stack)-1], l, 1, w)
			}
			if err != nil {
				return fmt.Errorf("event %d: %w", k, err)
			}
		}
		last = e.At
		switch {
		case e.Type == "O" && len(open) < maxDepth:
			open = append(open, e.Frame)
			stack = append(stack, a.b.Push(stack[len(stack)-1], frames[e.Frame]))
		case e.Type == "O":
			return fmt.Errorf("event %d is more than %d frames deep", k, maxDepth)
		case e.Type == "C" && len(open) > 0 && open[len(open)-1] == e.Frame:
			open, stack = open[:len(open)-1], stack[:len(stack)-1]
		default:
			return fmt.Errorf("event %d (%s) does not close the frame that was opened last", k, e.Type)
		}
	}
	return nil
}

// WriteSpeedscope writes a sampled profile for each task and event.
func WriteSpeedscope(w io.Writer, p *profile.Profile, event int) error {
	out := speedscopeFile{Schema: "https://www.speedscope.app/file-format-schema.json", Exporter: "ringside"}
	for i := range p.Frames {
		f := &p.Frames[i]
		x := speedscopeFrame{Name: f.Name(), File: f.Module}
		if f.Line > 0 && f.File != "" {
			x.File, x.Line = f.File, f.Line
		}
		out.Shared.Frames = append(out.Shared.Frames, x)
	}
	names, of := tracks(p, event, maxTracks)
	if len(names) == 0 {
		return errors.New("speedscope: the profile has no samples of this event")
	}
	type key struct {
		track int
		stack profile.StackID
	}
	sums := map[key]int{}
	for i, t := range names {
		e := p.Events[t.event]
		x := speedscopeProfile{Type: "sampled", Name: t.comm, Unit: "none"}
		switch e.Unit {
		case "ns":
			x.Unit = "nanoseconds"
		case "bytes":
			x.Unit = "bytes"
		}
		if event < 0 && len(p.Events) > 1 {
			x.Name += " (" + e.Name + ")"
		}
		if i == maxTracks-1 {
			x.Name = "others"
		}
		out.Profiles = append(out.Profiles, x)
	}
	for i := range p.Cells {
		c := &p.Cells[i]
		if !selected(p, c, event) {
			continue
		}
		l := &p.Labels[c.Label]
		k := key{of[track{l.Comm, l.Event}], c.Stack}
		x := &out.Profiles[k.track]
		n, ok := sums[k]
		if !ok {
			n = len(x.Samples)
			sums[k] = n
			stack := []int{}
			for id := c.Stack; id != 0; id = p.Nodes[id].Parent {
				stack = append(stack, int(p.Nodes[id].Frame))
			}
			for a, z := 0, len(stack)-1; a < z; a, z = a+1, z-1 {
				stack[a], stack[z] = stack[z], stack[a]
			}
			x.Samples, x.Weights = append(x.Samples, stack), append(x.Weights, 0)
		}
		x.Weights[n] += float64(c.Weight)
		x.EndValue += float64(c.Weight)
	}
	return writeJSON(w, out)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
