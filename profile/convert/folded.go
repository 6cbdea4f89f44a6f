package convert

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"ringside/profile"
)

// Bounds of a folded line: deeper or longer ones are refused with their number.
const (
	maxFoldedLine  = 1 << 20
	maxFoldedDepth = 4096
)

// ReadFolded reads folded stacks. An error names the line; what was read before
// it is returned with it.
func ReadFolded(r io.Reader) (*profile.Profile, error) {
	b := profile.NewBuilder(profile.Limits{})
	b.Source(profile.Source{Format: "folded"})
	label := b.Label(profile.Labels{
		Event: b.Event(profile.Event{Name: "samples", Unit: "samples"}),
		PID:   -1, TID: -1, CPU: -1,
	})
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxFoldedLine)
	line := 0
	var total int64
	for in.Scan() {
		line++
		text := bytes.TrimSpace(in.Bytes())
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		stack, n, err := foldedLine(b, text)
		if err == nil && n > math.MaxInt64-total {
			err = errors.New("the counts add up to more than 63 bits hold; write smaller units")
		}
		if err != nil {
			return b.Profile(), fmt.Errorf("folded stacks: line %d: %w", line, err)
		}
		total += n
		b.Add(stack, label, n, n)
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes: a stack this long is not folded text", maxFoldedLine)
		}
		return b.Profile(), fmt.Errorf("folded stacks: line %d: %w", line+1, err)
	}
	return b.Profile(), nil
}

// foldedLine adds the stack of one line and returns its count.
func foldedLine(b *profile.Builder, text []byte) (profile.StackID, int64, error) {
	space := bytes.LastIndexByte(text, ' ')
	if space <= 0 {
		return 0, 0, errors.New(`no count at its end; a line is "main;read;vfs_read 12"`)
	}
	n, err := strconv.ParseInt(string(text[space+1:]), 10, 64)
	if err != nil || n < 0 {
		return 0, 0, fmt.Errorf("%q is not a count; a line ends in a whole number of samples", text[space+1:])
	}
	frames := bytes.TrimSpace(text[:space])
	if depth := bytes.Count(frames, []byte{';'}) + 1; depth > maxFoldedDepth {
		return 0, 0, fmt.Errorf("%d frames deep, more than %d", depth, maxFoldedDepth)
	}
	var s profile.StackID
	for name := range bytes.SplitSeq(frames, []byte{';'}) {
		s = b.Push(s, b.Frame(foldedFrame(string(name))))
	}
	return s, n, nil
}

// foldedFrame takes a frame's kind from its suffix.
func foldedFrame(name string) profile.Frame {
	f := profile.Frame{Func: name}
	if s, ok := strings.CutSuffix(name, "_[k]"); ok {
		f.Func, f.Kind = s, profile.Kernel
	} else if s, ok := strings.CutSuffix(name, "_[i]"); ok {
		f.Func, f.Inlined = s, true
	}
	if f.Func == "[unknown]" {
		f.Func = ""
	}
	return f
}

// FoldedOptions choose what WriteFolded writes.
type FoldedOptions struct {
	// Event is the event's index; -1 takes all of them.
	Event int
	// Weights writes what samples weigh instead of how many there are.
	Weights bool
	// Comm puts the task's name at the root of each stack, with _ for spaces.
	Comm bool
	// Suffixes marks kernel frames with _[k] and inlined ones with _[i].
	Suffixes bool
}

var foldedName = strings.NewReplacer(";", ":", "\n", " ", "\r", " ")

// WriteFolded writes folded stacks in the order of their frames' texts. Stacks
// whose text is the same are added up, so that a line is there once.
func WriteFolded(w io.Writer, p *profile.Profile, o FoldedOptions) error {
	t := newFoldedTree(p, o.Suffixes)
	var comms texts
	type line struct{ comm, node int32 }
	sums := make(map[line]int64)
	for i := range p.Cells {
		c := &p.Cells[i]
		l := &p.Labels[c.Label]
		if o.Event >= 0 && l.Event != o.Event {
			continue
		}
		k := line{node: t.of[c.Stack]}
		if o.Comm {
			k.comm = int32(comms.id(foldedComm(l.Comm)))
		}
		if o.Weights {
			sums[k] += c.Weight
		} else {
			sums[k] += c.Count
		}
	}
	t.of = nil
	order := make([]line, 0, len(sums))
	for k := range sums {
		order = append(order, k)
	}
	rank := t.ranks()
	slices.SortFunc(order, func(a, b line) int {
		if a.comm != b.comm {
			return strings.Compare(comms.list[a.comm], comms.list[b.comm])
		}
		return cmp.Compare(rank[a.node], rank[b.node])
	})
	out := bufio.NewWriterSize(w, 64<<10)
	var path []string
	var text []byte
	for _, k := range order {
		path = path[:0]
		for n := k.node; n != 0; n = t.parent[n] {
			path = append(path, t.texts.list[t.text[n]])
		}
		if o.Comm {
			path = append(path, comms.list[k.comm])
		}
		if len(path) == 0 {
			path = append(path, "[unknown]") // a sample without a stack still counts
		}
		text = text[:0]
		for i, x := range slices.Backward(path) {
			if i < len(path)-1 {
				text = append(text, ';')
			} else {
				x = noComment(x)
			}
			text = append(text, x...)
		}
		text = strconv.AppendInt(append(text, ' '), sums[k], 10)
		if _, err := out.Write(append(text, '\n')); err != nil {
			return fmt.Errorf("folded stacks: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("folded stacks: %w", err)
	}
	return nil
}

// foldedComm is a task's name as stackcollapse writes it.
func foldedComm(comm string) string {
	comm = strings.ReplaceAll(foldedName.Replace(comm), " ", "_")
	if strings.TrimSpace(comm) == "" {
		return "[unknown]"
	}
	return noComment(comm)
}

// noComment is what a line may begin with.
func noComment(text string) string {
	if rest, ok := strings.CutPrefix(strings.TrimSpace(text), "#"); ok {
		return "＃" + rest
	}
	return text
}

// foldedTree is a profile's stacks where what has the same text is the same.
// Node 0 is the root.
type foldedTree struct {
	texts  texts
	parent []int32
	text   []int32
	of     []int32 // by the profile's stack
}

func newFoldedTree(p *profile.Profile, suffixes bool) *foldedTree {
	t := &foldedTree{parent: make([]int32, 1), text: make([]int32, 1), of: make([]int32, len(p.Nodes))}
	frames := make([]int32, len(p.Frames))
	for i := range p.Frames {
		frames[i] = int32(t.texts.id(foldedText(&p.Frames[i], suffixes)))
	}
	index := make(map[uint64]int32)
	for i := 1; i < len(p.Nodes); i++ {
		parent, text := t.of[p.Nodes[i].Parent], frames[p.Nodes[i].Frame]
		key := uint64(uint32(parent))<<32 | uint64(uint32(text))
		n, ok := index[key]
		if !ok {
			n = int32(len(t.parent))
			index[key] = n
			t.parent, t.text = append(t.parent, parent), append(t.text, text)
		}
		t.of[i] = n
	}
	return t
}

// ranks says where each node is when callers come before callees and those of one
// caller are in the order of their texts.
func (t *foldedTree) ranks() []int32 {
	place := make([]int32, len(t.texts.list)) // of each text among all
	sorted := make([]int32, len(place))
	for i := range sorted {
		sorted[i] = int32(i)
	}
	slices.SortFunc(sorted, func(a, b int32) int { return strings.Compare(t.texts.list[a], t.texts.list[b]) })
	for at, id := range sorted {
		place[id] = int32(at)
	}
	nodes := make([]int32, len(t.parent)-1)
	for i := range nodes {
		nodes[i] = int32(i + 1)
	}
	// The last of its siblings goes onto the stack first.
	slices.SortFunc(nodes, func(a, b int32) int {
		if t.parent[a] != t.parent[b] {
			return cmp.Compare(t.parent[a], t.parent[b])
		}
		return cmp.Compare(place[t.text[b]], place[t.text[a]])
	})
	first := make([]int32, len(t.parent)+1) // of each node's callees, in nodes
	at := 0
	for n := range t.parent {
		first[n] = int32(at)
		for at < len(nodes) && t.parent[nodes[at]] == int32(n) {
			at++
		}
	}
	first[len(t.parent)] = int32(at)
	rank := make([]int32, len(t.parent))
	stack := []int32{0}
	for next := int32(0); len(stack) > 0; next++ {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		rank[n] = next
		stack = append(stack, nodes[first[n]:first[n+1]]...)
	}
	return rank
}

func foldedText(f *profile.Frame, suffixes bool) string {
	name := foldedName.Replace(f.Caption())
	switch {
	case !suffixes:
	case f.Kind == profile.Kernel:
		name += "_[k]"
	case f.Inlined:
		name += "_[i]"
	}
	return name
}
