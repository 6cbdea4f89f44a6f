// Package dotconfig reads and writes .config files: which value a kernel build gave to
// each of its symbols. It knows nothing of the Kconfig language (that is package
// kconfig) and is what every other room asks for a configuration.
//
// A file has lines of four kinds: "CONFIG_NAME=value", "# CONFIG_NAME is not set",
// comments, and nothing. A value is y, m, n, a number (decimal, or hexadecimal with 0x)
// or a string in double quotes, in which a backslash takes the next byte literally.
// Source: scripts/kconfig/confdata.c of Linux.
package dotconfig

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

const (
	prefix = "CONFIG_"
	// A value is at most a long command line; a file has some ten thousand lines.
	maxLine    = 1 << 20
	maxSymbols = 1 << 20
)

// A Tristate is one of n, m and y, in the order of the language: n < m < y.
type Tristate uint8

// The three values.
const (
	No Tristate = iota
	Module
	Yes
)

// String gives n, m or y.
func (t Tristate) String() string { return "nmy"[t : t+1] }

// A Value is one symbol's line.
type Value struct {
	Name string // without CONFIG_
	Text string // as the file has it, strings without quotes and escapes; "n" for "is not set"
	// Quoted says that the file had it in quotes: CONFIG_X="y" is a string.
	Quoted bool
	// Unset says that the line was "# CONFIG_NAME is not set".
	Unset bool
	Line  int // from 1
}

// A File is a configuration. Of a symbol that is set twice the last line holds, as for
// the kernel's own reader.
type File struct {
	// Header are the comments before the first symbol, which name the kernel and the
	// compiler, without "# ".
	Header   []string
	Warnings []Warning

	values []Value
	index  map[string]int
}

// A Warning is a line that is not one of the format's.
type Warning struct {
	Line int
	Text string
}

// String gives "line N: text".
func (w Warning) String() string { return fmt.Sprintf("line %d: %s", w.Line, w.Text) }

// ErrNotConfig is the error for input in which no line sets a symbol.
var ErrNotConfig = errors.New("no line sets a CONFIG_ symbol: is this a .config?")

// Parse reads a configuration, gzipped as /proc/config.gz or plain. What it cannot read
// becomes a warning; an error is for input that is no configuration at all.
func Parse(r io.Reader) (*File, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	if head, _ := br.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("a gzipped configuration: %w", err)
		}
		// A symbol's line is ten bytes at least, so this bounds what can be read.
		br = bufio.NewReaderSize(io.LimitReader(z, 64<<20), 64<<10)
	}
	f := &File{index: make(map[string]int, 1<<13)}
	sc := bufio.NewScanner(br)
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for sc.Scan() {
		n++
		f.line(n, sc.Text())
		if len(f.values) > maxSymbols {
			return f, fmt.Errorf("line %d: more than %d symbols; the rest was not read", n, maxSymbols)
		}
	}
	if err := sc.Err(); err != nil {
		return f, fmt.Errorf("line %d: %w", n+1, err)
	}
	if len(f.values) == 0 {
		return f, ErrNotConfig
	}
	return f, nil
}

// New gives a configuration of nothing.
func New() *File { return &File{index: map[string]int{}} }

func (f *File) line(n int, line string) {
	line = strings.TrimRight(line, "\r")
	switch {
	case strings.HasPrefix(line, "#"):
		text := strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
		name, ok := strings.CutSuffix(text, " is not set")
		// As for conf, "#CONFIG_X is not set" is a comment like any other.
		if ok && strings.HasPrefix(line, "# "+prefix) && validName(name[len(prefix):]) {
			f.set(Value{Name: name[len(prefix):], Text: "n", Unset: true, Line: n})
			return
		}
		if len(f.values) == 0 && text != "" && len(f.Header) < 32 {
			f.Header = append(f.Header, text)
		}
	case strings.TrimSpace(line) == "":
	default:
		name, text, ok := strings.Cut(line, "=")
		if !ok || !strings.HasPrefix(name, prefix) || !validName(name[len(prefix):]) {
			f.warn(n, fmt.Sprintf("neither CONFIG_NAME=value nor a comment: %.80q", line))
			return
		}
		v := Value{Name: name[len(prefix):], Text: text, Line: n}
		if strings.HasPrefix(text, `"`) {
			s, ok := unquote(text)
			if !ok {
				f.warn(n, "the string has no closing quote")
				return
			}
			v.Text, v.Quoted = s, true
		}
		f.set(v)
	}
}

func (f *File) warn(n int, text string) {
	if len(f.Warnings) < 1000 {
		f.Warnings = append(f.Warnings, Warning{n, text})
	}
}

func (f *File) set(v Value) {
	if i, ok := f.index[v.Name]; ok {
		if f.values[i].Text != v.Text {
			f.warn(v.Line, fmt.Sprintf("CONFIG_%s was %s in line %d; the later line holds", v.Name, f.values[i].Text, f.values[i].Line))
		}
		f.values[i] = v
		return
	}
	f.index[v.Name] = len(f.values)
	f.values = append(f.values, v)
}

// Set gives a symbol a value, which is written without quotes.
func (f *File) Set(name, text string) {
	f.put(Value{Name: name, Text: text, Unset: text == "n"})
}

// SetString gives a symbol a string.
func (f *File) SetString(name, text string) { f.put(Value{Name: name, Text: text, Quoted: true}) }

func (f *File) put(v Value) {
	if i, ok := f.index[v.Name]; ok {
		v.Line = f.values[i].Line
		f.values[i] = v
		return
	}
	f.index[v.Name] = len(f.values)
	f.values = append(f.values, v)
}

// Lookup gives a symbol's line; ok is false where the file does not have the symbol,
// which the kernel's Makefiles treat as n.
func (f *File) Lookup(name string) (v Value, ok bool) {
	i, ok := f.index[name]
	if !ok {
		return Value{}, false
	}
	return f.values[i], true
}

// Text gives a symbol's value, "" where the file does not have it.
func (f *File) Text(name string) string {
	v, _ := f.Lookup(name)
	return v.Text
}

// Tristate gives a symbol's value as n, m or y: n for what is neither m nor y.
func (f *File) Tristate(name string) Tristate {
	v, _ := f.Lookup(name)
	switch {
	case v.Quoted:
	case v.Text == "y":
		return Yes
	case v.Text == "m":
		return Module
	}
	return No
}

// Len counts the symbols.
func (f *File) Len() int { return len(f.values) }

// All gives the symbols in the order of the file.
func (f *File) All() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, v := range f.values {
			if !yield(v) {
				return
			}
		}
	}
}

// String gives the line that the kernel's own writer would write.
func (v Value) String() string {
	switch {
	case v.Unset:
		return "# " + prefix + v.Name + " is not set"
	case v.Quoted:
		return prefix + v.Name + "=" + Quote(v.Text)
	}
	return prefix + v.Name + "=" + v.Text
}

// Quote gives a string as a .config has it.
func Quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// unquote reads a string; what follows the closing quote is ignored, as conf does.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) {
				i++
				b.WriteByte(s[i])
			}
		case '"':
			return b.String(), true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", false
}

func validName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}
