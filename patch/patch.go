// Package patch is the model of a downstream change: who wrote it, what it says
// of itself and of where it comes from, and what it changes. Everything under
// patch/ speaks in its words: patch/read makes patches out of mails, quilt
// series and git's output, patch/apply puts them on a tree in memory,
// patch/equiv recognises the same change elsewhere, patch/check reviews it.
//
// A Patch holds text and its parsed diff, never a tree, and nothing here does
// any I/O.
package patch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/patch/diff"
)

// A Patch is one change as somebody wrote it down.
type Patch struct {
	// Name is what the stack that holds it calls it: the file's path in a quilt series,
	// the name of a mailbox with the number of the mail, a commit's ID.
	Name string
	// File and Line are where it was read from; Line counts from 1 and is that of its
	// first line.
	File string
	Line int
	// Commit is the ID that git gave it, where it has one ("From <id> Mon Sep 17 …").
	Commit string

	// Subject is without what stands in brackets before it ("[PATCH v3 2/7]") and
	// without the markers of a tree ("UPSTREAM:"); Tags has both, as they are written.
	Subject string
	Tags    []string
	Version int // of "[PATCH v3 2/7]": 3; 0 where none is said
	Number  int // 2; 0 where none is said
	Total   int // 7

	Author Person
	// Date is the author's; zero where none is said or what is said is no date.
	Date time.Time
	// Body is the message after the subject, with the trailers, without what follows
	// "---"; that is in Notes.
	Body     string
	Notes    string
	Trailers []Trailer
	// Headers are the fields before the message that are neither author, date nor
	// subject: a mail's Message-ID and lists, Debian's and SUSE's own.
	Headers []Trailer
	Origin  Origin
	// Reverse says that the series takes the patch back (quilt's -R).
	Reverse bool

	Files []diff.File
	// Problems are what could not be read. The rest is whole.
	Problems []Problem
}

// A Person is a name with an address.
type Person struct {
	Name  string
	Email string
}

// String gives the person as a mail names it.
func (p Person) String() string {
	switch {
	case p.Email == "":
		return p.Name
	case p.Name == "":
		return p.Email
	}
	return p.Name + " <" + p.Email + ">"
}

// A Trailer is one line of the block at the end of a message: "Fixes: …".
type Trailer struct {
	Key   string // as it is written
	Value string
	Line  int // in the patch's file
}

// Is tells whether the trailer has this key; case does not count.
func (t Trailer) Is(key string) bool { return strings.EqualFold(t.Key, key) }

// Header gives the first of the fields before the message that has this key, or "".
func (p *Patch) Header(key string) string {
	for _, h := range p.Headers {
		if h.Is(key) {
			return h.Value
		}
	}
	return ""
}

// Values gives what trailers with this key say, in their order.
func (p *Patch) Values(key string) []string {
	var out []string
	for _, t := range p.Trailers {
		if t.Is(key) {
			out = append(out, t.Value)
		}
	}
	return out
}

// An Origin is what a patch says of where it comes from.
type Origin struct {
	Kind Kind
	// Commits are upstream's IDs as they are written, 7 to 40 digits; several where
	// changes were folded into one.
	Commits []string
	// Release is where upstream first has it, as the patch or its name says ("v6.5");
	// empty if nothing says so.
	Release string
	// Reverts are the commits that it says to take back.
	Reverts []string
	// Tree and Link say where else it can be found: a maintainer's tree, a mail.
	Tree string
	Link string
	// Evidence are the lines that say so.
	Evidence []Evidence
}

// A Kind is how a patch came into a stack.
type Kind uint8

// The kinds. What a patch does not say is Unsaid, not downstream.
const (
	Unsaid     Kind = iota
	Upstream        // taken as it is from upstream's history
	Backport        // taken from upstream and adapted
	FromTree        // taken from a maintainer's tree, on its way
	FromList        // sent, taken from a mailing list
	Downstream      // not meant for upstream, or not sent yet
	Revert          // takes back another
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Upstream:
		return "upstream"
	case Backport:
		return "backport"
	case FromTree:
		return "from-tree"
	case FromList:
		return "from-list"
	case Downstream:
		return "downstream"
	case Revert:
		return "revert"
	}
	return "unsaid"
}

// Evidence is a line that says something of a patch.
type Evidence struct {
	Text string
	Line int // in the patch's file; 0 if it is the file's name
}

// A Problem is something in a patch that could not be read.
type Problem struct {
	Line int // in the patch's file
	Text string
}

// String gives the problem with its line.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// Paths are the files that the patch touches, old and new names, sorted.
func (p *Patch) Paths() []string {
	var out []string
	for i := range p.Files {
		for _, name := range []string{p.Files[i].Old, p.Files[i].New} {
			if name != "" {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A Stack is an ordered set of patches on a base.
type Stack struct {
	Name string
	// Base is the commit that the stack's files say it applies to; empty if they say none.
	Base    string
	Patches []*Patch
	// Covers are what introduces a series ("[PATCH 0/7]"): messages without a diff.
	Covers []*Patch
	// Problems are what belongs to no patch: a series that names a file that is not
	// there, a mail without a diff.
	Problems []StackProblem
}

// A StackProblem is something that the stack's own files have wrong.
type StackProblem struct {
	File string
	Line int
	Text string
}

// String gives the problem with its file and line.
func (p StackProblem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}
