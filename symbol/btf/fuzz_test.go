package btf

import (
	"slices"
	"strings"
	"testing"

	"ringside/symbol/internal/testkernel"
)

func FuzzParse(f *testing.F) {
	good := sample().bytes()
	f.Add(good, "tasks.next", "struct task *[2]", uint32(24))
	f.Add(good[:len(good)-50], "comm[3]", "unsigned long", uint32(57))
	circles := newBuilder()
	circles.add("loop", KindTypedef, 0, false, 1)
	circles.add("", KindArray, 0, false, 0, 2, 2, 2)
	circles.composite(KindStruct, "self", 8, true, field{"", 3, 0}, field{"x", 3, 64})
	f.Add(circles.bytes(), "x.x.x", "struct self", uint32(8))
	base := parse(f, good, nil)
	f.Fuzz(func(t *testing.T, data []byte, path, name string, off uint32) {
		for _, under := range []*Spec{nil, base} {
			s, err := Parse(data, under)
			if err != nil {
				return
			}
			s.TypeByName(name)
			s.Find("*" + name + "*")
			s.Func(name)
			for v := range s.Vars() {
				s.Size(v.Type)
			}
			// The last types are those that damage reaches.
			for id := ID(max(0, s.Types()-6)); id <= ID(s.Types()+1); id++ {
				typ := s.Type(id)
				if typ.Kind != KindVoid && typ.Name != "" && len(typ.Name) <= maxName {
					if found, ok := s.Named(typ.Kind, typ.Name); !ok || s.Type(found).Name != typ.Name {
						t.Fatalf("type %d %q is not found by its name", id, typ.Name)
					}
				}
				members := s.Members(id)
				// What is anonymous may contain itself, and hide what comes behind.
				if slices.ContainsFunc(members, func(m Member) bool { return m.Name == "" }) {
					members = nil
				}
				for _, m := range members {
					if m.Name != "" && !strings.ContainsAny(m.Name, ".[") {
						if _, ok := s.Field(id, m.Name); !ok {
							t.Fatalf("type %d has no %q", id, m.Name)
						}
					}
				}
				s.Field(id, path)
				s.At(id, off)
				s.Enum(id)
				s.EnumName(id, int64(off))
				s.Params(id)
				_ = s.String(id)
				s.Declare(id)
			}
		}
	})
}

// A kernel of Debian's, 4.7 MB.
func BenchmarkParse(b *testing.B) {
	data := testkernel.Open(b, "6.12").BTF(b)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(data, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse and first name", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := Parse(data, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, ok := s.Struct("task_struct"); !ok {
				b.Fatal("no task_struct")
			}
		}
	})
	s := parse(b, data, nil)
	task, _ := s.Struct("task_struct")
	b.Run("field", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := s.Field(task, "se.sum_exec_runtime"); !ok {
				b.Fatal("no such field")
			}
		}
	})
	b.Run("field uncached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := s.walk(task, "se.sum_exec_runtime"); !ok {
				b.Fatal("no such field")
			}
		}
	})
}
