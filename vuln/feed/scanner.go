package feed

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep a record's values may be nested. The CNA's are 9 deep.
const maxDepth = 64

// A scanner reads JSON in one pass without building values: 130 MB of records hold
// about 4 MB that decide anything. It checks what it reads and the structure of what it
// skips.
type scanner struct {
	data  []byte
	pos   int
	depth int
	items int // of lists that are kept of the record
}

// maxItems is how many versions, files and references one record may have: the CNA's
// largest has less than a hundred. What is done with them takes the square of it.
const maxItems = 2048

// item counts one of them.
func (s *scanner) item() error {
	if s.items++; s.items > maxItems {
		return s.fail("more than %d versions, files and references in one record", maxItems)
	}
	return nil
}

// A syntaxError says where the JSON is broken.
type syntaxError struct {
	offset int
	what   string
}

func (e *syntaxError) Error() string { return e.what }

func (s *scanner) fail(format string, args ...any) error {
	return &syntaxError{s.pos, fmt.Sprintf(format, args...)}
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.unexpected(string(c))
	}
	s.pos++
	return nil
}

func (s *scanner) unexpected(want string) error {
	if s.pos >= len(s.data) {
		return s.fail("ends where %s should be", want)
	}
	return s.fail("%q where %s should be", s.data[s.pos], want)
}

// object calls member for each member; member must read or skip its value.
func (s *scanner) object(member func(key string) error) error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested deeper than %d", maxDepth)
	}
	defer func() { s.depth-- }()
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		key, err := s.raw()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(string(key)); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.unexpected("',' or '}'")
		}
	}
}

// array calls element before each element; element must read or skip it.
func (s *scanner) array(element func() error) error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested deeper than %d", maxDepth)
	}
	defer func() { s.depth-- }()
	if err := s.expect('['); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if err := element(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.unexpected("',' or ']'")
		}
	}
}

// raw reads a string and returns what is between the quotes, with its escapes.
func (s *scanner) raw() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.pos
	for at := start; ; {
		i := bytes.IndexByte(s.data[at:], '"')
		if i < 0 {
			s.pos = start - 1
			return nil, s.fail("a string that does not end")
		}
		end := at + i
		slashes := 0
		for end-slashes > start && s.data[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			s.pos = end + 1
			return s.data[start:end], nil
		}
		at = end + 1
	}
}

// text reads a string.
func (s *scanner) text() (string, error) {
	b, err := s.raw()
	switch {
	case err != nil:
		return "", err
	case bytes.IndexByte(b, '\\') >= 0:
		return unescape(b), nil
	case !utf8.Valid(b):
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return string(b), nil
}

// textOf reads a string where there is one and skips any other value.
func (s *scanner) textOf() (string, error) {
	if s.peek() == '"' {
		return s.text()
	}
	return "", s.skip()
}

// number reads a number where there is one and skips any other value.
func (s *scanner) number() (float64, error) {
	s.space()
	start := s.pos
	if err := s.skip(); err != nil {
		return 0, err
	}
	// A string or null is no number, but no broken JSON either.
	f, _ := strconv.ParseFloat(string(s.data[start:s.pos]), 64)
	return f, nil
}

// skip passes over any value.
func (s *scanner) skip() error {
	switch c := s.peek(); c {
	case '"':
		_, err := s.raw()
		return err
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.array(s.skip)
	default:
		start := s.pos
		for s.pos < len(s.data) && isWord(s.data[s.pos]) {
			s.pos++
		}
		switch word := string(s.data[start:s.pos]); word {
		case "true", "false", "null":
			return nil
		case "":
			return s.unexpected("a value")
		default:
			if _, err := strconv.ParseFloat(word, 64); err != nil {
				s.pos = start
				return s.fail("%.20q is no value", word)
			}
			return nil
		}
	}
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// unescape undoes JSON's escapes; those that are none stay as they are.
func unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b', 'f':
			out = append(out, ' ')
		case 'u':
			if i+4 < len(b) {
				if v, err := strconv.ParseUint(string(b[i+1:i+5]), 16, 32); err == nil {
					r := rune(v)
					if r >= 0xD800 && r < 0xE000 {
						r = utf8.RuneError // one half of a pair; no record's facts are beyond the BMP
					}
					out = utf8.AppendRune(out, r)
					i += 4
					continue
				}
			}
			out = append(out, `\u`...)
		default:
			out = append(out, b[i])
		}
	}
	return string(bytes.ToValidUTF8(out, []byte("\uFFFD")))
}
