package meaning

import (
	_ "embed"
	"strings"

	"go.yaml.in/yaml/v3"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

//go:embed meaning.yaml
var builtin string

// A Class is a kind of code.
type Class struct {
	Prefix  string `yaml:"prefix" json:"-"`
	Class   string `yaml:"class" json:"class"`
	Surface string `yaml:"surface" json:"surface"`
}

// A Note is what is known of a symbol's effect.
type Note struct {
	Symbol string `yaml:"symbol" json:"-"`
	Effect string `yaml:"effect" json:"effect"`
	Text   string `yaml:"text" json:"text"`
}

// Tables are the classes and notes.
type Tables struct {
	Classes []Class `yaml:"classes"`
	Notes   []Note  `yaml:"notes"`
	notes   map[string]Note
}

// Builtin gives the tables that Ringside brings.
func Builtin() *Tables {
	t := &Tables{notes: map[string]Note{}}
	if err := yaml.Unmarshal([]byte(builtin), t); err != nil {
		// A test reads them, too.
		panic("meaning: meaning.yaml: " + err.Error())
	}
	for _, n := range t.Notes {
		t.notes[n.Symbol] = n
	}
	return t
}

// Class gives the class of code that a file of a tree is about.
func (t *Tables) Class(file string) (c Class) {
	for _, x := range t.Classes {
		if (file == x.Prefix || strings.HasPrefix(file, x.Prefix+"/")) && len(x.Prefix) > len(c.Prefix) {
			c = x
		}
	}
	return c
}

// Note gives what is known of a symbol.
func (t *Tables) Note(symbol string) (Note, bool) {
	n, ok := t.notes[symbol]
	return n, ok
}

// A Direction is what a change does to what there is.
type Direction string

// The directions.
const (
	Adds    Direction = "adds"    // code comes in
	Removes Direction = "removes" // code goes
	Moves   Direction = "moves"   // from the kernel into a module, or back
	Tunes   Direction = "tunes"   // a number or text is another
)

// A Change is a difference of two configurations with what it means.
type Change struct {
	dotconfig.Difference
	Direction Direction `json:"direction"`
	Prompt    string    `json:"prompt,omitempty"`
	Menu      []string  `json:"menu,omitempty"`
	Help      string    `json:"help,omitempty"` // its first sentence
	Place     string    `json:"place,omitempty"`
	Class     string    `json:"class,omitempty"`
	Surface   string    `json:"surface,omitempty"`
	Note      *Note     `json:"note,omitempty"`
	// Follows says that users cannot set the symbol: it follows from others.
	Follows bool `json:"follows,omitempty"`
	// Unknown says that the tree has no such symbol.
	Unknown bool `json:"unknown,omitempty"`
}

// Of says what differences mean under a tree. tree may be nil.
func (t *Tables) Of(tree *kconfig.Tree, list []dotconfig.Difference) []Change {
	out := make([]Change, 0, len(list))
	for _, d := range list {
		c := Change{Difference: d, Direction: direction(d.Old, d.New)}
		if n, ok := t.Note(d.Name); ok {
			c.Note = &n
		}
		if tree != nil {
			t.describe(tree, &c)
		}
		out = append(out, c)
	}
	return out
}

func (t *Tables) describe(tree *kconfig.Tree, c *Change) {
	s, ok := tree.Lookup(c.Name)
	if !ok {
		c.Unknown = true
		return
	}
	c.Prompt, c.Menu, c.Help = s.Prompt(), s.Menu(), firstSentence(s.Help())
	c.Follows = c.Prompt == ""
	if places := s.Definitions(); len(places) > 0 {
		c.Place = places[0].String()
		class := t.Class(places[0].File)
		c.Class, c.Surface = class.Class, class.Surface
	}
}

func on(v string) bool { return v == "y" || v == "m" }

func direction(old, now string) Direction {
	off := func(v string) bool { return v == "n" || v == dotconfig.Absent }
	switch {
	case on(now) && off(old):
		return Adds
	case on(old) && off(now):
		return Removes
	case on(old) && on(now):
		return Moves
	}
	return Tunes
}

// firstSentence cuts a help text.
func firstSentence(help string) string {
	paragraph, _, _ := strings.Cut(help, "\n\n")
	text := strings.Join(strings.Fields(paragraph), " ")
	if i := strings.Index(text, ". "); i > 0 {
		text = text[:i+1]
	}
	if len(text) > 200 {
		text = text[:strings.LastIndexByte(text[:200], ' ')+1] + "…"
	}
	return text
}
