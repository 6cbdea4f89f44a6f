package review

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxInput bounds an input, in bytes.
const maxInput = 512 << 20

// ErrUnknown is the error for an input that is none of those that can be read.
var ErrUnknown = errors.New("neither a mailbox nor JSON of GitHub's pulls, GitLab's merge requests or Gerrit's changes")

// A Problem is a part of an input that could not be read.
type Problem struct {
	Line int // 0 where it is not known
	Text string
}

// String gives the problem with its line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// Read reads the reviews of an input, whatever it is, by the day they began. What could not
// be read is among the problems, and the rest is whole.
func Read(r io.Reader) ([]Review, []Problem, error) {
	in := bufio.NewReader(io.LimitReader(r, maxInput))
	head, err := in.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	// Gerrit's REST interface begins so, against scripts of other sites.
	if rest, ok := bytes.CutPrefix(head, []byte(")]}'")); ok {
		if _, err := in.Discard(len(head) - len(rest)); err != nil {
			return nil, nil, err
		}
		head = rest
	}
	var list []Review
	var problems []Problem
	switch trimmed := bytes.TrimLeft(head, " \t\r\n"); {
	case len(trimmed) > 0 && (trimmed[0] == '[' || trimmed[0] == '{'):
		list, problems, err = readForge(in)
	case bytes.HasPrefix(trimmed, []byte("From ")) || bytes.Contains(head, []byte("\nMessage-I")) || bytes.HasPrefix(bytes.ToLower(trimmed), []byte("message-id:")):
		list, problems, err = readMails(in)
	default:
		err = ErrUnknown
	}
	for i := range list {
		list[i].tidy()
	}
	slices.SortStableFunc(list, func(a, b Review) int { return a.Created.Compare(b.Created) })
	return list, problems, err
}
