package script

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// SchemaID names the JSON form of Result.
const SchemaID = "https://ringside.dev/schemas/vmcore-script.v1.json"

// Result is what a script said.
type Result struct {
	Schema string      `json:"schema"`
	Script string      `json:"script"`
	Rung   kernel.Rung `json:"rung"`
	// Output is what it printed, line by line.
	Output []string `json:"output"`
	// Findings are what it reported, in its own order.
	Findings []vmcore.Finding `json:"findings"`
	// Error is why it ended before its end; what it had said until then is good.
	Error string `json:"error,omitempty"`
}

// Options bound a script.
type Options struct {
	Args   []string
	Steps  uint64 // 0 stands for 100 million
	Memory uint64 // bytes; 0 stands for 256 MiB
}

// Bounds of a script that nobody needs to change.
const (
	maxSource   = 1 << 20
	maxOutput   = 16 << 20
	maxFindings = 1000
	defSteps    = 100_000_000
	defMemory   = 256 << 20
)

// Error is what is wrong with a script, and where.
type Error struct {
	File      string
	Line, Col int // 0 where it is in no line
	Text      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Text)
}

// session is one run of a script.
type session struct {
	ctx     context.Context
	k       *kernel.Kernel
	w       *kernel.Walk
	result  *Result
	printed int
	cpus    []object.CPU
	pointer *object.Pointers
}

// Run runs a script. An error is an [*Error], or that of the context; what the
// script had said comes with it.
func Run(ctx context.Context, k *kernel.Kernel, name string, src []byte, o Options) (r *Result, err error) {
	r = &Result{Schema: SchemaID, Script: name, Rung: k.Rung(), Output: []string{}, Findings: []vmcore.Finding{}}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a mistake in ringside: please report it with this text: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			r.Error = err.Error()
		}
	}()
	if len(src) > maxSource {
		return r, &Error{File: name, Text: fmt.Sprintf("a script may have %d bytes", maxSource)}
	}
	s := &session{ctx: ctx, k: k, w: k.Walk(ctx), result: r}
	thread := &starlark.Thread{Name: name, Print: func(t *starlark.Thread, text string) { s.print(t, text) }}
	defer context.AfterFunc(ctx, func() { thread.Cancel("it was told to end") })()
	bound(thread, cmp.Or(o.Steps, defSteps), cmp.Or(o.Memory, defMemory))
	args := make([]starlark.Value, len(o.Args))
	for i, a := range o.Args {
		args[i] = starlark.String(a)
	}
	// Recursion stays forbidden: it would be bounded by nothing but Go's stack.
	options := &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}
	_, err = starlark.ExecFileOptions(options, thread, name, src, starlark.StringDict{
		"k": theKernel{s}, "args": starlark.NewList(args), "report": starlark.NewBuiltin("report", s.report),
	})
	if cerr := ctx.Err(); cerr != nil {
		return r, cerr
	}
	return r, locate(name, cmp.Or(err, s.w.Err()))
}

// bound keeps a thread within its steps and its memory.
func bound(thread *starlark.Thread, steps, memory uint64) {
	const every = 16 // steps between two looks at the memory
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() uint64 {
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return sample[0].Value.Uint64()
	}
	before := heap()
	thread.SetMaxExecutionSteps(every)
	thread.OnMaxSteps = func(t *starlark.Thread) {
		used := heap()
		next := t.Steps + every
		if used > before+memory/8 { // closer to the bound it is looked at more closely
			next = t.Steps + 1
		}
		switch {
		case t.Steps >= steps:
			t.Cancel(fmt.Sprintf("it took more than %d steps", steps))
		case used > before+memory:
			t.Cancel(fmt.Sprintf("it used more than %d MiB of memory", memory>>20))
		default:
			t.SetMaxExecutionSteps(next)
		}
	}
}

// locate says where in a script an error is.
func locate(name string, err error) error {
	if err == nil {
		return nil
	}
	out := &Error{File: name, Text: err.Error()}
	var parse syntax.Error
	var eval *starlark.EvalError
	switch {
	case errors.As(err, &parse):
		out.Line, out.Col, out.Text = int(parse.Pos.Line), int(parse.Pos.Col), parse.Msg
	case errors.As(err, &eval):
		out.Text = strings.TrimPrefix(eval.Msg, "Starlark computation cancelled: ")
		for i := range eval.CallStack {
			if p := eval.CallStack.At(i).Pos; p.Filename() == name && p.Line > 0 { // and no function of ours
				out.Line, out.Col = int(p.Line), int(p.Col)
				break
			}
		}
	default:
		if list, ok := errors.AsType[resolve.ErrorList](err); ok && len(list) > 0 {
			out.Line, out.Col, out.Text = int(list[0].Pos.Line), int(list[0].Pos.Col), list[0].Msg
		}
	}
	return out
}

func (s *session) print(t *starlark.Thread, text string) {
	if s.printed += len(text) + 1; s.printed > maxOutput {
		t.Cancel(fmt.Sprintf("it printed more than %d MiB", maxOutput>>20))
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		s.result.Output = append(s.result.Output, line)
	}
}

// report adds a finding.
func (s *session) report(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f := vmcore.Finding{Confidence: 0.5, Rank: len(s.result.Findings) + 1, Evidence: []vmcore.Evidence{}}
	var evidence, next *starlark.List
	var confidence starlark.Value = starlark.Float(f.Confidence)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "kind", &f.Kind, "title", &f.Title, "evidence?", &evidence, "confidence?", &confidence, "next?", &next); err != nil {
		return nil, err
	}
	var ok bool
	if f.Confidence, ok = starlark.AsFloat(confidence); !ok || f.Confidence < 0 || f.Confidence > 1 {
		return nil, errors.New("report: confidence is a number from 0 to 1")
	}
	if len(s.result.Findings) >= maxFindings {
		return nil, fmt.Errorf("report: a script may report %d findings", maxFindings)
	}
	for e := range elements(evidence) {
		var out vmcore.Evidence
		if pair, ok := e.(starlark.Tuple); ok && len(pair) == 2 { // a text and the object that it is about
			out.Object, e = plainText(pair[1]), pair[0]
		}
		out.Text = plainText(e)
		f.Evidence = append(f.Evidence, out)
	}
	for e := range elements(next) {
		f.Next = append(f.Next, plainText(e))
	}
	s.result.Findings = append(s.result.Findings, f)
	return starlark.None, nil
}

func elements(l *starlark.List) func(func(starlark.Value) bool) {
	return func(yield func(starlark.Value) bool) {
		if l == nil {
			return
		}
		for v := range l.Elements() {
			if !yield(v) {
				return
			}
		}
	}
}

// plainText is a text as it is, and other values as print writes them.
func plainText(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	return v.String()
}
