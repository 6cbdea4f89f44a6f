package kconfig

import (
	"fmt"
	"iter"
	"strings"
)

// A Type is what values a symbol may have.
type Type uint8

// The types. Unknown is the type of constants, and of names that nothing defines.
const (
	Unknown Type = iota
	Bool
	Tristate
	Int
	Hex
	String
)

// String gives the type's keyword.
func (t Type) String() string {
	return [...]string{"unknown", "bool", "tristate", "int", "hex", "string"}[t]
}

// MarshalText gives the keyword.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// symID names a symbol of a tree.
type symID int32

// The constants of the language are the first symbols of every tree.
const (
	symNone symID = iota
	symNo
	symModule
	symYes
	symFirst // the first that is none of them
)

type symbol struct {
	Name     string
	Type     Type
	constant bool // written in quotes, or y, m, n
	choice   bool // a choice block, which is a symbol without a name
	// optional and tristate choices are of the old dialect.
	optional     bool
	transitional bool
	probe        bool // its name contains answers that are not known yet
	warned       bool
	check        uint8

	firstProp, lastProp int32
	firstMenu, lastMenu int32
	// choiceOf is the choice block that the symbol is a member of.
	choiceOf symID
	// members of a choice block, in the order of the files.
	members []symID

	dirDep, revDep, implied exprID
	// selects and implies of this symbol by others, as (property).
	selectedBy, impliedBy []int32
}

type propKind uint8

const (
	propPrompt propKind = iota + 1
	propMenu            // the prompt of a menu or menuconfig
	propComment
	propDefault
	propSelect
	propImply
	propRange
)

var propText = [...]string{propPrompt: "prompt", propMenu: "prompt", propComment: "comment", propDefault: "default", propSelect: "select", propImply: "imply", propRange: "range"}

// isPrompt says that a property has a text that is shown.
func (k propKind) isPrompt() bool { return k <= propComment }

type prop struct {
	kind     propKind
	file     int32
	line     int32
	next     int32 // of the same symbol
	menu     int32
	expr     exprID // default; of a select and imply the symbol
	cond     exprID // with all that is around it
	own      exprID // as written after "if"
	low, hig symID  // range
	text     string
}

type entryKind uint8

const (
	entryConfig entryKind = iota
	entryMenuconfig
	entryChoice
	entryMenu
	entryComment
	entryIf
)

// entry is a node of the menus: what one place in a file defines.
type entry struct {
	kind       entryKind
	file       int32
	line       int32
	sym        symID
	parent     int32
	next       int32
	list       int32
	sameSym    int32 // the next entry of the same symbol
	prompt     int32
	dep        exprID // with all that is around it
	own        exprID // as written in "depends on"
	visibility exprID
	help       span
}

// span is a piece of a file.
type span struct{ start, end int32 }

// A Dialect is the set of rules by which a tree evaluates.
type Dialect struct {
	// OldChoices: choices are symbols of their own, may be tristate and optional.
	OldChoices bool `json:"old_choices"`
	// EmptyNumbers: int and hex symbols without a default are empty, not 0.
	EmptyNumbers bool `json:"empty_numbers"`
	// DropOutOfRange: a number of a .config that is out of range is dropped, not clamped.
	DropOutOfRange bool `json:"drop_out_of_range"`
}

// A Severity says how bad a diagnostic is.
type Severity uint8

// The severities. An error means that conf would refuse the tree.
const (
	Note Severity = iota
	Warning
	Error
)

// String gives the severity's name.
func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// MarshalText gives the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Diagnostic is what is wrong with a place in a tree.
type Diagnostic struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// String gives the diagnostic in the form of conf's.
func (d Diagnostic) String() string {
	sep := ": "
	if d.Severity == Warning {
		sep = ":warning: "
	}
	if d.File == "" {
		return d.Text
	}
	return fmt.Sprintf("%s:%d%s%s", d.File, d.Line, sep, d.Text)
}

// A Tree is a parsed set of Kconfig files. It does not change.
type Tree struct {
	// Diagnostics are what is wrong with the files, in the order in which it was found.
	Diagnostics []Diagnostic
	// Info is what $(info,…) says.
	Info []string
	// Incomplete says that something could not be read: what is there may lack symbols.
	Incomplete bool
	Dialect    Dialect

	exprs   exprs
	symbols []symbol
	props   []prop
	entries []entry // 0 is the root
	files   []file
	names   map[string]symID // what is not constant
	quoted  map[string]symID // constants
	modules symID
	probes  []probe
	env     map[string]string
	suspect int // diagnostics left off
}

type file struct {
	name string
	text string
}

const maxDiagnostics = 1000

func (t *Tree) report(file int32, line int, s Severity, format string, args ...any) {
	if s == Error {
		t.Incomplete = true
	}
	if len(t.Diagnostics) >= maxDiagnostics {
		t.suspect++
		return
	}
	name := ""
	if file >= 0 {
		name = t.files[file].name
	}
	t.Diagnostics = append(t.Diagnostics, Diagnostic{name, line, s, fmt.Sprintf(format, args...)})
}

// Title is the text of mainmenu, which heads every .config.
func (t *Tree) Title() string { return t.props[t.entries[0].prompt].text }

// Files counts the files that were read.
func (t *Tree) Files() int { return len(t.files) }

// Len counts the symbols that are defined.
func (t *Tree) Len() int {
	n := 0
	for range t.Symbols() {
		n++
	}
	return n
}

// A Symbol is one symbol of a tree.
type Symbol struct {
	t  *Tree
	id symID
}

// Lookup gives the symbol of a name; ok is false where no file defines it.
func (t *Tree) Lookup(name string) (s Symbol, ok bool) {
	id, ok := t.names[name]
	if !ok || t.symbols[id].Type == Unknown {
		return Symbol{}, false
	}
	return Symbol{t, id}, true
}

// Symbols gives the symbols that are defined, in the order of the files.
func (t *Tree) Symbols() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for m := range t.entries {
			id := t.entries[m].sym
			if id == 0 || t.symbols[id].firstMenu != int32(m) {
				continue
			}
			if s := &t.symbols[id]; s.Type == Unknown || s.choice || s.constant {
				continue
			}
			if !yield(Symbol{t, id}) {
				return
			}
		}
	}
}

func (s Symbol) sym() *symbol { return &s.t.symbols[s.id] }

// Name gives the name, without CONFIG_.
func (s Symbol) Name() string { return s.sym().Name }

// Type gives the type.
func (s Symbol) Type() Type { return s.sym().Type }

// Prompt gives the text that menus show for it, "" where it has none: such a symbol
// cannot be set.
func (s Symbol) Prompt() string {
	for p := s.sym().firstProp; p != 0; p = s.t.props[p].next {
		if s.t.props[p].kind.isPrompt() {
			return s.t.props[p].text
		}
	}
	return ""
}

// A Place is a line of a file.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String gives file:line.
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Definitions gives the places that define the symbol.
func (s Symbol) Definitions() []Place {
	var list []Place
	for m := s.sym().firstMenu; m != 0; m = s.t.entries[m].sameSym {
		e := &s.t.entries[m]
		list = append(list, Place{s.t.files[e.file].name, int(e.line)})
	}
	return list
}

// Help gives the help text, "" where there is none.
func (s Symbol) Help() string {
	text := ""
	for m := s.sym().firstMenu; m != 0; m = s.t.entries[m].sameSym {
		if e := &s.t.entries[m]; e.help.end > e.help.start {
			text = dedent(s.t.files[e.file].text[e.help.start:e.help.end])
		}
	}
	return text
}

// Menu gives the menus that lead to the symbol, from the outside in.
func (s Symbol) Menu() []string {
	m := s.sym().firstMenu
	for n := m; n != 0; n = s.t.entries[n].sameSym {
		if s.t.entries[n].prompt != 0 {
			m = n
			break
		}
	}
	var path []string
	for m = s.t.entries[m].parent; m != 0; m = s.t.entries[m].parent {
		if p := s.t.entries[m].prompt; p != 0 {
			path = append([]string{s.t.props[p].text}, path...)
		}
	}
	return path
}

// dedent takes the indentation of its first line from a help text.
func dedent(text string) string {
	var b strings.Builder
	first := -1
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		body := strings.TrimLeft(line, " \t")
		width := 0
		for _, c := range line[:len(line)-len(body)] {
			if c == '\t' {
				width = width&^7 + 8
			} else {
				width++
			}
		}
		if body != "" && first < 0 {
			first = width
		}
		if body != "" {
			b.WriteString(strings.Repeat(" ", max(0, width-first)))
			b.WriteString(body)
		}
		b.WriteByte('\n')
	}
	return strings.Trim(b.String(), "\n")
}

func (t *Tree) place(file, line int32) Place { return Place{t.files[file].name, int(line)} }
