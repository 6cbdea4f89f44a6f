package owner

import (
	"testing"
)

func TestRank(t *testing.T) {
	x, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	ext4 := Clue{Query: Query{Function: "ext4_writepages"}, Weight: 0.3, Text: "ext4_writepages on the stack", Field: "frames"}
	kfree := Clue{Query: Query{Function: "kfree"}, Weight: 0.75, Text: "the guilty function kfree", Field: "guilty"}
	got := x.Rank([]Clue{kfree, ext4})
	if len(got) < 2 || got[0].Subsystem != "EXT4 FILE SYSTEM" {
		t.Fatalf("a frame in a file system says more than the allocator: %+v", got)
	}
	for _, r := range got[1:] {
		if r.Reasons[0].Clue == kfree.Text && !r.Reasons[0].Generic {
			t.Errorf("%s: the allocator was not discounted", r.Subsystem)
		}
		if r.Last {
			t.Errorf("%s owns everything and helps nobody", r.Subsystem)
		}
	}
	one := x.Rank([]Clue{ext4})[0].Score
	two := x.Rank([]Clue{ext4, {Query: Query{File: "fs/ext4/inode.c"}, Weight: 0.5, Text: "the headline", Field: "headline"}})[0]
	if two.Score <= one || two.Score >= 1 || len(two.Reasons) != 2 || two.Reasons[0].Clue != "the headline" {
		t.Errorf("two clues that agree: %+v, one alone %v", two, one)
	}
	if got := x.Rank([]Clue{{Query: Query{Function: "no_such_function_here"}, Weight: 1}}); len(got) != 0 {
		t.Errorf("nothing owns %v", got)
	}
}
