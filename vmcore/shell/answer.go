package shell

import (
	"encoding/json"
	"io"
	"strings"
	"unicode"

	"ringside/vmcore/object"
)

// SchemaID names the JSON form of [Answer].
const SchemaID = "https://ringside.dev/schemas/vmcore-shell.v1.json"

// Answer is what a line is answered with, where it ends in --json. A table has
// Columns and Rows; what is not a table has whichever of the others fits.
type Answer struct {
	Schema  string                       `json:"schema"`
	Columns []string                     `json:"columns,omitempty"`
	Rows    []map[string]json.RawMessage `json:"rows,omitempty"` // by the names of the columns
	Count   *int                         `json:"count,omitempty"`
	Stacks  []Stack                      `json:"stacks,omitempty"`
	Values  []object.Tree                `json:"values,omitempty"`
	Lines   []string                     `json:"lines,omitempty"` // of text
}

// Stack is the stack of tasks that have the same.
type Stack struct {
	Tasks  []StackTask `json:"tasks"`
	Frames []string    `json:"frames"` // the innermost first
	End    string      `json:"end,omitempty"`
}

// StackTask names a task.
type StackTask struct {
	PID   int         `json:"pid"`
	Comm  string      `json:"comm"`
	State string      `json:"state"`
	CPU   int         `json:"cpu"`
	Addr  object.Addr `json:"addr"`
}

// result is what a command gives: a table, or text, of which the rest is what it
// was made from.
type result struct {
	table  *table
	text   string
	count  *int
	stacks []Stack
	values []object.Tree
}

// write prints a result.
func (r result) write(out io.Writer, asJSON bool) error {
	switch {
	case asJSON:
		a, err := r.answer()
		if err != nil {
			return err
		}
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(a)
	case r.table != nil:
		return r.table.write(out)
	}
	_, err := io.WriteString(out, harmless(r.text))
	return err
}

// harmless takes out of a text what moves the cursor: the dump wrote it.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '?'
		}
		return r
	}, text)
}

func (r result) answer() (Answer, error) {
	a := Answer{Schema: SchemaID, Count: r.count, Stacks: r.stacks, Values: r.values}
	switch {
	case r.table != nil:
		a.Columns = r.table.cols
		var err error
		a.Rows, err = r.table.objects()
		return a, err
	case a.Count == nil && a.Stacks == nil && a.Values == nil:
		a.Lines = strings.Split(strings.TrimSuffix(r.text, "\n"), "\n")
	}
	return a, nil
}
