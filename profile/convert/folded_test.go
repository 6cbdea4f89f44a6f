package convert

import (
	"bytes"
	"strings"
	"testing"

	"ringside/profile"
)

func TestFoldedRoundTrip(t *testing.T) {
	const text = "bash;main;[unknown];vfs_read_[k] 3\n" +
		"bash;main;operator new(unsigned long) 12\n" +
		"bash;main;small_[i] 1\n"
	p, err := ReadFolded(strings.NewReader("# a comment\n\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	if n, w := p.Total(-1); n != 16 || w != 16 {
		t.Errorf("total %d samples of weight %d, want 16 and 16", n, w)
	}
	kinds := map[string]profile.Frame{}
	for _, f := range p.Frames {
		kinds[f.Func] = f
	}
	if kinds["vfs_read"].Kind != profile.Kernel || !kinds["small"].Inlined || kinds["main"].Kind != profile.User {
		t.Errorf("frames' kinds: %+v", p.Frames)
	}
	var out bytes.Buffer
	if err := WriteFolded(&out, p, FoldedOptions{Event: -1, Suffixes: true}); err != nil {
		t.Fatal(err)
	}
	if out.String() != text {
		t.Errorf("written:\n%s\nread:\n%s", &out, text)
	}
}

// TestFoldedWrites holds what is written against a profile with two events, two
// tasks and a name that the format has no room for.
func TestFoldedWrites(t *testing.T) {
	b := profile.NewBuilder(profile.Limits{})
	clock := b.Event(profile.Event{Name: "cpu-clock", Unit: "ns"})
	fault := b.Event(profile.Event{Name: "page-faults", Unit: "faults"})
	s := b.Push(b.Push(0, b.Frame(profile.Frame{Func: "a;b"})), b.Frame(profile.Frame{Module: "libc.so.6", Addr: 16}))
	for i, comm := range []string{"sh", "make", "sh"} {
		b.AddAt(uint64(i)*1e9, s, b.Label(profile.Labels{Event: clock, Comm: comm}), 1, 1000)
	}
	b.AddAt(5, s, b.Label(profile.Labels{Event: fault, Comm: "sh"}), 7, 7)
	b.AddAt(6, 0, b.Label(profile.Labels{Event: fault, Comm: "sh"}), 2, 2)
	odd := b.Event(profile.Event{Name: "odd"})
	b.AddAt(7, s, b.Label(profile.Labels{Event: odd}), 1, 1)
	b.AddAt(7, s, b.Label(profile.Labels{Event: odd, Comm: "#c"}), 1, 1)
	p := b.Profile()
	for _, tc := range []struct {
		name string
		o    FoldedOptions
		want string
	}{
		{"one event", FoldedOptions{Event: clock}, "a:b;[libc.so.6] 3\n"},
		{"weights by task", FoldedOptions{Event: clock, Weights: true, Comm: true}, "make;a:b;[libc.so.6] 1000\nsh;a:b;[libc.so.6] 2000\n"},
		{"a task without a name", FoldedOptions{Event: odd, Comm: true}, "[unknown];a:b;[libc.so.6] 1\n＃c;a:b;[libc.so.6] 1\n"},
		{"without a stack", FoldedOptions{Event: fault}, "[unknown] 2\na:b;[libc.so.6] 7\n"},
		{"all events", FoldedOptions{Event: -1}, "[unknown] 2\na:b;[libc.so.6] 12\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := WriteFolded(&out, p, tc.o); err != nil {
				t.Fatal(err)
			}
			if out.String() != tc.want {
				t.Errorf("got\n%swant\n%s", &out, tc.want)
			}
		})
	}
}

func TestFoldedErrorsNameTheLine(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"no count":  {"a;b 1\na;b\n", "line 2: no count"},
		"not whole": {"a;b 1\n\na;b 1.5\n", `line 3: "1.5" is not a count`},
		"negative":  {"a;b 1\na;b -4\n", "line 2: \"-4\" is not a count"},
		"too deep":  {"a;b 1\n" + strings.Repeat("f;", maxFoldedDepth) + "g 1\n", "line 2: 4097 frames deep"},
		"too long":  {"a;b 1\n" + strings.Repeat("f", maxFoldedLine) + " 1\n", "line 2: longer than"},
		"overflow":  {"a;b 1\na;b 9223372036854775807\n", "line 2: the counts add up"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ReadFolded(strings.NewReader(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			if n, _ := p.Total(-1); n != 1 {
				t.Errorf("%d samples were kept, want the 1 of the line before", n)
			}
		})
	}
}

// FuzzFolded holds that whatever can be read can be written and read again with
// the same total.
func FuzzFolded(f *testing.F) {
	f.Add([]byte("bash;main;read_[k] 3\nbash;main 1\n"))
	f.Add([]byte("a 1\n;; 2\n[unknown]_[k]_[i] 3\r\n"))
	f.Add([]byte(";#a 1\n x;# 2\n"))
	f.Add([]byte("# nothing\n\x00;\xff 9223372036854775807"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ReadFolded(bytes.NewReader(in))
		if err != nil {
			return
		}
		o := FoldedOptions{Event: -1, Suffixes: true}
		var once bytes.Buffer
		if err := WriteFolded(&once, p, o); err != nil {
			t.Fatal(err)
		}
		if once.Len() > maxFoldedLine/2 {
			return // suffixes may have made a line longer than may be read
		}
		again, err := ReadFolded(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatalf("%q was written as %q: %v", in, &once, err)
		}
		n, _ := p.Total(-1)
		if m, _ := again.Total(-1); n != m {
			t.Errorf("%q has %d samples, after a round trip %d", in, n, m)
		}
	})
}

func BenchmarkReadFolded(b *testing.B) {
	text := bytes.Repeat([]byte("bash;main;execute_command;read;entry_SYSCALL_64_[k];vfs_read_[k] 3\n"), 10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadFolded(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
