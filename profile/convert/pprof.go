package convert

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	pprof "github.com/google/pprof/profile"

	"ringside/profile"
)

func sortTracks(names []track, sums map[track]int64) {
	slices.SortFunc(names, func(a, b track) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a.comm, b.comm), cmp.Compare(a.event, b.event))
	})
}

// ReadPProf reads a profile of pprof, gzipped or not.
func ReadPProf(r io.Reader) (*profile.Profile, error) {
	data, err := whole(r)
	if err != nil {
		return nil, err
	}
	if len(data) > 2 && data[0] == 0x1f && data[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("pprof: %w", err)
		}
		if data, err = whole(z); err != nil {
			return nil, fmt.Errorf("pprof: unpacking: %w", err)
		}
	}
	in, err := pprof.ParseUncompressed(data)
	if err != nil {
		return nil, fmt.Errorf("pprof: %w", err)
	}
	if err := in.CheckValid(); err != nil {
		return nil, fmt.Errorf("pprof: %w", err)
	}
	return fromPProf(in)
}

// fromPProf makes an event of each sample type; one that counts samples is the
// others' count.
func fromPProf(in *pprof.Profile) (*profile.Profile, error) {
	b := profile.NewBuilder(profile.Limits{})
	source := profile.Source{Format: string(PProf)}
	for _, c := range in.Comments {
		if k, v, ok := strings.Cut(c, ": "); ok && k == "release" {
			source.Release = v
		}
	}
	b.Source(source)
	count := -1
	for i, t := range in.SampleType {
		if (t.Unit == "count" || t.Unit == "samples") && (t.Type == "samples" || t.Type == "sample") && count < 0 {
			count = i
		}
	}
	var events []int
	var columns []int
	for i, t := range in.SampleType {
		if i == count && len(in.SampleType) > 1 {
			continue
		}
		unit := t.Unit
		switch unit {
		case "nanoseconds":
			unit = "ns"
		case "count":
			unit = "events"
		}
		events = append(events, b.Event(profile.Event{Name: t.Type, Unit: unit}))
		columns = append(columns, i)
	}
	if len(events) == 0 {
		return nil, errors.New("pprof: it has no sample types")
	}
	a := adder{b: b}
	frames := map[*pprof.Location][]profile.FrameID{}
	for k, s := range in.Sample {
		if len(s.Location) > maxDepth {
			return b.Profile(), fmt.Errorf("pprof: sample %d is %d frames deep, more than %d", k, len(s.Location), maxDepth)
		}
		var stack profile.StackID
		for _, loc := range slices.Backward(s.Location) {
			list, ok := frames[loc]
			if !ok {
				list = pprofFrames(b, loc)
				frames[loc] = list
			}
			for _, f := range list {
				stack = b.Push(stack, f)
			}
		}
		for i, column := range columns {
			n := int64(1)
			if count >= 0 {
				n = s.Value[count]
			}
			if s.Value[column] == 0 && n == 0 {
				continue
			}
			if err := a.add(false, 0, stack, b.Label(pprofLabels(s, events[i])), n, s.Value[column]); err != nil {
				return b.Profile(), fmt.Errorf("pprof: sample %d: %w", k, err)
			}
		}
	}
	return b.Profile(), nil
}

// pprofFrames are a location's frames from the caller to the innermost inlined
// function.
func pprofFrames(b *profile.Builder, loc *pprof.Location) []profile.FrameID {
	module := ""
	if loc.Mapping != nil {
		module = loc.Mapping.File
	}
	kind := kindOf(module)
	if len(loc.Line) == 0 {
		f := profile.Frame{Module: module, Kind: kind, Addr: loc.Address}
		if loc.Mapping != nil && loc.Address >= loc.Mapping.Start {
			f.Addr = loc.Address - loc.Mapping.Start + loc.Mapping.Offset
		}
		return []profile.FrameID{b.Frame(f)}
	}
	var out []profile.FrameID
	for i, line := range slices.Backward(loc.Line) {
		f := profile.Frame{Module: module, Kind: kind, Line: int(line.Line), Inlined: i < len(loc.Line)-1}
		if line.Function != nil {
			f.Func, f.File = line.Function.Name, line.Function.Filename
			if f.Func == "[unknown]" {
				f.Func = ""
			}
		}
		out = append(out, b.Frame(f))
	}
	return out
}

func pprofLabels(s *pprof.Sample, event int) profile.Labels {
	l := profile.Labels{Event: event, PID: -1, TID: -1, CPU: -1}
	text := func(keys ...string) string {
		for _, k := range keys {
			if v := s.Label[k]; len(v) > 0 {
				return v[0]
			}
		}
		return ""
	}
	number := func(keys ...string) int32 {
		for _, k := range keys {
			if v := s.NumLabel[k]; len(v) > 0 {
				return int32(v[0])
			}
			if v := s.Label[k]; len(v) > 0 {
				if n, err := strconv.ParseInt(v[0], 10, 32); err == nil {
					return int32(n)
				}
			}
		}
		return -1
	}
	l.Comm, l.Cgroup = text("comm", "thread_comm", "thread_name"), text("cgroup")
	l.PID, l.TID, l.CPU = number("pid", "process_id"), number("tid", "thread_id"), number("cpu")
	return l
}

// WritePProf writes a gzipped profile of pprof: a sample type that counts
// samples, and one for each event.
func WritePProf(w io.Writer, p *profile.Profile, event int) error {
	out := &pprof.Profile{
		SampleType:    []*pprof.ValueType{{Type: "samples", Unit: "count"}},
		DurationNanos: int64(p.Duration),
	}
	if p.Source.Release != "" {
		out.Comments = append(out.Comments, "release: "+p.Source.Release)
	}
	column := make([]int, len(p.Events))
	for i, e := range p.Events {
		if event >= 0 && i != event {
			continue
		}
		unit := e.Unit
		switch unit {
		case "ns":
			unit = "nanoseconds"
		case "events", "samples":
			unit = "count"
		}
		column[i] = len(out.SampleType)
		out.SampleType = append(out.SampleType, &pprof.ValueType{Type: e.Name, Unit: unit})
	}
	if len(out.SampleType) > 1 {
		out.DefaultSampleType = out.SampleType[1].Type
	}
	locations := pprofLocations(out, p)
	type key struct {
		stack profile.StackID
		label profile.LabelID
	}
	index := map[key]*pprof.Sample{}
	for i := range p.Cells {
		c := &p.Cells[i]
		if !selected(p, c, event) {
			continue
		}
		l := &p.Labels[c.Label]
		k := key{c.Stack, c.Label}
		s := index[k]
		if s == nil {
			s = &pprof.Sample{Value: make([]int64, len(out.SampleType)), Label: map[string][]string{}, NumLabel: map[string][]int64{}}
			for id := c.Stack; id != 0; id = p.Nodes[id].Parent {
				s.Location = append(s.Location, locations[p.Nodes[id].Frame])
			}
			if l.Comm != "" {
				s.Label["comm"] = []string{l.Comm}
			}
			if l.Cgroup != "" {
				s.Label["cgroup"] = []string{l.Cgroup}
			}
			for name, v := range map[string]int32{"pid": l.PID, "tid": l.TID, "cpu": l.CPU} {
				if v >= 0 {
					s.NumLabel[name] = []int64{int64(v)}
				}
			}
			index[k] = s
			out.Sample = append(out.Sample, s)
		}
		s.Value[0] += c.Count
		s.Value[column[l.Event]] += c.Weight
	}
	if err := out.Write(w); err != nil {
		return fmt.Errorf("pprof: %w", err)
	}
	return nil
}

// pprofLocations makes a location of each frame. An inlined function is one of
// its own: what it was inlined into is its caller in the stack.
func pprofLocations(out *pprof.Profile, p *profile.Profile) []*pprof.Location {
	mappings := map[string]*pprof.Mapping{}
	type fn struct{ name, file string }
	functions := map[fn]*pprof.Function{}
	locations := make([]*pprof.Location, len(p.Frames))
	for i := range p.Frames {
		f := &p.Frames[i]
		m := mappings[f.Module]
		if m == nil {
			m = &pprof.Mapping{ID: uint64(len(out.Mapping)) + 1, File: f.Module, HasFunctions: true}
			mappings[f.Module] = m
			out.Mapping = append(out.Mapping, m)
		}
		k := fn{f.Name(), f.File}
		x := functions[k]
		if x == nil {
			x = &pprof.Function{ID: uint64(len(out.Function)) + 1, Name: k.name, SystemName: k.name, Filename: k.file}
			functions[k] = x
			out.Function = append(out.Function, x)
		}
		locations[i] = &pprof.Location{ID: uint64(i) + 1, Mapping: m, Address: f.Addr, Line: []pprof.Line{{Function: x, Line: int64(f.Line)}}}
		out.Location = append(out.Location, locations[i])
	}
	return locations
}
