package pack

import (
	"fmt"
	"slices"
	"testing"
)

func source() Source {
	s := Source{
		Meta:        Meta{Package: "linux-source-0", Version: "0-1", Date: "2026-01-01"},
		Maintainers: []byte("A\nF: a/\n"), FirstLine: 7, Mailmap: []byte("A <a@b> <c@d>\n"),
		Functions: make(map[string][]string),
	}
	for i := range 700 {
		s.Files = append(s.Files, fmt.Sprintf("drivers/d%02d/f%d.c", i%40, i))
	}
	for i := range 3000 {
		name := fmt.Sprintf("fn_%d", i*7919%3000)
		s.Functions[name] = []string{s.Files[i%700]}
	}
	// A name that fills more than a block, and names around it.
	s.Functions["probe"] = s.Files[:300]
	s.Functions["prob"] = s.Files[:1]
	s.Functions["probed"] = s.Files[1:2]
	s.Modules = []Module{{"mod_b", s.Files[3:9]}, {"mod_a", s.Files[:1]}, {"mod_b", s.Files[20:21]}}
	return s
}

func TestRoundTrip(t *testing.T) {
	src := source()
	data, err := Encode(src)
	if err != nil {
		t.Fatal(err)
	}
	x, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if x.Meta != src.Meta || x.FirstLine != src.FirstLine || string(x.Maintainers) != string(src.Maintainers) || string(x.Mailmap) != string(src.Mailmap) {
		t.Errorf("got %+v, line %d, %q, %q", x.Meta, x.FirstLine, x.Maintainers, x.Mailmap)
	}
	for name, want := range src.Functions {
		if got, want := x.Definitions(name), slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"", "a", "fn_", "pro", "probe_", "zzz"} {
		if got := x.Definitions(name); got != nil {
			t.Errorf("%q is defined in %q", name, got)
		}
	}
	for _, f := range src.Files {
		if !x.HasFile(f) {
			t.Errorf("%s is missing", f)
		}
	}
	if x.HasFile("drivers/d00") || !x.HasDir("drivers/d00") || x.HasDir("drivers/d0") || x.HasDir("zzz") {
		t.Error("directories and files are not told apart")
	}
	if got := x.Modules("mod_b"); len(got) != 2 || len(got[0].Files)+len(got[1].Files) != 7 {
		t.Errorf("mod_b: %v", got)
	}
	again, err := Encode(src)
	if err != nil || !slices.Equal(again, data) {
		t.Errorf("a second encoding differs (error %v)", err)
	}
}

func TestEncodeErrors(t *testing.T) {
	for name, break_ := range map[string]func(*Source){
		"function in an unlisted file": func(s *Source) { s.Functions["x"] = []string{"no"} },
		"module of an unlisted file":   func(s *Source) { s.Modules[0].Files = []string{"no"} },
		"name that is not ASCII":       func(s *Source) { s.Files = append(s.Files, "a/ü.c") },
		"empty name":                   func(s *Source) { s.Files = append(s.Files, "") },
	} {
		s := source()
		break_(&s)
		if _, err := Encode(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := Encode(source())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, src []byte) {
		x, err := Decode(src)
		if err != nil {
			return
		}
		// Whatever is accepted must be safe to search, even if it is nonsense.
		x.Definitions("fn_1")
		x.HasDir("drivers")
		for i := range min(x.functions.Len(), 1000) {
			x.Definitions(x.functions.At(i))
		}
		for i := range min(x.modules.Len(), 1000) {
			x.Modules(x.modules.At(i))
		}
	})
}
