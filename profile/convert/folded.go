package convert

import (
	"bufio"
	"bytes"
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

// WriteFolded writes folded stacks in the order of their text. Lines that are
// equal are added up, so that a stack is there once.
func WriteFolded(w io.Writer, p *profile.Profile, o FoldedOptions) error {
	type stack struct {
		id   profile.StackID
		comm string
	}
	sums := make(map[stack]int64)
	for i := range p.Cells {
		c := &p.Cells[i]
		l := &p.Labels[c.Label]
		if o.Event >= 0 && l.Event != o.Event {
			continue
		}
		k := stack{id: c.Stack}
		if o.Comm {
			k.comm = l.Comm
		}
		if o.Weights {
			sums[k] += c.Weight
		} else {
			sums[k] += c.Count
		}
	}
	lines := make(map[string]int64, len(sums))
	var parts []string
	for k, n := range sums {
		parts = parts[:0]
		for f := range p.Stack(k.id) {
			parts = append(parts, foldedText(f, o.Suffixes))
		}
		if o.Comm {
			comm := strings.ReplaceAll(foldedName.Replace(k.comm), " ", "_") // as stackcollapse
			if strings.TrimSpace(comm) == "" {
				comm = "[unknown]"
			}
			parts = append(parts, comm)
		}
		if len(parts) == 0 {
			parts = append(parts, "[unknown]") // a sample without a stack still counts
		}
		slices.Reverse(parts)
		if rest, ok := strings.CutPrefix(strings.TrimSpace(parts[0]), "#"); ok {
			parts[0] = "＃" + rest // else the line would be a comment
		}
		lines[strings.Join(parts, ";")] += n
	}
	order := make([]string, 0, len(lines))
	for text := range lines {
		order = append(order, text)
	}
	slices.Sort(order)
	out := bufio.NewWriter(w)
	for _, text := range order {
		fmt.Fprintf(out, "%s %d\n", text, lines[text])
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("folded stacks: %w", err)
	}
	return nil
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
