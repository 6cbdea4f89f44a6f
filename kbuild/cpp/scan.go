package cpp

import "bytes"

// A scanner cuts a text into the lines that the preprocessor sees: a backslash and a
// comment join lines.
type scanner struct {
	data  []byte
	pos   int
	lines int // lines behind it
}

func (s *scanner) more() bool { return s.pos < len(s.data) }

// line reads one. Of a directive it gives what follows the #, without comments.
func (s *scanner) line() (text string, directive bool) {
	s.lines++
	var b []byte
	begun := false // something but blanks and comments was seen
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		switch {
		case c == '\n':
			s.pos++
			return string(b), directive
		case c == '\\' && s.continued():
			continue
		case c == '/' && s.next() == '*':
			s.comment()
			if directive {
				b = append(b, ' ')
			}
			continue
		case c == '/' && s.next() == '/':
			s.rest()
			continue
		case c == '"' || c == '\'':
			begun = true
			from := s.pos
			s.quoted(c)
			if directive {
				b = append(b, s.data[from:s.pos]...)
			}
			continue
		case c == '#' && !begun:
			begun, directive = true, true
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			if directive {
				b = append(b, ' ')
			}
		default:
			begun = true
			if directive {
				b = append(b, c)
			} else {
				s.skip()
				continue
			}
		}
		s.pos++
	}
	return string(b), directive
}

func (s *scanner) next() byte {
	if s.pos+1 < len(s.data) {
		return s.data[s.pos+1]
	}
	return 0
}

// skip goes to the next byte that may matter in a line of code.
func (s *scanner) skip() {
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch s.data[s.pos] {
		case '\n', '\\', '/', '"', '\'':
			return
		}
	}
}

// continued passes a backslash that joins two lines; blanks may stand between it and the
// end of its line.
func (s *scanner) continued() bool {
	for i := s.pos + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case ' ', '\t', '\r':
		case '\n':
			s.pos = i + 1
			s.lines++
			return true
		default:
			return false
		}
	}
	return false
}

// comment passes one of the kind that ends where it says.
func (s *scanner) comment() {
	end := bytes.Index(s.data[s.pos+2:], []byte("*/"))
	if end < 0 {
		end = len(s.data)
	} else {
		end += s.pos + 4
	}
	s.lines += bytes.Count(s.data[s.pos:end], []byte{'\n'})
	s.pos = end
}

// rest passes a comment that ends with its line.
func (s *scanner) rest() {
	for s.pos < len(s.data) && s.data[s.pos] != '\n' {
		if s.data[s.pos] != '\\' || !s.continued() {
			s.pos++
		}
	}
}

// quoted passes a string or a character. One that is not closed ends with its line.
func (s *scanner) quoted(quote byte) {
	for s.pos++; s.pos < len(s.data); {
		switch s.data[s.pos] {
		case '\n':
			return
		case '\\':
			if !s.continued() {
				s.pos = min(s.pos+2, len(s.data))
			}
		case quote:
			s.pos++
			return
		default:
			s.pos++
		}
	}
}
