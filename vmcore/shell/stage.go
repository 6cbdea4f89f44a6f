package shell

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringside/vmcore/object"
)

// stages say what may come after a |.
var stages = []struct{ name, args, help string }{
	{"where", "EXPRESSION", "the rows for which it is true"},
	{"select", "EXPRESSION, …", "these columns"},
	{"sort", "[-]EXPRESSION", "in its order; - the largest first"},
	{"head", "[N]", "the first N rows or lines"},
	{"tail", "[N]", "the last N rows or lines"},
	{"count", "[EXPRESSION]", "how many, by the value of an expression"},
	{"group", "by EXPRESSION|stack", "the same as count by, or stack"},
	{"stack", "", "the stacks of the tasks, the same ones once"},
	{"struct", "[MEMBER]", "the structure that each row was read from"},
	{"grep", "PATTERN", "the rows or lines that match"},
}

// stage runs one stage on the result of the one before.
func (c *call) stage(r result, text string) (result, error) {
	verb, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch verb {
	case "head", "tail":
		return head(r, verb, rest)
	case "grep":
		return grep(r, rest)
	}
	known := false
	for _, s := range stages {
		known = known || s.name == verb
	}
	switch {
	case !known:
		return r, fmt.Errorf("%s cannot come after a |: %s can", verb, stageNames())
	case r.table == nil && verb == "count" && rest == "":
		return counted(strings.Count(r.text, "\n")), nil
	case r.table == nil:
		return r, fmt.Errorf("%s wants a table, and what comes before the | prints text; tasks, mods, irqs and others make tables", verb)
	}
	out, err := c.rows(r.table, verb, rest)
	if e, ok := errors.AsType[*ExprError](err); ok && verb != "select" { // which says itself where it is
		err = fmt.Errorf("%s %s: %w", verb, rest, e)
	}
	return out, err
}

// rows runs a stage that wants a table.
func (c *call) rows(t *table, verb, rest string) (result, error) {
	switch verb {
	case "where":
		return c.where(t, rest)
	case "select":
		return c.selectColumns(t, rest)
	case "sort":
		return c.sort(t, rest)
	case "group":
		by := strings.TrimSpace(strings.TrimPrefix(rest, "by "))
		if by == "" {
			return result{}, errors.New("group by: an expression is expected after it, or stack")
		}
		if by == "stack" {
			return c.stacks(t)
		}
		return c.count(t, by)
	case "count":
		return c.count(t, rest)
	case "stack":
		return c.stacks(t)
	}
	return c.structs(t, rest)
}

func stageNames() string {
	var names []string
	for _, s := range stages {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// each evaluates an expression for every row.
func (c *call) each(t *table, n node, f func(*env, *row, value) error) error {
	e := &env{s: c.s, w: c.w, cols: t.cols}
	for i := range t.rows {
		e.row = &t.rows[i]
		v, err := n.eval(e)
		if err == nil {
			err = f(e, e.row, v)
		}
		if err = cmp.Or(err, c.ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) where(t *table, src string) (result, error) {
	n, err := compile(c.s.k, src)
	if err != nil {
		return result{}, err
	}
	out := &table{cols: t.cols}
	err = c.each(t, n, func(e *env, r *row, v value) error {
		yes, err := v.truth(e)
		if yes {
			out.rows = append(out.rows, *r)
		}
		return err
	})
	return result{table: out}, err
}

// list cuts expressions at the commas between them.
func list(src string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range src {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(src[from:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(src[from:]))
}

func (c *call) selectColumns(t *table, src string) (result, error) {
	cols := list(src)
	out := &table{cols: cols, rows: make([]row, len(t.rows))}
	for i, r := range t.rows {
		out.rows[i] = row{obj: r.obj, task: r.task}
	}
	for _, col := range cols {
		if at := slices.Index(t.cols, col); at >= 0 {
			for i, r := range t.rows {
				out.rows[i].cells = append(out.rows[i].cells, r.cells[at])
			}
			continue
		}
		n, err := compile(c.s.k, col)
		if err != nil {
			return result{}, fmt.Errorf("%s: %w", col, err)
		}
		i := 0
		if err := c.each(t, n, func(e *env, _ *row, v value) error {
			cell, err := v.cell(e)
			out.rows[i].cells = append(out.rows[i].cells, cell)
			i++
			return err
		}); err != nil {
			return result{}, fmt.Errorf("%s: %w", col, err)
		}
	}
	return result{table: out}, nil
}

func (c *call) sort(t *table, src string) (result, error) {
	src, down := strings.CutPrefix(src, "-")
	n, err := compile(c.s.k, src)
	if err != nil {
		return result{}, err
	}
	type keyed struct {
		key value
		row row
	}
	var rows []keyed
	e := c.env()
	if err := c.each(t, n, func(e *env, r *row, v value) error {
		key, err := v.load()
		if v.kind == kindPlace && isText(v.place) {
			key.kind = kindText
			key.s, err = v.text(e)
		}
		rows = append(rows, keyed{key, *r})
		return err
	}); err != nil {
		return result{}, err
	}
	slices.SortStableFunc(rows, func(a, b keyed) int {
		if down {
			a, b = b, a
		}
		if less, _ := e.compare(token{text: "<"}, a.key, b.key); less.n != 0 {
			return -1
		}
		more, _ := e.compare(token{text: ">"}, a.key, b.key)
		return int(more.n)
	})
	out := &table{cols: t.cols}
	for _, r := range rows {
		out.rows = append(out.rows, r.row)
	}
	return result{table: out}, nil
}

func counted(n int) result { return result{text: fmt.Sprintln(n), count: &n} }

// count counts rows, all or by the value of an expression.
func (c *call) count(t *table, src string) (result, error) {
	if src == "" {
		return counted(len(t.rows)), nil
	}
	src = strings.TrimPrefix(src, "by ")
	n, err := compile(c.s.k, src)
	if err != nil {
		return result{}, err
	}
	counts := map[string]int64{}
	if err := c.each(t, n, func(e *env, _ *row, v value) error {
		cell, err := v.cell(e)
		counts[cellText(cell)]++
		return err
	}); err != nil {
		return result{}, err
	}
	out := &table{cols: []string{"count", src}}
	for text, n := range counts {
		out.rows = append(out.rows, row{cells: []any{n, text}})
	}
	slices.SortFunc(out.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.cells[0].(int64), a.cells[0].(int64)), cmp.Compare(a.cells[1].(string), b.cells[1].(string)))
	})
	return result{table: out}, nil
}

// structs prints the structures that rows were read from.
func (c *call) structs(t *table, member string) (result, error) {
	var b strings.Builder
	var trees []object.Tree
	for _, r := range t.rows {
		v := r.obj
		if member != "" && v.Valid() {
			if !v.Has(member) {
				return result{}, fmt.Errorf("%s has no member %q%s", v.Type(), member, likely(v.Spec(), v.TypeID(), member))
			}
			v = v.Field(member)
		}
		tree := object.TreeOf(v, 1)
		tree.Name = member
		trees = append(trees, tree)
		writeTree(&b, tree, 0)
		if err := c.ctx.Err(); err != nil || b.Len() > maxText {
			return result{text: b.String(), values: trees}, err
		}
	}
	return result{text: b.String(), values: trees}, nil
}

// maxText bounds what one command prints.
const maxText = 64 << 20

func head(r result, verb, arg string) (result, error) {
	n := 10
	if arg != "" {
		var err error
		if n, err = strconv.Atoi(strings.TrimPrefix(arg, "-")); err != nil || n < 0 {
			return r, fmt.Errorf("%s: a number is expected, not %q", verb, arg)
		}
	}
	if r.table != nil {
		rows := r.table.rows
		n = min(n, len(rows))
		if verb == "head" {
			return result{table: &table{r.table.cols, rows[:n]}}, nil
		}
		return result{table: &table{r.table.cols, rows[len(rows)-n:]}}, nil
	}
	lines := strings.SplitAfter(strings.TrimSuffix(r.text, "\n"), "\n")
	n = min(n, len(lines))
	if verb == "head" {
		lines = lines[:n]
	} else {
		lines = lines[len(lines)-n:]
	}
	return result{text: strings.TrimSuffix(strings.Join(lines, ""), "\n") + "\n"}, nil
}
