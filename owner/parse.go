package owner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of what is read. The kernel's own file has 26,000 lines and 0.8 MB.
const (
	maxLine = 64 << 10
	maxFile = 32 << 20
)

// ErrTooLarge is returned, with what was read so far, for a file over the size
// limit.
var ErrTooLarge = errors.New("over 32 MB, which no MAINTAINERS file is: check that it is the right file")

// Problem is a line that could not be used.
type Problem struct {
	Source string `json:"source"`
	Line   int    `json:"line"`
	Text   string `json:"text"`
}

// Error makes a Problem usable as an error.
func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.Source, p.Line, p.Text) }

// Parse reads a MAINTAINERS file. Lines that cannot be used are left out and
// listed by [Index.Problems]; the error is for what ends the reading, and even
// then the index holds what was read before.
func Parse(r io.Reader) (*Index, error) { return ParseNamed("MAINTAINERS", r, nil) }

// ParseNamed is Parse for a file of another name, which evidence then cites.
// The mailmap, which may be nil, replaces addresses that are no longer good.
func ParseNamed(name string, r io.Reader, mail Mailmap) (*Index, error) {
	t := newTable(name)
	err := t.read(r, 1)
	t.finish(mail)
	return &Index{tables: []*table{t}}, err
}

// read parses the lines of r, of which the first has the given number.
func (t *table) read(r io.Reader, first int) error {
	in := bufio.NewReaderSize(io.LimitReader(r, maxFile+1), maxLine)
	size := 0
	title, titleLine := "", 0
	var cur *Section
	for n := first; ; n++ {
		raw, err := in.ReadSlice('\n')
		size += len(raw)
		clipped := false
		line := string(raw)
		for errors.Is(err, bufio.ErrBufferFull) {
			clipped = true
			var more []byte
			more, err = in.ReadSlice('\n')
			size += len(more)
		}
		if size > maxFile {
			return fmt.Errorf("%s:%d: %w", t.name, n, ErrTooLarge)
		}
		if clipped {
			t.problem(n, fmt.Sprintf("line over %d bytes, left out", maxLine))
			line = ""
		}
		line = strings.TrimRight(line, "\r\n")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		switch tag, value, ok := cutTag(line); {
		case ok && title == "":
			// Tags before any title belong to nobody.
			t.problem(n, "entry before the first section title, left out")
		case ok:
			if cur == nil {
				cur = t.section(title, titleLine)
			}
			t.entry(cur, tag, value, n)
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			// As in get_maintainer.pl, a blank line does not end a section: only
			// the next title does.
		default:
			title, titleLine, cur = strings.TrimSpace(line), n, nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s:%d: read: %w", t.name, n, err)
		}
	}
}

// cutTag splits "X: value".
func cutTag(line string) (tag byte, value string, ok bool) {
	if len(line) < 2 || line[1] != ':' || line[0] < 'A' || line[0] > 'Z' {
		return 0, "", false
	}
	return line[0], strings.TrimSpace(line[2:]), true
}

// entry adds one line to a section.
func (t *table) entry(s *Section, tag byte, value string, line int) {
	switch tag {
	case 'M', 'R':
		p, ok := parsePerson(value)
		if !ok {
			t.problem(line, fmt.Sprintf("%c: %q has no mail address", tag, value))
			return
		}
		if tag == 'R' {
			p.Role = "reviewer"
			s.Reviewers = append(s.Reviewers, p)
			return
		}
		s.Maintainers = append(s.Maintainers, p)
	case 'L':
		if value == "" {
			t.problem(line, "L: without an address")
			return
		}
		s.Lists = append(s.Lists, parseList(value))
	case 'S':
		s.Status = value
	case 'T':
		s.Trees = append(s.Trees, value)
	case 'W':
		s.Web = append(s.Web, value)
	case 'Q':
		s.Patchwork = append(s.Patchwork, value)
	case 'B':
		s.Bugs = append(s.Bugs, value)
	case 'C':
		s.Chat = append(s.Chat, value)
	case 'P':
		s.Profiles = append(s.Profiles, value)
	case 'F', 'X', 'D':
		if tag == 'D' {
			value = strings.ReplaceAll(value, "-", "_")
		}
		g, err := compileGlob(value)
		if err != nil {
			t.problem(line, fmt.Sprintf("%c: %v", tag, err))
			return
		}
		switch tag {
		case 'F':
			t.files = append(t.files, fileRule{glob: g, section: s, line: line})
		case 'X':
			s.excludes = append(s.excludes, g)
		default:
			t.modules = append(t.modules, fileRule{glob: g, section: s, line: line})
		}
	case 'N', 'K', 'O':
		p, err := compilePattern(value, tag == 'O')
		if err != nil {
			t.problem(line, fmt.Sprintf("%c: %v", tag, err))
			return
		}
		rule := regexRule{pattern: p, section: s, line: line}
		switch tag {
		case 'N':
			t.names = append(t.names, rule)
		case 'K':
			t.contents = append(t.contents, rule)
		default:
			t.functions = append(t.functions, rule)
		}
	}
}
