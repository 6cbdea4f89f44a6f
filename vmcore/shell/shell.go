package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// walker is what reads memory for a command.
type walker = kernel.Walk

// Options are what a shell may do beside answering.
type Options struct {
	// Create makes the file that > names; without it there are no files.
	Create func(name string) (io.WriteCloser, error)
	// Open opens the file that source names; without it there are no scripts.
	Open func(name string) (io.ReadCloser, error)
	// Note is told what could not be read for an answer.
	Note func(text string)
}

// Shell answers commands about one dump, one after the other.
type Shell struct {
	k    *kernel.Kernel
	o    Options
	task uint64 // what `set` chose
	once sync.Once
	vars map[string]variable
	past []string // lines, the oldest first
}

// New makes a shell.
func New(k *kernel.Kernel, o Options) *Shell { return &Shell{k: k, o: o} }

// ErrExit is what "exit" ends a shell with.
var ErrExit = errors.New("exit")

// call is one run of a command.
type call struct {
	s    *Shell
	ctx  context.Context
	w    *kernel.Walk
	args []string
	rest string // the arguments as they were typed
}

func (c *call) env() *env { return &env{s: c.s, w: c.w} }

// maxLine bounds a line.
const maxLine = 64 << 10

// Run answers one line. It returns [ErrExit] where the line asks for the end.
// What a command panics with is a mistake of ours that a lying dump found; it
// costs the answer and not the session.
func (s *Shell) Run(ctx context.Context, line string, out io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a mistake in ringside: please report it with this text: %v\n%s", p, debug.Stack())
		}
	}()
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if len(line) > maxLine {
		return fmt.Errorf("the line has %d bytes, and may have %d", len(line), maxLine)
	}
	s.remember(line)
	stages, file, asJSON, err := cut(line)
	if err != nil {
		return err
	}
	c := s.call(ctx)
	r, err := c.pipeline(stages)
	if err != nil && !partial(err) {
		return err
	}
	c.note()
	if file == "" {
		return errors.Join(r.write(out, asJSON), err)
	}
	if s.o.Create == nil {
		return errors.New("> FILE: files cannot be written from here")
	}
	f, ferr := s.o.Create(file)
	if ferr != nil {
		return ferr
	}
	return errors.Join(r.write(f, asJSON), f.Close(), err)
}

// call begins a command, with a walk of its own.
func (s *Shell) call(ctx context.Context) *call { return &call{s: s, ctx: ctx, w: s.k.Walk(ctx)} }

// pipeline runs a command and the stages after it. With an error that is partial
// comes what was found until then.
func (c *call) pipeline(stages []string) (result, error) {
	r, err := c.first(stages[0])
	for _, stage := range stages[1:] {
		if err != nil && !partial(err) {
			break
		}
		var serr error
		if r, serr = c.stage(r, stage); serr != nil {
			return r, serr
		}
		err = cmp.Or(err, c.w.Err())
	}
	return r, err
}

// partial reports whether what comes with an error is good as far as it goes.
func partial(err error) bool {
	_, part := errors.AsType[*partError](err)
	return part || errors.Is(err, kernel.ErrBudget)
}

// note tells what could not be read.
func (c *call) note() {
	faults, more := c.w.Faults()
	if len(faults) == 0 || c.s.o.Note == nil {
		return
	}
	f := faults[0]
	text := fmt.Sprintf("%s at %#x: %s", cmp.Or(f.Path, "memory"), f.Addr, f.Text)
	if more += len(faults) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more that could not be read)", more)
	}
	c.s.o.Note(text)
}

// maxPast bounds how many lines are remembered.
const maxPast = 1000

// remember keeps a line for history, once if it comes several times in a row.
func (s *Shell) remember(line string) {
	if n := len(s.past); n > 0 && s.past[n-1] == line {
		return
	}
	if s.past = append(s.past, line); len(s.past) > maxPast {
		s.past = slices.Delete(s.past, 0, len(s.past)-maxPast)
	}
}

// Remember takes lines of earlier sessions for history, the oldest first.
func (s *Shell) Remember(lines []string) {
	for _, l := range lines {
		s.remember(l)
	}
}

// Past returns the lines that were typed, the oldest first.
func (s *Shell) Past() []string { return slices.Clone(s.past) }

// expressive are the commands and stages in which > compares; elsewhere that
// wants parentheses.
var expressive = []string{"where", "p", "px", "print", "eval"}

// cut divides a line into its stages, the file after >, and whether --json was
// asked for.
func cut(line string) (stages []string, file string, asJSON bool, err error) {
	depth, quote, from := 0, byte(0), 0
	end := len(line)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case depth == 0 && c == '|':
			if i+1 < len(line) && line[i+1] == '|' {
				i++
				continue
			}
			stages, from = append(stages, strings.TrimSpace(line[from:i])), i+1
		case depth == 0 && c == '>' && i > 0 && line[i-1] == ' ':
			verb, _, _ := strings.Cut(strings.TrimSpace(line[from:i]), " ")
			if !slices.Contains(expressive, verb) {
				if file = strings.TrimSpace(line[i+1:]); file == "" || strings.ContainsAny(file, "|>") {
					return nil, "", false, errors.New("the name of a file is expected after >, and nothing after it")
				}
				end = i
			}
		}
		if end < len(line) {
			break
		}
	}
	if quote != 0 {
		return nil, "", false, fmt.Errorf("a text has no closing %c", quote)
	}
	stages = append(stages, strings.TrimSpace(line[from:end]))
	last := &stages[len(stages)-1]
	if text, ok := strings.CutSuffix(*last, "--json"); ok && (text == "" || strings.HasSuffix(text, " ")) {
		*last, asJSON = strings.TrimSpace(text), true
	}
	if len(stages) > 1 && *last == "" && (asJSON || file != "") { // tasks | --json
		stages = stages[:len(stages)-1]
	}
	if i := slices.Index(stages, ""); i >= 0 {
		return nil, "", false, errors.New("there is nothing between two |, or after the last")
	}
	return stages, file, asJSON, nil
}

// first runs the command that a line begins with.
func (c *call) first(text string) (result, error) {
	verb, rest, _ := strings.Cut(text, " ")
	if r, ok := strings.CutPrefix(text, "*"); ok { // crash's short form of struct
		verb, rest = "struct", r
	}
	cmd, err := lookup(verb)
	if err != nil {
		return result{}, err
	}
	if cmd.types && c.s.k.Types == nil {
		return result{}, fmt.Errorf("%s needs the kernel's types, and the dump has none: log, rd, sym and vtop work without", verb)
	}
	c.rest = strings.TrimSpace(rest)
	c.args = strings.Fields(c.rest)
	r, err := cmd.run(c)
	return r, cmp.Or(err, c.w.Err())
}

// context returns the address of the task that is looked at: the one that was
// set, or that of the CPU which panicked.
func (s *Shell) context(w *kernel.Walk) uint64 {
	if s.task == 0 {
		cpus := object.CPUs(w)
		panicked := object.SystemOf(w).PanicCPU
		for _, c := range cpus {
			if s.task == 0 || panicked != nil && c.Number == *panicked {
				s.task = c.Curr.Addr
			}
		}
	}
	return s.task
}
