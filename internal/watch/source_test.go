package watch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNamed(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "console.log")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, want, fail string }{
		{"-", "standard input", ""},
		{"tcp://con1:7001", "tcp con1:7001", ""},
		{"telnet://con1", "telnet con1:23", ""},
		{"telnet://[::1]:2000", "telnet [::1]:2000", ""},
		{"unix:/run/qemu.sock", "unix /run/qemu.sock", ""},
		{plain, plain, ""},
		{"tcp://con1", "", "say the port"},
		{"http://con1:80", "", "use tcp://"},
		{dir, "", "is a folder"},
		{filepath.Join(dir, "none"), "", "no such file"},
	} {
		s, err := Named(tt.name, nil, Baud)
		if tt.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.fail)
			}
			continue
		}
		if err != nil || s.String() != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.name, s, err, tt.want)
		}
	}
}

// sniffer is a telnet server's end of a connection, in memory.
func TestTelnet(t *testing.T) {
	in := []byte("login\r\x00\r\n" + // CR NUL is a bare carriage return
		"\xff\xfb\x01" + // WILL ECHO: agreed
		"\xff\xfb\x01" + // again: not answered twice
		"\xff\xfd\x18" + // DO TERMINAL-TYPE: refused
		"\xff\xfb\x05" + // WILL STATUS: refused
		"\xff\xfa\x18\x01\xff\xff\xf0 text\xff\xf0" + // a subnegotiation, with an escaped 255
		"a\xff\xffb" + // an escaped 255 in the text
		"\xff\xf1" + // NOP
		"end")
	var replies bytes.Buffer
	// One byte at a time, so that every state is entered across reads.
	got, err := io.ReadAll(oneByte{newTelnet(oneByte{bytes.NewReader(in)}, &replies)})
	if err != nil {
		t.Fatal(err)
	}
	if want := "login\r\r\na\xffbend"; string(got) != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if want := "\xff\xfd\x01\xff\xfc\x18\xff\xfe\x05"; replies.String() != want {
		t.Errorf("answered %q, want %q", replies.String(), want)
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

func FuzzTelnet(f *testing.F) {
	f.Add([]byte("a\xff\xfb\x01b\xff\xfa\x18\xff\xf0\r\x00c"))
	f.Add([]byte("\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var replies bytes.Buffer
		got, err := io.ReadAll(newTelnet(bytes.NewReader(in), &replies))
		if err != nil || len(got) > len(in) || replies.Len() > len(in) {
			t.Errorf("%d bytes of text and %d of answers from %d: %v", len(got), replies.Len(), len(in), err)
		}
	})
}

// TestConsoleServer follows a real socket that is closed and opened again.
func TestConsoleServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	oops := lab(t, "crash-mod-null.log")
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		_, err = conn.Write(oops)
		served <- errors.Join(err, conn.Close())
	}()
	src, err := Named("tcp://"+l.Addr().String(), nil, Baud)
	if err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	var title string
	err = Follow(t.Context(), src, Options{Copy: &copied}, func(e Event) error {
		if e.Kind == Completed {
			title = e.Document.Reports[e.Report].Title
			return Stop()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(title, "null_in_thread") {
		t.Errorf("told of %q", title)
	}
	if !bytes.Equal(copied.Bytes(), oops) {
		t.Errorf("the copy has %d bytes, want %d", copied.Len(), len(oops))
	}
}

// TestSerialLine follows a terminal, which is to the kernel what a serial line
// is; it must be made raw, or the line discipline would change the bytes.
func TestSerialLine(t *testing.T) {
	p, err := terminal()
	if err != nil {
		t.Skipf("SKIPPED: no terminal can be made here: %v", err)
	}
	defer p.Close()
	src, err := Named(p.slave.Name(), nil, 9600)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := src.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := "[    1.0] BUG: \x03\x04\x11 unable\r\n"
	if _, err := p.master.WriteString(want); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Errorf("read %q, %v, want %q", got, err, want)
	}
	cancel() // a Read that waits must end
	if _, err := r.Read(got); err == nil {
		t.Error("Read went on behind the end of its context")
	}
}

func TestCommand(t *testing.T) {
	oops := filepath.Join("../../crash/testdata/lab", "crash-mod-null.log")
	var got []string
	err := Follow(t.Context(), Command{"cat", oops}, Options{}, func(e Event) error {
		got = append(got, seen(e))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(got, "\n")
	if !strings.Contains(text, "complete null-ptr-deref") || !strings.HasSuffix(text, "end") {
		t.Errorf("events:\n%s", text)
	}
}

// TestGrowingFile appends, rotates and truncates.
func TestGrowingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.log")
	write := func(flags int, text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	write(0, "old news\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	src, err := Named(path, nil, Baud)
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("read %q, %v, want %q", got, err, want)
		}
	}
	write(os.O_APPEND, "appended\n")
	expect("appended\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(0, "rotated\n")
	expect("rotated\n")
	write(os.O_TRUNC, "new\n")
	expect("new\n")
}
