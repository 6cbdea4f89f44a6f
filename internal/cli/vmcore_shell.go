package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringside/internal/render"
	"ringside/vmcore/shell"
)

func newVmcoreShell(s Streams) *cobra.Command {
	var d dumpFlags
	var lines []string
	c := &cobra.Command{
		Use: "shell DUMP...", Short: "Ask about a dump, in the words of crash and in pipelines", Args: cobra.MinimumNArgs(1),
		Long: `Shell answers questions about a dump. The commands have the names that they have
in crash, and what lists things can be filtered, sorted and counted after a |.
Where standard input is no terminal, it reads commands from it, one a line. The
exit code is 1 if the last command failed.`,
		Example: "  ringside vmcore shell vmcore\n  ringside vmcore shell vmcore -c 'tasks | where state=D && waited>10 | stack'\n  echo 'bt -a' | ringside vmcore shell vmcore",
		RunE: func(c *cobra.Command, args []string) error {
			k, end, err := d.open(c.Context(), s, args)
			if err != nil {
				return err
			}
			defer end()
			sh := shell.New(k, shell.Options{
				Create: func(name string) (io.WriteCloser, error) { return os.Create(name) },
				Open:   func(name string) (io.ReadCloser, error) { return os.Open(name) },
				Note:   func(text string) { fmt.Fprintln(s.Err, "note: "+render.Complaint(text)) },
			})
			if len(lines) > 0 {
				return runLines(c.Context(), s, sh, strings.NewReader(strings.Join(lines, "\n")))
			}
			if in, ok := s.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
				return converse(c.Context(), s, sh, in)
			}
			return runLines(c.Context(), s, sh, s.In)
		},
	}
	d.flags(c)
	c.Flags().StringArrayVarP(&lines, "command", "c", nil, "run `COMMAND` and leave; may be given several times")
	return c
}

// runLines runs commands from a stream.
func runLines(ctx context.Context, s Streams, sh *shell.Shell, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var last error
	for lines.Scan() {
		err := sh.Run(ctx, lines.Text(), s.Out)
		if errors.Is(err, shell.ErrExit) {
			break
		}
		if ctx.Err() != nil {
			return &exitError{exitInternal, ctx.Err()}
		}
		if last = err; err != nil {
			fmt.Fprintln(s.Err, "ringside: "+render.Complaint(err.Error()))
		}
	}
	if err := lines.Err(); err != nil {
		return usagef("read commands: %w", err)
	}
	if last != nil { // it has been told
		return &exitError{exitFinding, nil}
	}
	return nil
}

// converse runs the commands that somebody types.
func converse(ctx context.Context, s Streams, sh *shell.Shell, in *os.File) error {
	past := openHistory()
	defer past.close()
	sh.Remember(past.lines)
	t := &typist{in: in, out: s.Out, ctx: ctx, sh: sh}
	var last error
	for {
		line, err := t.read(sh.Rung().String() + "> ")
		if errors.Is(err, errDropped) {
			fmt.Fprintln(s.Out, "^C")
			continue
		}
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(s.Out)
			break
		}
		if err != nil {
			return &exitError{exitInternal, fmt.Errorf("read the terminal: %w", err)}
		}
		past.add(line)
		// ^C ends the command, and not the shell.
		run, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt)
		last = sh.Run(run, line, s.Out)
		interrupted := run.Err() != nil
		stop()
		switch {
		case errors.Is(last, shell.ErrExit):
			return nil
		case interrupted:
			fmt.Fprintln(s.Err, "interrupted")
		case last != nil:
			fmt.Fprintln(s.Err, render.Complaint(last.Error()))
		}
	}
	if last != nil {
		return &exitError{exitFinding, nil}
	}
	return nil
}

// typist reads lines from a terminal, which is raw only while it does: a command
// that runs is ended by ^C.
type typist struct {
	in   *os.File
	out  io.Writer
	ctx  context.Context
	sh   *shell.Shell
	tt   *term.Terminal
	quit bool // ^C was typed
}

// Read notices ^C, which the terminal tells as the end of the input.
func (t *typist) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.quit = t.quit || bytes.IndexByte(p[:n], 3) >= 0
	return n, err
}

func (t *typist) Write(p []byte) (int, error) { return t.out.Write(p) }

// errDropped says that ^C dropped what was typed.
var errDropped = errors.New("dropped")

func (t *typist) read(prompt string) (line string, err error) {
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, term.Restore(int(t.in.Fd()), before)) }()
	if t.tt == nil { // it keeps what was typed ahead
		t.tt = term.NewTerminal(t, prompt)
		t.tt.History = lineHistory{t.sh}
		t.tt.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
			if key != '\t' {
				return "", 0, false
			}
			return t.complete(t.tt, line, pos)
		}
	}
	if w, h, err := term.GetSize(int(t.in.Fd())); err == nil && w > 0 {
		if err := t.tt.SetSize(w, h); err != nil {
			return "", err
		}
	}
	line, err = t.tt.ReadLine()
	if errors.Is(err, io.EOF) && t.quit {
		t.tt, t.quit = nil, false
		return "", errDropped
	}
	return line, err
}

// maxOffered bounds the completions that are printed.
const maxOffered = 60

// complete extends the word before the cursor as far as there is one way to, and
// prints what there is to choose from where there are more.
func (t *typist) complete(w io.Writer, line string, pos int) (string, int, bool) {
	from, words := t.sh.Complete(t.ctx, line[:pos])
	if len(words) == 0 {
		return line, pos, true
	}
	common := words[0]
	for _, word := range words[1:] {
		for !strings.HasPrefix(word, common) {
			common = common[:len(common)-1]
		}
	}
	if len(words) == 1 && !strings.HasSuffix(line[:from], ".") {
		common += " "
	}
	if typed := line[from:pos]; len(words) > 1 && common == typed {
		more := ""
		if n := len(words) - maxOffered; n > 0 {
			words, more = words[:maxOffered], fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintln(w, strings.Join(words, "  ")+more)
		return line, pos, true
	}
	return line[:from] + common + line[pos:], from + len(common), true
}

// lineHistory gives the terminal what the shell remembers.
type lineHistory struct{ sh *shell.Shell }

func (lineHistory) Add(string) {} // the shell remembers what it runs

func (h lineHistory) Len() int { return len(h.sh.Past()) }

// At returns a line, the latest first.
func (h lineHistory) At(i int) string {
	past := h.sh.Past()
	return past[len(past)-1-i]
}
