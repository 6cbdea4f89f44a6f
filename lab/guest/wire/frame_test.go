package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

func TestFrames(t *testing.T) {
	key := []byte("a key")
	var line bytes.Buffer
	w := NewWriter(&line, key)
	long := bytes.Repeat([]byte{0xD2, 'R'}, MaxPayload)
	line.WriteString("noise \xd2RS and more")
	for _, f := range []Frame{{TypeHello, []byte("{}")}, {TypeStdout, long}, {TypeOff, nil}} {
		if err := w.Write(f.Type, f.Payload); err != nil {
			t.Fatal(err)
		}
	}
	line.WriteString("end")
	r := NewReader(&line, key)
	var got bytes.Buffer
	var kinds []byte
	for {
		f, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		kinds = append(kinds, byte(f.Type))
		if f.Type == TypeStdout {
			got.Write(f.Payload)
		}
	}
	if string(kinds) != "HoooZ" && string(kinds) != "HooZ" || !bytes.Equal(got.Bytes(), long) {
		t.Errorf("frames %q, %d bytes", kinds, got.Len())
	}
	if r.Foreign != len("noise \xd2RS and more")+len("end") {
		t.Errorf("%d bytes are foreign", r.Foreign)
	}
}

// A program in the guest that prints frames is not taken for the init.
func TestForgedFrames(t *testing.T) {
	var seen, line bytes.Buffer
	if err := NewWriter(&seen, []byte("key")).Write(TypeEnded, []byte(`{"step":0,"exit":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := NewWriter(&line, []byte("guessed")).Write(TypeEnded, []byte(`{"step":0,"exit":0}`)); err != nil {
		t.Fatal(err)
	}
	line.Write(seen.Bytes())
	line.Write(seen.Bytes()) // once more, by somebody who has seen it
	r := NewReader(&line, []byte("key"))
	f, err := r.Next()
	if err != nil || string(f.Payload) != `{"step":0,"exit":1}` {
		t.Fatalf("%q, %v", f.Payload, err)
	}
	if f, err := r.Next(); err == nil {
		t.Errorf("it was taken twice: %q", f.Payload)
	}
	if r.Forged != 2 {
		t.Errorf("%d were forged", r.Forged)
	}
}

func FuzzReader(f *testing.F) {
	var line bytes.Buffer
	if err := NewWriter(&line, []byte("key")).Write(TypeNote, []byte("hello")); err != nil {
		f.Fatal(err)
	}
	f.Add(line.Bytes())
	f.Add([]byte("\xd2RSN\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b), []byte("key"))
		n := 0
		for {
			fr, err := r.Next()
			if err != nil {
				break
			}
			n += headSize + len(fr.Payload)
		}
		if n+r.Foreign != len(b) {
			t.Fatalf("%d bytes in frames and %d foreign of %d", n, r.Foreign, len(b))
		}
	})
}

func TestPlan(t *testing.T) {
	p := Plan{Key: []byte("key"), Results: "/dev/ttyS1", Modules: []Module{{File: "0-a.ko", Name: "a", Params: "x=1"}}, Root: Root{Kind: "9p", Tag: "root"},
		Steps: []Step{{Argv: []string{"sh", "-c", "a\nb"}, Env: []string{"A=ü"}, Dir: "/tmp"}, {Argv: []string{""}}}, Collect: []string{"/out"}, Output: 1 << 40, Terminal: true, Rows: 24, Columns: 80}
	b := p.Encode()
	var q Plan
	if err := q.Decode(b); err != nil || !reflect.DeepEqual(p, q) {
		t.Errorf("%+v, %v", q, err)
	}
	for i := range b {
		if err := new(Plan).Decode(b[:i]); err == nil {
			t.Errorf("%d of %d bytes were taken for a plan", i, len(b))
		}
	}
	e := Ended{Step: 3, Exit: -1, Signal: 9, Error: "gone", Took: 5, Lost: 6}
	var f Ended
	if err := f.Decode(e.Encode()); err != nil || e != f {
		t.Errorf("%+v, %v", f, err)
	}
	if ParseNumber(Number(7)) != 7 || ParseNumber(nil) != -1 {
		t.Error("numbers")
	}
}

func FuzzPlan(f *testing.F) {
	f.Add((&Plan{Key: []byte("k"), Steps: []Step{{Argv: []string{"a"}}}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, q Plan
		if p.Decode(b) == nil && (q.Decode(p.Encode()) != nil || !reflect.DeepEqual(p, q)) {
			t.Errorf("%+v became %+v", p, q)
		}
		_ = new(Ended).Decode(b)
	})
}

// The vectors of the paper: the key 00..0f, messages 00.. of growing length.
func TestSipHash(t *testing.T) {
	var key, message []byte
	for i := range 16 {
		key = append(key, byte(i))
	}
	h := newSipHash(key)
	for i, want := range []uint64{0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a} {
		if got := h.sum(message[:i/2], message[i/2:]); got != want {
			t.Errorf("%d bytes: %x, want %x", i, got, want)
		}
		message = append(message, byte(i))
	}
	for i := len(message); i < 15; i++ {
		message = append(message, byte(i))
	}
	if got := h.sum(message, nil); got != 0xa129ca6149be45e5 {
		t.Errorf("15 bytes: %x", got)
	}
}
