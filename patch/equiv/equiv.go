// Package equiv recognises the same change in another place: in another version's stack
// of patches, in the history of a repository, under another name, with other context,
// after a rename or a small edit.
//
// What is compared is the net change: which lines a change adds to a tree and which it
// takes out of it, as sets, without blanks. It does not depend on where lines are, on what
// surrounds them, on how a diff was cut into hunks, nor on renames, and so can be computed
// from two versions of a file without making a diff. Lines are weighted by how rare they
// are in what is searched: a closing brace says nothing, the name of a new function
// everything.
//
//   - print.go: a change as a [Print]; content.go: out of two versions of a file;
//   - terms.go: the words that a change can be found by;
//   - build.go, index.go: an index of many changes, as one file;
//   - search.go: the changes that are like another; explain.go: where they agree;
//   - known.go: the changes that mend what a crash shows.
package equiv

import (
	"math/bits"
	"slices"
	"time"
)

// A Doc is one change among those that are searched.
type Doc struct {
	// Name is a commit's ID, or what a stack calls the patch.
	Name    string
	Subject string
	Author  string // the address
	Date    time.Time
	// Releases are the first ones that have it, one for each branch that is known of
	// ("v6.7", "v6.6.12").
	Releases []string
	Paths    []string // sorted
	// Upstream are the commits that it says it was taken from; Fixes those that it says
	// it mends; Reverts those that it takes back. As they are written.
	Upstream []string
	Fixes    []string
	Reverts  []string
	Print    Print

	// Functions that it changes, and words of its message that a crash could have too.
	Functions []string
	Words     []string
}

// A Print is what a change is recognised by.
type Print struct {
	// Lines are hashes of the lines, sorted, each once; the lowest bit says that the line
	// is added. Of a change with more than MaxLines only those with the smallest hashes
	// are here.
	Lines []uint32
	// Total is how many lines it has before that.
	Total int
	// Digest is the same for changes that add and remove the same lines as often.
	Digest uint64
}

// MaxLines is how many lines of a change are kept.
const MaxLines = 1024

// Empty tells whether nothing is left of the change but moved lines and blanks.
func (p *Print) Empty() bool { return p.Total == 0 }

// lineHash hashes a line without its blanks; ok is false of one that has nothing else.
func lineHash[T string | []byte](line T) (h uint64, ok bool) {
	h = 0xcbf29ce484222325
	n := 0
	for i := range len(line) {
		c := line[i]
		if c <= ' ' && (c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f') {
			continue
		}
		h = (h ^ uint64(c)) * 0x100000001b3
		n++
	}
	return mix(h), n > 0
}

// mix spreads a hash over all its bits.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// net counts how often lines are added, and how often removed: a line's hash for each time,
// the lowest bit set where it is added.
type net struct {
	lines   []uint64
	scratch []uint64
}

func (n *net) add(h uint64, by int32) {
	h &^= 1
	for ; by > 0; by-- {
		n.lines = append(n.lines, h|1)
	}
	for ; by < 0; by++ {
		n.lines = append(n.lines, h)
	}
}

// sort puts the lines in order. Hashes are spread evenly: many of them are dealt out by
// their highest byte first, which leaves a few for each.
func (n *net) sort() {
	if len(n.lines) < 512 {
		slices.Sort(n.lines)
		return
	}
	var at [257]int
	for _, h := range n.lines {
		at[h>>56+1]++
	}
	for i := range 256 {
		at[i+1] += at[i]
	}
	ends := at
	n.scratch = slices.Grow(n.scratch[:0], len(n.lines))[:len(n.lines)]
	for _, h := range n.lines {
		i := &ends[h>>56]
		n.scratch[*i] = h
		*i++
	}
	for i := range 256 {
		slices.Sort(n.scratch[at[i]:at[i+1]])
	}
	n.lines, n.scratch = n.scratch, n.lines
}

// print makes the print, and forgets what was counted.
func (n *net) print() Print {
	var p Print
	n.sort()
	if len(n.lines) > 0 {
		p.Lines = make([]uint32, 0, len(n.lines))
	}
	for i := 0; i < len(n.lines); {
		h, c := n.lines[i]&^1, int32(0)
		for ; i < len(n.lines) && n.lines[i]&^1 == h; i++ {
			c += int32(n.lines[i]&1)*2 - 1
		}
		if c == 0 {
			continue
		}
		line := uint32(h>>32) &^ 1
		if c > 0 {
			line |= 1
		}
		p.Digest += mix(bits.RotateLeft64(h, int(c)&63) ^ uint64(uint32(c)))
		// Sorted by hash they are sorted here too, but for the lowest bit.
		p.Lines = append(p.Lines, line)
	}
	n.lines = n.lines[:0]
	if !slices.IsSorted(p.Lines) {
		slices.Sort(p.Lines)
	}
	p.Lines = slices.Compact(p.Lines)
	p.Total = len(p.Lines)
	if p.Total > MaxLines {
		p.Lines = slices.Clone(p.Lines[:MaxLines])
	}
	return p
}
