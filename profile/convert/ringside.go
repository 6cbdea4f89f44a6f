package convert

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"ringside/profile"
)

// RingsideMagic begins a profile in Ringside's own format; a gzip stream of one
// JSON document follows.
const RingsideMagic = "RINGSIDE PROFILE 1\n"

// kept is a profile as the format has it: tables by column, because columns of
// like numbers pack well and are read without an object for each cell.
type kept struct {
	Source  profile.Source  `json:"source"`
	Events  []profile.Event `json:"events"`
	Strings []string        `json:"strings"` // texts of the tables, which name them by index

	Funcs   []int    `json:"funcs"` // of each frame, as all up to Inlined
	Modules []int    `json:"modules"`
	Files   []int    `json:"files"`
	Lines   []int    `json:"lines"`
	Addrs   []uint64 `json:"addrs"`
	Kinds   []int    `json:"kinds"`
	Inlined []int    `json:"inlined"` // indices of frames

	Parents []int `json:"parents"` // of each stack but the empty one: distance to its caller's, frame
	Frames  []int `json:"frames"`

	LabelEvents []int   `json:"label_events"` // of each set of labels
	Comms       []int   `json:"comms"`
	PIDs        []int32 `json:"pids"`
	TIDs        []int32 `json:"tids"`
	CPUs        []int32 `json:"cpus"`
	Cgroups     []int   `json:"cgroups"`

	Slices  []int64 `json:"slices"` // of each cell; the slice as the distance to the one before
	Stacks  []int   `json:"stacks"`
	Labels  []int   `json:"labels"`
	Counts  []int64 `json:"counts"`
	Weights []int64 `json:"weights"`

	Start      uint64         `json:"start_ns"`
	Duration   uint64         `json:"duration_ns"`
	SliceWidth uint64         `json:"slice_ns"`
	Losses     []profile.Loss `json:"losses"`
	Warnings   []string       `json:"warnings"`
}

// WriteRingside writes all of a profile: what [ReadRingside] reads is equal to
// it.
func WriteRingside(w io.Writer, p *profile.Profile) error {
	k := kept{Source: p.Source, Events: p.Events, Start: p.Start, Duration: p.Duration, SliceWidth: p.SliceWidth, Losses: p.Losses, Warnings: p.Warnings}
	var t texts
	for i := range p.Frames {
		f := &p.Frames[i]
		k.Funcs, k.Modules, k.Files = append(k.Funcs, t.id(f.Func)), append(k.Modules, t.id(f.Module)), append(k.Files, t.id(f.File))
		k.Lines, k.Addrs, k.Kinds = append(k.Lines, f.Line), append(k.Addrs, f.Addr), append(k.Kinds, int(f.Kind))
		if f.Inlined {
			k.Inlined = append(k.Inlined, i)
		}
	}
	for i := 1; i < len(p.Nodes); i++ {
		k.Parents, k.Frames = append(k.Parents, i-int(p.Nodes[i].Parent)), append(k.Frames, int(p.Nodes[i].Frame))
	}
	for _, l := range p.Labels {
		k.LabelEvents, k.Comms, k.Cgroups = append(k.LabelEvents, l.Event), append(k.Comms, t.id(l.Comm)), append(k.Cgroups, t.id(l.Cgroup))
		k.PIDs, k.TIDs, k.CPUs = append(k.PIDs, l.PID), append(k.TIDs, l.TID), append(k.CPUs, l.CPU)
	}
	last := int64(0)
	for i := range p.Cells {
		c := &p.Cells[i]
		k.Slices, k.Stacks, k.Labels = append(k.Slices, c.Slice-last), append(k.Stacks, int(c.Stack)), append(k.Labels, int(c.Label))
		k.Counts, k.Weights = append(k.Counts, c.Count), append(k.Weights, c.Weight)
		last = c.Slice
	}
	k.Strings = t.list
	if _, err := io.WriteString(w, RingsideMagic); err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(z, 64<<10)
	if err := json.NewEncoder(b).Encode(&k); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return errors.Join(b.Flush(), z.Close())
}

// ReadRingside reads a profile in Ringside's own format. One whose tables do
// not fit together is refused.
func ReadRingside(r io.Reader) (*profile.Profile, error) {
	magic := make([]byte, len(RingsideMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != RingsideMagic {
		return nil, errors.Join(errors.New("profile: it does not begin as a profile of Ringside does"), err)
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	in := io.LimitReader(z, maxDocument+1).(*io.LimitedReader)
	var k kept
	if err := json.NewDecoder(in).Decode(&k); err != nil {
		if in.N <= 0 {
			return nil, fmt.Errorf("profile: it expands to more than %d MiB", maxDocument>>20)
		}
		return nil, fmt.Errorf("profile: %w", jsonError(err))
	}
	p, err := k.profile()
	if err != nil {
		return nil, fmt.Errorf("profile: its tables do not fit together: %w; write it anew", err)
	}
	return p, nil
}

// profile puts the tables together.
func (k *kept) profile() (*profile.Profile, error) {
	p := &profile.Profile{Source: k.Source, Events: k.Events, Start: k.Start, Duration: k.Duration, SliceWidth: k.SliceWidth, Losses: k.Losses, Warnings: k.Warnings}
	for _, build := range []func(*profile.Profile) error{k.frames, k.stacks, k.labels, k.cells} {
		if err := build(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// lengths says where columns of one table differ.
func lengths(table string, n int, columns ...int) error {
	for _, c := range columns {
		if c != n {
			return fmt.Errorf("the columns of %s have %d and %d entries", table, n, c)
		}
	}
	return nil
}

// outside says that an index is beyond its table.
func outside[T int | int64](table string, row int, index, n T) error {
	if index < 0 || index >= n {
		return fmt.Errorf("row %d of %s: index %d of %d", row, table, index, n)
	}
	return nil
}

func (k *kept) frames(p *profile.Profile) error {
	if err := lengths("frames", len(k.Funcs), len(k.Modules), len(k.Files), len(k.Lines), len(k.Addrs), len(k.Kinds)); err != nil {
		return err
	}
	p.Frames = make([]profile.Frame, len(k.Funcs))
	for i := range p.Frames {
		for _, id := range []int{k.Funcs[i], k.Modules[i], k.Files[i]} {
			if err := outside("frames", i, id, len(k.Strings)); err != nil {
				return err
			}
		}
		if err := outside("frames", i, k.Kinds[i], int(profile.Marker)+1); err != nil {
			return err
		}
		p.Frames[i] = profile.Frame{Func: k.Strings[k.Funcs[i]], Module: k.Strings[k.Modules[i]], File: k.Strings[k.Files[i]],
			Line: k.Lines[i], Addr: k.Addrs[i], Kind: profile.Kind(k.Kinds[i])}
	}
	for i, f := range k.Inlined {
		if err := outside("inlined", i, f, len(p.Frames)); err != nil {
			return err
		}
		p.Frames[f].Inlined = true
	}
	return nil
}

func (k *kept) stacks(p *profile.Profile) error {
	if err := lengths("stacks", len(k.Parents), len(k.Frames)); err != nil {
		return err
	}
	p.Nodes = make([]profile.Node, 1, len(k.Parents)+1)
	for i, up := range k.Parents {
		parent := i + 1 - up
		if up < 1 {
			return fmt.Errorf("row %d of stacks: its caller comes after it", i)
		}
		if err := errors.Join(outside("stacks", i, parent, i+1), outside("stacks", i, k.Frames[i], len(p.Frames))); err != nil {
			return err
		}
		p.Nodes = append(p.Nodes, profile.Node{Parent: profile.StackID(parent), Frame: profile.FrameID(k.Frames[i])})
	}
	return nil
}

func (k *kept) labels(p *profile.Profile) error {
	if err := lengths("labels", len(k.LabelEvents), len(k.Comms), len(k.PIDs), len(k.TIDs), len(k.CPUs), len(k.Cgroups)); err != nil {
		return err
	}
	for i, e := range k.LabelEvents {
		err := errors.Join(outside("labels", i, e, len(p.Events)), outside("labels", i, k.Comms[i], len(k.Strings)), outside("labels", i, k.Cgroups[i], len(k.Strings)))
		if err != nil {
			return err
		}
		p.Labels = append(p.Labels, profile.Labels{Event: e, Comm: k.Strings[k.Comms[i]], PID: k.PIDs[i], TID: k.TIDs[i], CPU: k.CPUs[i], Cgroup: k.Strings[k.Cgroups[i]]})
	}
	return nil
}

func (k *kept) cells(p *profile.Profile) error {
	if err := lengths("cells", len(k.Slices), len(k.Stacks), len(k.Labels), len(k.Counts), len(k.Weights)); err != nil {
		return err
	}
	if k.SliceWidth == 0 && k.Duration > 0 {
		return errors.New("it has a duration, but slices of no length")
	}
	p.Cells = make([]profile.Cell, len(k.Slices))
	slice, sum := int64(0), int64(0)
	for i, d := range k.Slices {
		if err := errors.Join(outside("cells", i, k.Stacks[i], len(p.Nodes)), outside("cells", i, k.Labels[i], len(p.Labels))); err != nil {
			return err
		}
		// A picture has a column for each slice: more than a recording can have
		// are an attack.
		if d < 0 || d > 1<<40-slice {
			return fmt.Errorf("row %d of cells: its slice is %d after the one before", i, d)
		}
		slice += d
		n, w := k.Counts[i], k.Weights[i]
		if n < 0 || w < 0 || max(n, w) > bits-sum {
			return fmt.Errorf("row %d of cells: %d samples that weigh %d; the weights must be positive and add up to less than 62 bits", i, n, w)
		}
		sum += max(n, w)
		p.Cells[i] = profile.Cell{Stack: profile.StackID(k.Stacks[i]), Label: profile.LabelID(k.Labels[i]), Slice: slice, Count: n, Weight: w}
	}
	return nil
}
