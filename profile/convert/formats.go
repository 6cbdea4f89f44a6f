package convert

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/profile"
)

// Format is another tool's format of profiles.
type Format string

// The formats.
const (
	Folded     Format = "folded"
	PProf      Format = "pprof"
	Speedscope Format = "speedscope"
	Chrome     Format = "chrome"
	Firefox    Format = "firefox"
	PerfScript Format = "perf-script"
	// Ringside is our own: all of a profile, with names but without samples.
	Ringside Format = "ringside"
)

// Formats are all of them, for messages.
var Formats = []Format{Folded, PProf, Speedscope, Chrome, Firefox, PerfScript, Ringside}

// maxDocument bounds a document that has to be read as a whole; folded stacks and
// perf script's text are streams.
const maxDocument = 512 << 20

// maxDepth bounds a stack.
const maxDepth = 4096

// Sniff recognises a format by the first bytes of a file. What is nothing else is
// taken for folded stacks.
func Sniff(head []byte) Format {
	text := bytes.TrimLeft(head, " \t\r\n\ufeff")
	switch {
	case bytes.HasPrefix(head, []byte(RingsideMagic)):
		return Ringside
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return PProf
	case looksJSON(text):
		switch {
		case bytes.Contains(text, []byte("speedscope")) || bytes.Contains(text, []byte(`"shared"`)) && bytes.Contains(text, []byte(`"frames"`)):
			return Speedscope
		case bytes.Contains(text, []byte(`"meta"`)) && !bytes.Contains(text, []byte(`"traceEvents"`)):
			return Firefox
		case bytes.Contains(text, []byte(`"traceEvents"`)) || bytes.Contains(text, []byte(`"ph"`)) || bytes.Contains(text, []byte(`"stackFrames"`)):
			return Chrome
		}
		return "" // its keys are further on
	case looksPProf(head):
		return PProf
	case looksPerfScript(text):
		return PerfScript
	}
	return Folded
}

// looksJSON says whether text begins as an object or an array of objects; folded
// stacks may begin with "[unknown]".
func looksJSON(text []byte) bool {
	if len(text) > 0 && text[0] == '[' {
		text = bytes.TrimLeft(text[1:], " \t\r\n")
	}
	return len(text) > 0 && text[0] == '{'
}

// looksPProf says whether bytes begin as profile.proto does: with a field of
// bytes, and not with text.
func looksPProf(head []byte) bool {
	return len(head) > 2 && (head[0] == 0x0a || head[0] == 0x12) && head[1] < 0x20 && head[1] != '\n' && head[1] != '\r' && head[1] != '\t'
}

// Read reads a profile of any of the formats. What was read before an error is
// returned with it, where the format allows that.
func Read(r io.Reader) (*profile.Profile, Format, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(32 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("profile: %w", err)
	}
	format := Sniff(head)
	if format == "" {
		// Which JSON it is says only the whole: its keys may be in any order.
		data, err := whole(in)
		if err != nil {
			return nil, "", err
		}
		if format, err = sniffJSON(data); err != nil {
			return nil, "", err
		}
		p, err := readAs(bytes.NewReader(data), format)
		return p, format, err
	}
	p, err := readAs(in, format)
	return p, format, err
}

func readAs(r io.Reader, f Format) (*profile.Profile, error) {
	switch f {
	case Folded:
		return ReadFolded(r)
	case PProf:
		return ReadPProf(r)
	case Speedscope:
		return ReadSpeedscope(r)
	case Chrome:
		return ReadChrome(r)
	case Firefox:
		return ReadFirefox(r)
	case PerfScript:
		return ReadPerfScript(r)
	case Ringside:
		return ReadRingside(r)
	}
	return nil, unknown(f)
}

func unknown(f Format) error {
	var names []string
	for _, x := range Formats {
		names = append(names, string(x))
	}
	return fmt.Errorf("no format is called %q; use %s", f, strings.Join(names, ", "))
}

// sniffJSON tells the formats apart by the keys of the outermost object.
func sniffJSON(data []byte) (Format, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return "", fmt.Errorf("profile: %w", jsonError(err))
	}
	switch {
	case keys["shared"] != nil && keys["profiles"] != nil:
		return Speedscope, nil
	case keys["meta"] != nil && keys["threads"] != nil:
		return Firefox, nil
	case keys["traceEvents"] != nil || keys["stackFrames"] != nil:
		return Chrome, nil
	}
	return "", errors.New("this JSON is no profile: it has neither traceEvents (Chrome), nor meta and threads (Firefox), nor shared and profiles (speedscope)")
}

// Options choose what is written.
type Options struct {
	// Event is the event's index; -1 takes all of them. Folded stacks, perf
	// script's text, Chrome's and Firefox's format take one or add all up;
	// Ringside's has all of them always.
	Event  int
	Folded FoldedOptions
}

// Write writes a profile in a format.
func Write(w io.Writer, p *profile.Profile, f Format, o Options) error {
	switch f {
	case Folded:
		o.Folded.Event = o.Event
		return WriteFolded(w, p, o.Folded)
	case PProf:
		return WritePProf(w, p, o.Event)
	case Speedscope:
		return WriteSpeedscope(w, p, o.Event)
	case Chrome:
		return WriteChrome(w, p, o.Event)
	case Firefox:
		return WriteFirefox(w, p, o.Event)
	case PerfScript:
		return WritePerfScript(w, p, o.Event)
	case Ringside:
		return WriteRingside(w, p)
	}
	return unknown(f)
}

// whole reads a document that cannot be read in parts.
func whole(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("profile: larger than %d MiB; record for a shorter time, or convert it to folded stacks, which are read as a stream", maxDocument>>20)
	}
	return data, nil
}

// jsonError adds where in the document an error is.
func jsonError(err error) error {
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("offset %d: %w", s.Offset, err)
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("offset %d: %w", t.Offset, err)
	}
	return err
}

// bits is what weights may add up to.
const bits = 1 << 62

// adder adds samples and refuses sums that do not fit.
type adder struct {
	b   *profile.Builder
	sum int64
}

func (a *adder) add(timed bool, t uint64, s profile.StackID, l profile.LabelID, n, weight int64) error {
	if n < 0 || weight < 0 {
		return errors.New("a negative weight: profiles of differences cannot be read, only what they were made of")
	}
	if weight > bits-a.sum || n > bits-a.sum {
		return errors.New("the weights add up to more than 62 bits hold")
	}
	a.sum += max(n, weight)
	if timed {
		a.b.AddAt(t, s, l, n, weight)
		return nil
	}
	a.b.Add(s, l, n, weight)
	return nil
}

// unitOf is what the weight of an event of this name counts, as far as names
// tell.
func unitOf(event string) string {
	name, _, _ := strings.Cut(event, ":")
	switch {
	case name == "cpu-clock" || name == "task-clock":
		return "ns"
	case strings.HasPrefix(name, "cycles") || strings.HasPrefix(name, "cpu-cycles"):
		return "cycles"
	case strings.HasPrefix(name, "instructions"):
		return "instructions"
	}
	return "events"
}

// kindOf is what code a module is, as perf writes its name.
func kindOf(module string) profile.Kind {
	switch {
	case module == "[vdso]" || module == "[vsyscall]" || module == "[unknown]" || module == "[stack]" || module == "[heap]" || strings.HasPrefix(module, "[anon"):
		return profile.User
	case strings.HasPrefix(module, "[guest.kernel"):
		return profile.GuestKernel
	case strings.HasPrefix(module, "[") && strings.HasSuffix(module, "]"):
		return profile.Kernel
	}
	return profile.User
}

// selected says whether a cell's event is asked for.
func selected(p *profile.Profile, c *profile.Cell, event int) bool {
	return event < 0 || p.Labels[c.Label].Event == event
}

// track is what viewers show as one line: a task and, where they differ, an
// event.
type track struct {
	comm  string
	event int
}

// tracks groups cells by task and event, the heaviest first; what is beyond most
// is in the last.
func tracks(p *profile.Profile, event, most int) (names []track, of map[track]int) {
	sums := map[track]int64{}
	for i := range p.Cells {
		c := &p.Cells[i]
		if selected(p, c, event) {
			l := &p.Labels[c.Label]
			sums[track{l.Comm, l.Event}] += c.Weight
		}
	}
	for k := range sums {
		names = append(names, k)
	}
	sortTracks(names, sums)
	of = map[track]int{}
	for i, k := range names {
		of[k] = min(i, most-1)
	}
	return names[:min(len(names), most)], of
}
