// Package diff reads unified diffs as they are found in the field: git's own format with
// renames, modes and binary files, plain diff -u as quilt keeps it (with or without
// "diff" and "index" lines, from p0 to p1), inside of mails and with CR LF.
//
// Diffs in other forms (context diffs, diff -r that only names files) are not read but
// named, each as a file with an error.
//
// [Parse] keeps what it can: a file whose hunks are malformed is marked and named with
// its line, the others are whole. Paths that would lead out of a tree, or into its .git,
// are refused. Nothing is ever written.
package diff

import (
	"errors"
	"fmt"
)

// An Op is what a diff does to a file.
type Op uint8

// The operations.
const (
	Modify Op = iota
	Add
	Delete
	Rename
	Copy
)

var ops = [...]string{"modify", "add", "delete", "rename", "copy"}

// String gives the operation's name.
func (o Op) String() string { return ops[min(int(o), len(ops)-1)] }

// A File is what a diff changes of one file.
type File struct {
	// Old and New are the paths in the tree, without the prefixes that the diff has; Old
	// is empty of a file that is added, New of one that is deleted.
	Old, New string
	Op       Op
	OldMode  string // octal, where the diff says it
	NewMode  string
	// OldBlob and NewBlob are git's IDs of the contents, mostly shortened, where the diff
	// has an index line; zeros stand for no file.
	OldBlob, NewBlob string
	Binary           bool // it has no hunks: the change is a blob's
	// Forward and Reverse are what git wrote of a binary file; nil where the diff says
	// only that it differs.
	Forward, Reverse *Blob
	// CR says that the diff itself came with CR LF: the CRs are taken off its lines, as
	// GNU patch and git am do.
	CR    bool
	Hunks []Hunk
	Line  int // in the diff, from 1
	// Err says why the file cannot be used: a hunk that is malformed, a path that is
	// refused.
	Err error
	// Surplus says that lines follow the last hunk which are of a hunk and which no head
	// has counted. GNU patch drops them in silence, and with them all hunks that follow
	// in this file.
	Surplus error
	// Lost is how many hunks follow what is wrong; they are not among Hunks.
	Lost int

	bare bool // the paths have no prefix
}

// Path is where the file is, after the change if it is still there.
func (f *File) Path() string {
	if f.New != "" {
		return f.New
	}
	return f.Old
}

// A Hunk is one stretch of changes.
type Hunk struct {
	OldStart, OldLines int
	NewStart, NewLines int
	// Section is what follows the second @@: the function that the hunk is in, mostly.
	Section string
	Lines   []Line
	Line    int // in the diff
}

// A Line is one line of a hunk.
type Line struct {
	Op   byte // ' ', '-' or '+'
	Text string
	// NoEOL says that the file ends with this line, without a newline.
	NoEOL bool
}

// Bounds of what is read.
const (
	maxLine  = 1 << 20
	maxFiles = 1 << 16
	maxBlob  = 64 << 20
)

// The errors of files, to be compared with errors.Is.
var (
	ErrPath = errors.New("the path is refused")
	ErrHunk = errors.New("the hunk is malformed")
	ErrForm = errors.New("this form of diff is not read")
	ErrBlob = errors.New("the binary patch is malformed")
)

// An Error says in which line of the diff something is wrong.
type Error struct {
	Line int
	Err  error
}

// Error gives the line and what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// ErrNone is the error for a text without a diff.
var ErrNone = errors.New("no diff in it: neither \"diff --git\" nor \"---\" and \"+++\" with a hunk")
