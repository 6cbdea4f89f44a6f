package shell

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// emptyKernel is that of a dump which says nothing: memory of zeroes.
func emptyKernel(t testing.TB) *kernel.Kernel {
	t.Helper()
	f, err := dump.Open([]dump.Input{{Name: "zeroes", R: strings.NewReader(strings.Repeat("\x00", 1<<16)), Size: 1 << 16}}, dump.Options{Raw: true})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.Open(t.Context(), f, kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// anEnv has one row, as where has.
func anEnv(t testing.TB) *env {
	s := New(emptyKernel(t), Options{})
	return &env{s: s, w: s.k.Walk(context.Background()), cols: []string{"pid", "comm", "waited", "state", "none"},
		row: &row{cells: []any{int64(-7), "kworker/0:1", 12.5, "D", nil}}}
}

func TestExpressions(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"1 + 2 * 3", "7"},
		{"(1 + 2) * 3", "9"},
		{"7 / 2", "3"},
		{"-7 / 2", "-3"},
		{"7 % 4 << 2", "12"},
		{"0xff & ~0xf", "240"},
		{"1 | 6 ^ 2", "5"},
		{"!0", "1"},
		{"3 > 2 && 2 > 3", "0"},
		{"3 > 2 || 1 / 0", "1"},
		{"1.5 * 2", "3"},
		{"2 - 3", "-1"},
		{"-1 < 1", "1"},
		{"0xffffffffffffffff > 1", "1"},
		{"ffffffff81000000 - 0xffffffff80000000", "16777216"},
		{"pid = -7", "1"},
		{"pid < 0", "1"},
		{"state=D", "1"},
		{"state = D && waited>10", "1"},
		{"state!=D", "0"},
		{"comm~^kworker/", "1"},
		{"comm ~ \"kworker|init\"", "1"},
		{"comm !~ migration && waited > 12", "1"},
		{"(comm~kworker)", "1"},
		{"none > 3", "0"},
		{"none = 0", "1"},
		{"none->mm->pgd", "NULL"},
	} {
		n, err := compile(nil, tt.src)
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
			continue
		}
		v, err := n.eval(anEnv(t))
		if err != nil {
			t.Errorf("%s: %v", tt.src, err)
		} else if v.String() != tt.want {
			t.Errorf("%s = %s, want %s", tt.src, v, tt.want)
		}
	}
}

// An error says at which column it is, and what was expected there.
func TestExpressionErrors(t *testing.T) {
	for _, tt := range []struct {
		src  string
		col  int
		text string
	}{
		{"1 +", 4, "is expected, not the end"},
		{"(1", 3, `")" is expected`},
		{"1 2", 3, "an operator is expected"},
		{"'abc", 1, "no closing '"},
		{"a $ b", 3, "has no meaning"},
		{"1 / 0", 3, "division by zero"},
		{"comm + 1", 6, "wants numbers"},
		{"comm ~ (", 8, "missing closing )"},
		{"pid ~ 3", 0, ""},
		{"nothing > 3", 1, "it is no column (pid, comm, waited, state, none) and no variable"},
		{"pid.x", 5, "a cast says what it points to"},
		{"none->3", 7, "the name of a member is expected"},
		{"0x", 1, "is no number"},
		{"99999999999999999999", 1, "is no number of 64 bits"},
		{"runqueues:x", 11, "the number of a CPU is expected"},
		{strings.Repeat("(", 300) + "1", 0, "nests deeper"},
		{strings.Repeat("1+", 3000) + "1", 0, "parts"},
	} {
		n, err := compile(nil, tt.src)
		if err == nil {
			_, err = n.eval(anEnv(t))
		}
		if tt.text == "" && err == nil {
			continue
		}
		e, ok := errors.AsType[*ExprError](err)
		if !ok || tt.col != 0 && e.Col != tt.col || !strings.Contains(e.Text, tt.text) {
			t.Errorf("%.40s: %v, want column %d: %s", tt.src, err, tt.col, tt.text)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		line   string
		stages []string
		file   string
		json   bool
		err    string
	}{
		{line: "tasks | where state=D && waited>10 | stack", stages: []string{"tasks", "where state=D && waited>10", "stack"}},
		{line: "tasks | where pid > 10 > out.txt", stages: []string{"tasks", "where pid > 10 > out.txt"}},
		{line: "tasks | where pid > 10 | > out.txt", stages: []string{"tasks", "where pid > 10"}, file: "out.txt"},
		{line: "tasks | select (pid > 10) > out.txt", stages: []string{"tasks", "select (pid > 10)"}, file: "out.txt"},
		{line: "tasks | head 3 > out.txt", stages: []string{"tasks", "head 3"}, file: "out.txt"},
		{line: "tasks | where a || b", stages: []string{"tasks", "where a || b"}},
		{line: "p (1 | 2)", stages: []string{"p (1 | 2)"}},
		{line: "tasks | where comm ~ 'a|b'", stages: []string{"tasks", "where comm ~ 'a|b'"}},
		{line: "mods --json", stages: []string{"mods"}, json: true},
		{line: "mods | --json", stages: []string{"mods"}, json: true},
		{line: "mods |", err: "nothing between"},
		{line: "mods >", stages: []string{"mods >"}, err: "the name of a file"},
		{line: "p 'x", err: "no closing '"},
	} {
		stages, file, asJSON, err := cut(tt.line)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %s", tt.line, err, tt.err)
			}
			continue
		}
		if err != nil || !slices.Equal(stages, tt.stages) || file != tt.file || asJSON != tt.json {
			t.Errorf("%s: %q %q %v %v", tt.line, stages, file, asJSON, err)
		}
	}
}

// Whatever is typed, the answer is an answer or an error, and never a panic that
// Run had to catch.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		"tasks | where state=D && waited>10 | stack", "p ((struct task_struct *)0xffff8ce2801e5040)->comm[3]", "help", "rd -p 0 4 > x",
		"log | grep x | head 3", "sym -q a --json", "sys | tail -3", "help | count", "vtop ffffffff81000000", "p -(1.5*2)%0 | head",
		"search -c x", "search 0 | head 1", "foreach UN bt", "px &runqueues:0", "p sizeof(struct x)", "dis 0 3", "rd -8 -p 10 3", "history | grep 'a|b'", "0~0 %&A",
	} {
		f.Add(seed)
	}
	k := emptyKernel(f)
	f.Fuzz(func(t *testing.T, line string) {
		s := New(k, Options{Note: func(string) {}})
		var b strings.Builder
		if err := s.Run(t.Context(), line, &b); err != nil && strings.Contains(err.Error(), "a mistake in ringside") {
			t.Fatalf("%q: %v", line, err)
		}
		from, _ := s.Complete(t.Context(), line)
		if from < 0 || from > len(line) {
			t.Fatalf("%q: completes at %d", line, from)
		}
		// As the stages have it: with a row.
		n, err := compile(nil, line)
		if err != nil {
			return
		}
		e := &env{s: s, w: k.Walk(t.Context()), cols: []string{"pid", "comm"}, row: &row{cells: []any{int64(1), "init"}}}
		if v, err := n.eval(e); err == nil {
			_, _ = v.cell(e) // a panic is what is looked for
		}
	})
}
