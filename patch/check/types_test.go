package check_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"ringside/patch/check"
	"ringside/symbol/btf"
)

// structBTF is the BTF of a kernel that knows an int and structs of ints, by the members'
// names.
func structBTF(t *testing.T, structs ...[]string) *btf.Spec {
	t.Helper()
	text := []byte{0}
	name := func(s string) uint32 {
		at := uint32(len(text))
		text = append(append(text, s...), 0)
		return at
	}
	le := binary.LittleEndian
	var types []byte
	add := func(words ...uint32) {
		for _, w := range words {
			types = le.AppendUint32(types, w)
		}
	}
	add(name("int"), 1<<24, 4, 1<<24|32)
	for _, s := range structs {
		n := uint32(len(s) - 1)
		add(name(s[0]), 4<<24|n, 4*n)
		for i, m := range s[1:] {
			add(name(m), 1, uint32(32*i))
		}
	}
	out := le.AppendUint16(nil, 0xeb9f)
	out = append(out, 1, 0)
	for _, w := range []uint32{24, 0, uint32(len(types)), uint32(len(types)), uint32(len(text))} {
		out = le.AppendUint32(out, w)
	}
	spec, err := btf.Parse(append(append(out, types...), text...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// A struct whose members moved, and one that is gone, are said, each; what only came, and
// what stayed, is not. Joined with a review they are all kept, though they have no line.
func TestTypes(t *testing.T) {
	before := structBTF(t, []string{"foo", "a", "b"}, []string{"same", "x"}, []string{"old", "y"})
	after := structBTF(t, []string{"foo", "a", "new", "b"}, []string{"same", "x"}, []string{"came", "z"})
	found := check.Types(before, after)
	var got []string
	for _, f := range found {
		if f.Rule != "abi-struct" {
			t.Errorf("%+v", f)
		}
		got = append(got, f.Text)
	}
	slices.Sort(got)
	if len(got) != 2 || !strings.HasPrefix(got[0], "struct foo has 12 bytes and had 8") || !strings.Contains(got[0], "b (4 → 8)") || got[1] != "struct old is gone" {
		t.Errorf("%q", got)
	}
	var r check.Report
	r.Merge(found)
	r.Merge(found)
	if len(r.Findings) != 2 || r.Counts.Notes != 2 {
		t.Errorf("joined: %+v", r.Findings)
	}
	if same := check.Types(before, before); len(same) > 0 {
		t.Errorf("of a kernel with itself: %+v", same)
	}
}
