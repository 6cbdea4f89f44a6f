package gdbserver

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadPacket(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"plain", "$qC#b4", "qC", nil},
		{"after an ack", "+$?#3f", "?", nil},
		{"empty", "$#00", "", nil},
		{"interrupt", "\x03", interrupt, nil},
		{"not arrived", "-", nack, nil},
		{"begun twice", "$qSupp$qC#b4", "qC", nil},
		{"upper case", "$jo#D9", "jo", nil},
		{"wrong sum", "$qC#b5", "", errDamaged},
		{"no sum", "$qC#zz", "", errDamaged},
		{"nothing", "", "", io.EOF},
		{"cut", "$qC", "", io.ErrUnexpectedEOF},
		{"cut in the sum", "$qC#b", "", io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readPacket(bufio.NewReader(strings.NewReader(c.in)))
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("readPacket(%q) = %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
			}
		})
	}
	if _, err := readPacket(bufio.NewReader(strings.NewReader("$" + strings.Repeat("a", maxPacket+1)))); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("an endless packet: %v", err)
	}
}

func TestEscape(t *testing.T) {
	if got, want := escape([]byte("a}b#c$d*e")), "a}]b}\x03c}\x04d}\ne"; got != want {
		t.Errorf("escape = %q, want %q", got, want)
	}
}

// FuzzServe: whatever a debugger sends, each answer is a packet that fits.
func FuzzServe(f *testing.F) {
	for _, seed := range []string{
		"$qSupported:error-message+#00", "$?#3f", "+$g#67-", "$m1000,10#00", "$xffff,ffffffffffffffff#00", "$Hg1#e0", "$Hg-1#00", "$p10#00",
		"$qXfer:features:read:target.xml:0,ffb#79", "$qXfer:threads:read::0,1000#00", "$qRcmd,6c6f67#00", "$vCont?#49", "$vCont;c#a8", "\x03", "$D#44", "$k#6b",
		"$qThreadExtraInfo,1#00", "$QStartNoAckMode#b0", "$T1#85", "$c#63", "$G00#00", "$#00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		answers := strings.Builder{}
		s := newSession(fakeTarget(), duplex{strings.NewReader(string(fixSums(in))), &answers})
		_ = s.serve(t.Context()) // a connection may break at any place
		r := bufio.NewReader(strings.NewReader(answers.String()))
		for {
			p, err := readPacket(r)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("an answer that is no packet: %v\n%q", err, answers.String())
			}
			if len(p) > maxPacket {
				t.Fatalf("an answer of %d bytes", len(p))
			}
		}
	})
}

// fixSums gives packets right checksums, so that a fuzzer gets past them.
func fixSums(in []byte) []byte {
	var out []byte
	for rest := string(in); rest != ""; {
		before, after, ok := strings.Cut(rest, "$")
		out = append(out, before...)
		if !ok {
			break
		}
		body, tail, ok := strings.Cut(after, "#")
		if !ok {
			return append(out, "$"+body...)
		}
		out = append(out, packet(body)...)
		rest = tail[min(2, len(tail)):]
	}
	return out
}
