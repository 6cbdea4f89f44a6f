package gitrepo

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Commit is one commit.
type Commit struct {
	ID        ID
	Tree      ID
	Parents   []ID
	Author    Person
	Committer Person
	Message   string // as it is stored
}

// A Person is who wrote or committed something, and when.
type Person struct {
	Name  string
	Email string
	When  time.Time
}

// Subject is the first line of the message.
func (c *Commit) Subject() string {
	s, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	return strings.TrimSpace(s)
}

// Commit reads a commit, or the one that a tag points to.
func (rd *Reader) Commit(id ID) (*Commit, error) {
	for range 8 {
		kind, data, err := rd.Object(id)
		if err != nil {
			return nil, err
		}
		switch kind {
		case CommitKind:
			c, err := parseCommit(data)
			if err != nil {
				return nil, fmt.Errorf("commit %s: %w", id, err)
			}
			c.ID = id
			return c, nil
		case TagKind:
			line, _, _ := bytes.Cut(data, []byte("\n"))
			to, err := ParseID(strings.TrimPrefix(string(line), "object "))
			if err != nil {
				return nil, fmt.Errorf("tag %s: %w", id, err)
			}
			id = to
		default:
			return nil, fmt.Errorf("object %s is no commit", id)
		}
	}
	return nil, fmt.Errorf("object %s: tags of tags without end", id)
}

func parseCommit(data []byte) (*Commit, error) {
	head, message, _ := bytes.Cut(data, []byte("\n\n"))
	c := &Commit{Message: string(message)}
	seen := false
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		key, value, ok := strings.Cut(string(line), " ")
		if !ok {
			continue
		}
		var err error
		switch key {
		case "tree":
			c.Tree, err = ParseID(value)
			seen = true
		case "parent":
			var id ID
			id, err = ParseID(value)
			c.Parents = append(c.Parents, id)
		case "author":
			c.Author = parsePerson(value)
		case "committer":
			c.Committer = parsePerson(value)
		}
		if err != nil {
			return nil, err
		}
	}
	if !seen {
		return nil, fmt.Errorf("it has no tree: %w", ErrCorrupt)
	}
	return c, nil
}

// parsePerson reads "Name <mail> seconds zone".
func parsePerson(s string) Person {
	name, rest, _ := strings.Cut(s, "<")
	mail, when, _ := strings.Cut(rest, ">")
	p := Person{Name: strings.TrimSpace(name), Email: strings.TrimSpace(mail)}
	seconds, zone, _ := strings.Cut(strings.TrimSpace(when), " ")
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		loc := time.UTC
		if z, err := strconv.Atoi(zone); err == nil && z != 0 {
			loc = time.FixedZone("", z/100*3600+z%100*60)
		}
		p.When = time.Unix(n, 0).In(loc)
	}
	return p
}

// Modes of a tree's entries.
const (
	ModeTree   = 0o040000
	ModeLink   = 0o120000
	ModeModule = 0o160000
)

// nextEntry reads one entry of a tree.
func nextEntry(tree []byte) (mode uint32, name []byte, id ID, rest []byte, ok bool) {
	i := 0
	for ; i < len(tree) && tree[i] != ' '; i++ {
		c := tree[i] - '0'
		if c > 7 || i > 6 {
			return 0, nil, ID{}, nil, false
		}
		mode = mode<<3 | uint32(c)
	}
	if i >= len(tree) {
		return 0, nil, ID{}, nil, false
	}
	tree = tree[i+1:]
	end := bytes.IndexByte(tree, 0)
	if end <= 0 || len(tree) < end+21 {
		return 0, nil, ID{}, nil, false
	}
	return mode, tree[:end], ID(tree[end+1 : end+21]), tree[end+21:], true
}
