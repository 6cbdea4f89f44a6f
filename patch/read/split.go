package read

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
)

// A form is how a patch is written down.
type form uint8

const (
	plain   form = iota // a message, or nothing, before a diff
	mailbox             // begins with "From …"
	gitlog              // begins with "commit …"
)

// A chunk is the text of one patch.
type chunk struct {
	text
	kind form
	long bool // it was longer than is read
	// merge says that it is a commit with several parents.
	merge bool
}

func (c *chunk) blank() bool { return strings.TrimSpace(c.s) == "" }

// splitter cuts a file into patches.
type splitter struct {
	in    *bufio.Reader
	held  []byte // a line that has been read and not used
	form  form   // of the file, after begun
	begun bool
	n     int // lines read
	end   bool
}

func newSplitter(r io.Reader) *splitter { return &splitter{in: bufio.NewReaderSize(r, 64<<10)} }

// more tells whether something follows.
func (s *splitter) more() bool { return s.held != nil }

// line reads a line with its end; what is longer than maxMessage ends there. The result
// is valid until the next one.
func (s *splitter) line() ([]byte, error) {
	b, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(b)
		for errors.Is(err, bufio.ErrBufferFull) {
			b, err = s.in.ReadSlice('\n')
			if len(long) < maxMessage {
				long = append(long, b...)
			}
		}
		b = long
	}
	if len(b) > 0 {
		s.n++
		return b, nil
	}
	return nil, err
}

// next gives the next patch.
func (s *splitter) next() (c chunk, ok bool, err error) {
	if s.end && s.held == nil {
		return c, false, nil
	}
	var buf bytes.Buffer
	take := func(line []byte) {
		if buf.Len()+len(line) > maxMessage {
			c.long = true
			return
		}
		buf.Write(line)
	}
	c.first = 1
	blank := true // the line before is empty, or there is none
	if s.held != nil {
		c.first, c.kind = s.n, s.kind(s.held)
		take(s.held)
		blank, s.held = false, nil
	}
	for {
		line, err := s.line()
		if errors.Is(err, io.EOF) {
			s.end = true
			break
		}
		if err != nil {
			return c, false, err
		}
		if k := s.kind(line); k != plain && (blank || k == gitlog || magic.Match(line)) && s.follows(k) && (!s.begun || k == s.form) {
			if strings.TrimSpace(buf.String()) != "" {
				s.held = bytes.Clone(line)
				break
			}
			buf.Reset()
			c.first, c.kind = s.n, k
			s.begun, s.form = true, k
		}
		take(line)
		if blank = len(bytes.TrimRight(line, "\r\n")) == 0; !blank && !s.begun {
			s.begun, s.form = true, mailbox // what a message quotes of a log begins nothing
		}
	}
	c.s = buf.String()
	return c, c.s != "", nil
}

var (
	magic    = regexp.MustCompile(`^From [0-9a-f]{40} Mon Sep 17 00:00:00 2001`)
	fromLine = regexp.MustCompile(`^From \S.*\d\d?:\d\d(?::\d\d)? .*\d{4}`)
	commits  = regexp.MustCompile(`^commit [0-9a-f]{40,64}(?:\s|$)`)
	nextMail = regexp.MustCompile(`^>?[A-Za-z][A-Za-z0-9-]*:|^>From `)
	nextLog  = regexp.MustCompile(`^(?:Author|Merge|AuthorDate|Reflog|tree|parent|author)[: ]`)
)

// kind tells whether a line can begin a patch.
func (s *splitter) kind(line []byte) form {
	switch {
	case len(line) > 20 && line[0] == 'F' && fromLine.Match(line):
		return mailbox
	case len(line) > 40 && line[0] == 'c' && commits.Match(line):
		return gitlog
	}
	return plain
}

// follows looks at the line behind one that could begin a patch: a message may quote
// such a line.
func (s *splitter) follows(k form) bool {
	peek, _ := s.in.Peek(200)
	if k == gitlog {
		return nextLog.Match(peek)
	}
	return nextMail.Match(peek)
}
