package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Recipe is one question about a running kernel.
type Recipe struct {
	Name    string `yaml:"name" json:"name"`
	Title   string `yaml:"title" json:"title"`
	Group   string `yaml:"group" json:"group"`
	Answers string `yaml:"answers" json:"answers"`
	// About says how to read the answer, and what it cannot tell.
	About string `yaml:"about,omitempty" json:"about,omitempty"`
	// Cost is what the recording does to the host, with the figure it was
	// measured at.
	Cost string `yaml:"cost" json:"cost"`
	// Needs are what a kernel must have for any of the captures, in words.
	Needs []string `yaml:"needs,omitempty" json:"needs,omitempty"`
	// For is how long is recorded unless the user says otherwise.
	For Duration `yaml:"for" json:"for_ns"`
	// Captures are ways to record it, the best first.
	Captures []Capture `yaml:"captures" json:"captures"`
	// Show are the views of the report, in order.
	Show []View `yaml:"show" json:"show"`
}

// Groups are the groups of recipes, in the order in which they are listed.
var groups = []string{"cpu", "scheduler", "interrupts", "memory", "block", "files", "network", "locks", "syscalls", "boot"}

// The engines that recipes name.
const (
	PerfEvent = "perf_event" // perf_event_open, in this process → perf.data
	Tracefs   = "tracefs"    // a trace instance, in this process → trace.dat
	EBPF      = "ebpf"       // aggregated in the kernel, in this process → tables
	KernelLog = "klog"       // what the kernel has said already → tables
	Command   = "command"    // a program that is installed
)

// A Capture is one way to record a recipe.
type Capture struct {
	With string `yaml:"with" json:"with"`
	// Events are recorded by perf_event and tracefs.
	Events []Event `yaml:"events,omitempty" json:"events,omitempty"`
	// Measure is what ebpf aggregates.
	Measure []Measure `yaml:"measure,omitempty" json:"measure,omitempty"`
	// Argv is the program that command runs. {out} stands for the recording,
	// {seconds} for the duration.
	Argv []string `yaml:"argv,omitempty" json:"argv,omitempty"`
	// Makes is what Argv writes: perf.data or trace.dat.
	Makes string `yaml:"makes,omitempty" json:"makes,omitempty"`
	// Loses says what is worse than with the captures before it.
	Loses string `yaml:"loses,omitempty" json:"loses,omitempty"`
}

// Formats of recordings.
const (
	PerfData = "perf.data"
	TraceDat = "trace.dat"
	Tables   = "tables"
)

// Format returns what the capture makes.
func (c Capture) Format() string {
	switch c.With {
	case PerfEvent:
		return PerfData
	case Tracefs:
		return TraceDat
	case Command:
		return c.Makes
	}
	return Tables
}

// An Event is one kernel event to record: "cpu-clock", "page-faults" or
// "sched:sched_switch". In YAML a bare name will do.
type Event struct {
	Name      string `yaml:"name" json:"name"`
	Frequency uint64 `yaml:"frequency,omitempty" json:"frequency,omitempty"` // samples a second, of sampled events
	Period    uint64 `yaml:"period,omitempty" json:"period,omitempty"`       // or one sample in so many events
	Stack     bool   `yaml:"stack,omitempty" json:"stack,omitempty"`         // with the call chain
	Filter    string `yaml:"filter,omitempty" json:"filter,omitempty"`       // the kernel's filter language
	Optional  bool   `yaml:"optional,omitempty" json:"optional,omitempty"`   // recorded where the kernel has it
}

// UnmarshalYAML takes a name or a mapping.
func (e *Event) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		e.Name = n.Value
		return nil
	}
	type plain Event
	return n.Decode((*plain)(e))
}

// Tracepoint returns the tracepoint's system and name, or false for an event of
// perf's own, such as cpu-clock.
func (e Event) Tracepoint() (system, name string, ok bool) {
	return strings.Cut(e.Name, ":")
}

// A Measure is something that is aggregated in the kernel: how long it takes
// from its beginnings to its ends, or, without beginnings, how often its ends
// come.
type Measure struct {
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title" json:"title"`
	// Begin and End are where an interval begins and ends. They meet where
	// their keys are equal.
	Begin []Point `yaml:"begin,omitempty" json:"begin,omitempty"`
	End   []Point `yaml:"end" json:"end"`
	// By names what the table is broken down by: fields of the ending event,
	// "comm" for the running task, "cpu". At most two numbers and one text.
	By []string `yaml:"by,omitempty" json:"by,omitempty"`
	// Kept, if set, makes the measure one of what begins and does not end, such
	// as memory that is allocated and not freed. By is then of the beginning.
	Kept *Kept `yaml:"kept,omitempty" json:"kept,omitempty"`
}

// Kept says how large is what is kept: one of the two names a field of the
// beginning.
type Kept struct {
	Size  string `yaml:"size,omitempty" json:"size,omitempty"`   // in bytes
	Order string `yaml:"order,omitempty" json:"order,omitempty"` // as a power of two of pages
	// Stack keeps the kernel's call chain, too.
	Stack bool `yaml:"stack,omitempty" json:"stack,omitempty"`
}

// A Point is a kernel event with what identifies the interval it belongs to.
type Point struct {
	Event string `yaml:"event" json:"event"`
	// Key names fields of the event, "task" for the running task or "cpu"; at
	// most two.
	Key []string `yaml:"key,omitempty" json:"key,omitempty"`
	// At names the field that has the time; default is when the event comes.
	// The beginning's and the end's must be of one clock, in nanoseconds.
	At string `yaml:"at,omitempty" json:"at,omitempty"`
	// When holds the event to values of its fields.
	When []Condition `yaml:"when,omitempty" json:"when,omitempty"`
}

// A Condition holds where the field has one of the values Is, or none of Not.
type Condition struct {
	Field string  `yaml:"field" json:"field"`
	Is    []int64 `yaml:"is,omitempty" json:"is,omitempty"`
	Not   []int64 `yaml:"not,omitempty" json:"not,omitempty"`
}

// A View is one part of the report.
type View struct {
	View string `yaml:"view" json:"view"`
	// Of is what a flame graph or a top table weighs: samples, offcpu, wakeup; or
	// kept, what a measure in the kernel has found to be kept, by its stacks.
	Of string `yaml:"of,omitempty" json:"of,omitempty"`
}

// The views.
const (
	ViewFlame     = "flame"     // flame graph
	ViewTop       = "top"       // the functions with the most weight
	ViewTables    = "tables"    // what ebpf has aggregated
	ViewLatency   = "latency"   // latencies that a trace's events allow, with the story of the worst
	ViewTimeline  = "timeline"  // what CPUs and tasks did, over time
	ViewRecording = "recording" // the recording itself, for other tools
)

var views = map[string][]string{
	ViewFlame: {"samples", "offcpu", "wakeup", OfKept}, ViewTop: {"samples", "offcpu", "wakeup"},
	ViewTables: nil, ViewLatency: nil, ViewTimeline: nil, ViewRecording: nil,
}

// OfKept is what a flame graph of the kernel's tables weighs.
const OfKept = "kept"

// Shows says whether the view is of what a capture of this format makes.
func (v View) Shows(format string) bool {
	switch v.View {
	case ViewTables:
		return format == Tables
	case ViewRecording:
		return format == PerfData || format == TraceDat
	case ViewLatency, ViewTimeline:
		return format == TraceDat
	}
	if v.Of == OfKept {
		return format == Tables
	}
	return format == PerfData
}

// A Duration is written as Go writes it: "10s".
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*d = Duration(v)
	return nil
}

// maxRecipe is the largest recipe that is read.
const maxRecipe = 256 << 10

// Read reads one recipe. An unknown key is an error: a word that is misspelt
// would otherwise change nothing in silence.
func Read(r io.Reader) (*Recipe, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxRecipe+1))
	if err != nil {
		return nil, fmt.Errorf("read recipe: %w", err)
	}
	if len(b) > maxRecipe {
		return nil, fmt.Errorf("read recipe: it is larger than %d KiB; a recipe is a page of YAML", maxRecipe>>10)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var rec Recipe
	if err := d.Decode(&rec); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("read recipe: it is empty")
		}
		return nil, fmt.Errorf("read recipe: %w", err)
	}
	if err := rec.check(); err != nil {
		return nil, fmt.Errorf("recipe %s: %w", rec.Name, err)
	}
	return &rec, nil
}

var (
	recipeName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,39}$`)
	// What reaches the paths of tracefs and the kernel's parsers.
	eventName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*(:[A-Za-z0-9_]+)?$`)
	fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// check says what is wrong with a recipe, all of it.
func (r *Recipe) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !recipeName.MatchString(r.Name) {
		bad("name %q: use lower-case letters, digits and dashes", r.Name)
	}
	for what, text := range map[string]string{"title": r.Title, "answers": r.Answers, "cost": r.Cost} {
		if text == "" {
			bad("%s is missing", what)
		}
	}
	if !slices.Contains(groups, r.Group) {
		bad("group %q: use one of %s", r.Group, strings.Join(groups, ", "))
	}
	if r.For < 0 || time.Duration(r.For) > 24*time.Hour {
		bad("for: at most a day")
	}
	if len(r.Captures) == 0 {
		bad("captures is empty: say how it is recorded")
	}
	for i, c := range r.Captures {
		if err := c.check(); err != nil {
			bad("capture %d (%s): %w", i+1, c.With, err)
		}
	}
	if len(r.Show) == 0 {
		bad("show is empty: say how it is summarised")
	}
	for i, v := range r.Show {
		of, known := views[v.View]
		switch {
		case !known:
			bad("view %d: there is no view %q", i+1, v.View)
		case v.Of != "" && !slices.Contains(of, v.Of):
			bad("view %d: %s is not of %q", i+1, v.View, v.Of)
		}
	}
	return errors.Join(errs...)
}

func (c Capture) check() error {
	switch c.With {
	case PerfEvent, Tracefs:
		if len(c.Events) == 0 {
			return errors.New("events is empty")
		}
		for _, e := range c.Events {
			if !eventName.MatchString(e.Name) {
				return fmt.Errorf("event %q: write system:name, or the name of one of perf's own", e.Name)
			}
			if _, _, tracepoint := e.Tracepoint(); !tracepoint && c.With == Tracefs {
				return fmt.Errorf("event %q is no tracepoint", e.Name)
			}
			if strings.ContainsAny(e.Filter, "\n\x00") {
				return fmt.Errorf("event %s: its filter has more than one line", e.Name)
			}
		}
	case EBPF:
		if len(c.Measure) == 0 {
			return errors.New("measure is empty")
		}
		for _, m := range c.Measure {
			if err := m.check(); err != nil {
				return fmt.Errorf("measure %q: %w", m.Name, err)
			}
		}
	case KernelLog:
	case Command:
		if len(c.Argv) == 0 {
			return errors.New("argv is empty")
		}
		if !slices.Contains([]string{PerfData, TraceDat}, c.Makes) {
			return fmt.Errorf("makes %q: use perf.data or trace.dat", c.Makes)
		}
	default:
		return fmt.Errorf("there is no engine %q", c.With)
	}
	return nil
}

func (m Measure) check() error {
	if !fieldName.MatchString(m.Name) {
		return errors.New("give it a name of letters, digits and underscores")
	}
	if len(m.End) == 0 {
		return errors.New("end is empty")
	}
	if k := m.Kept; k != nil {
		if len(m.Begin) == 0 {
			return errors.New("begin is empty: what is kept has a beginning")
		}
		if (k.Size == "") == (k.Order == "") {
			return errors.New("kept has either size or order")
		}
	}
	if len(m.By) > 3 {
		return errors.New("by has more than three parts")
	}
	for _, p := range slices.Concat(m.Begin, m.End) {
		system, name, ok := strings.Cut(p.Event, ":")
		if !ok || !fieldName.MatchString(system) || !fieldName.MatchString(name) {
			return fmt.Errorf("event %q: write system:name", p.Event)
		}
		if p.At != "" && (!fieldName.MatchString(p.At) || len(m.Begin) == 0) {
			return fmt.Errorf("event %s: at names the field that has the time of a beginning or an end", p.Event)
		}
		if len(p.Key) > 2 {
			return fmt.Errorf("event %s: its key has more than two parts", p.Event)
		}
		if len(m.Begin) > 0 && len(p.Key) == 0 {
			return fmt.Errorf("event %s: key is missing: what makes a beginning and an end one interval?", p.Event)
		}
		for _, c := range p.When {
			if (len(c.Is) == 0) == (len(c.Not) == 0) || len(c.Is)+len(c.Not) > 16 {
				return fmt.Errorf("event %s: a condition has either is or not, with at most 16 values", p.Event)
			}
		}
	}
	return nil
}
