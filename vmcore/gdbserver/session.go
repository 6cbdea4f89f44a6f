package gdbserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"ringside/vmcore/kernel"
)

// Serve answers a debugger until it detaches, hangs up, or the context ends and
// somebody closes conn. A debugger that just goes away is no error.
func Serve(ctx context.Context, k *kernel.Kernel, conn io.ReadWriter) error {
	t, err := newTarget(ctx, k)
	if err != nil {
		return err
	}
	return newSession(t, conn).serve(ctx)
}

// session is one debugger's.
type session struct {
	t         *target
	r         *bufio.Reader
	w         *bufio.Writer
	registers []register
	xml       string
	threads   string // the XML of qXfer:threads
	last      string // the last answer, for one that did not arrive
	current   int    // index of the thread that registers are asked of
	noAck     bool
	texts     bool // errors may say why
	end       bool
}

func newSession(t *target, conn io.ReadWriter) *session {
	s := &session{t: t, r: bufio.NewReader(conn), w: bufio.NewWriter(conn), current: t.first}
	s.registers, s.xml, _ = features(t.machine) // a target of another machine is not made
	return s
}

func (s *session) serve(ctx context.Context) error {
	for !s.end {
		packet, err := readPacket(s.r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, errDamaged):
			err = s.ack('-')
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the debugger's connection: %w", err)
		case packet == nack:
			err = writePacket(s.w, s.last)
		default:
			if packet != interrupt {
				if err = s.ack('+'); err != nil {
					break
				}
			}
			s.last = s.answer(packet)
			err = writePacket(s.w, s.last)
			s.noAck = s.noAck || packet == "QStartNoAckMode"
		}
		if err != nil {
			return fmt.Errorf("answering the debugger: %w", err)
		}
	}
	return nil
}

func (s *session) ack(c byte) error {
	if s.noAck {
		return nil
	}
	return s.w.WriteByte(c)
}

// fail is an error's answer.
func (s *session) fail(format string, args ...any) string {
	if s.texts {
		return "E." + fmt.Sprintf(format, args...)
	}
	return "E01"
}

const (
	stopTrap = 5
	stopStop = 17 // gdb's number of SIGSTOP: a step that ends so is not tried again
)

func (s *session) stop(signal int) string {
	return fmt.Sprintf("T%02xthread:%x;", signal, s.t.threads[s.current].id)
}

// answer returns the answer to a packet; "" says that it is not known.
func (s *session) answer(packet string) string {
	if packet == "" {
		return ""
	}
	arg := packet[1:]
	switch packet[0] {
	case '?':
		return s.stop(stopTrap)
	case interrupt[0]:
		return s.stop(stopStop)
	case 'q':
		return s.query(arg)
	case 'Q':
		if arg == "StartNoAckMode" {
			return "OK"
		}
	case 'g':
		return encode(s.registers, s.t.threads[s.current].regs())
	case 'p':
		n, err := strconv.ParseUint(arg, 16, 16)
		if err != nil || int(n) >= len(s.registers) {
			return s.fail("there is no register %s", arg)
		}
		return encode(s.registers[n:n+1], s.t.threads[s.current].regs())
	case 'm':
		return s.memory(arg, hex.EncodeToString)
	case 'x':
		return s.memory(arg, func(p []byte) string { return "b" + escape(p) })
	case 'H':
		return s.choose(arg)
	case 'T':
		if _, ok := s.find(arg); ok {
			return "OK"
		}
		return s.fail("no such thread")
	case 'G', 'P', 'M', 'X', 'Z':
		return s.fail("a dump cannot be changed")
	case 'c', 's', 'C', 'S':
		return s.stop(stopStop)
	case 'v':
		return s.verbose(arg)
	case 'D':
		s.end = true
		return "OK"
	case 'k':
		s.end = true
		return "OK"
	}
	return ""
}

// verbose answers the packets that begin with v.
func (s *session) verbose(arg string) string {
	switch {
	case arg == "Cont?":
		return "vCont;c;C;s;S"
	case strings.HasPrefix(arg, "Cont;"):
		return s.stop(stopStop)
	case strings.HasPrefix(arg, "Kill"):
		s.end = true
		return "OK"
	}
	return ""
}

// find returns the index of the thread that a packet names.
func (s *session) find(id string) (int, bool) {
	n, err := strconv.ParseInt(id, 16, 64)
	if err != nil {
		return 0, false
	}
	i, ok := s.t.byID[int(n)]
	return i, ok
}

// choose answers H: which thread the next packets are about.
func (s *session) choose(arg string) string {
	if arg == "" {
		return s.fail("which thread?")
	}
	if id := arg[1:]; id == "0" || id == "-1" { // any, or all
		return "OK"
	}
	i, ok := s.find(arg[1:])
	if !ok {
		return s.fail("no such thread")
	}
	if arg[0] == 'g' {
		s.current = i
	}
	return "OK"
}

// memory answers m and x: as much as is there.
func (s *session) memory(arg string, write func([]byte) string) string {
	at, length, _ := strings.Cut(arg, ",")
	addr, err := strconv.ParseUint(at, 16, 64)
	n, err2 := strconv.ParseUint(length, 16, 64)
	if err != nil || err2 != nil {
		return s.fail("memory is read as address,length")
	}
	p := make([]byte, min(n, (maxPacket-16)/2))
	got := s.t.read(p, addr)
	if got == 0 && n > 0 {
		return s.fail("the dump has no memory at %#x", addr)
	}
	return write(p[:got])
}

// query answers the packets that begin with q.
func (s *session) query(arg string) string {
	name, rest, _ := strings.Cut(arg, ":")
	switch {
	case name == "Supported":
		s.texts = strings.Contains(rest, "error-message+")
		return fmt.Sprintf("PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;binary-upload+;error-message+", maxPacket)
	case name == "Xfer":
		return s.transfer(rest)
	case arg == "C":
		return fmt.Sprintf("QC%x", s.t.threads[s.current].id)
	case name == "Attached":
		return "1"
	case arg == "fThreadInfo":
		var b strings.Builder
		for i, th := range s.t.threads {
			if b.Len() > maxPacket-64 {
				break // gdb that can take more asks for qXfer:threads
			}
			b.WriteString(map[bool]string{true: "m", false: ","}[i == 0] + strconv.FormatInt(int64(th.id), 16))
		}
		return b.String()
	case arg == "sThreadInfo":
		return "l"
	case strings.HasPrefix(arg, "ThreadExtraInfo,"):
		i, ok := s.find(strings.TrimPrefix(arg, "ThreadExtraInfo,"))
		if !ok {
			return s.fail("no such thread")
		}
		return hex.EncodeToString([]byte(s.t.threads[i].name + ", " + s.t.threads[i].note))
	case arg == "Offsets":
		if s.t.text == 0 {
			return ""
		}
		return fmt.Sprintf("TextSeg=%x", s.t.text)
	case name == "Symbol":
		return "OK"
	case strings.HasPrefix(arg, "Rcmd,"):
		return s.command(strings.TrimPrefix(arg, "Rcmd,"))
	}
	return ""
}

// command answers gdb's `monitor`: its output goes before the answer.
func (s *session) command(text string) string {
	line, err := hex.DecodeString(text)
	if err != nil {
		return s.fail("a command is sent in hexadecimal")
	}
	var out bytes.Buffer
	err = s.t.monitor(&out, string(line))
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	for chunk := out.Next((maxPacket - 8) / 2); len(chunk) > 0; chunk = out.Next((maxPacket - 8) / 2) {
		if err := writePacket(s.w, "O"+hex.EncodeToString(chunk)); err != nil {
			return s.fail("%v", err)
		}
	}
	return "OK"
}

// transfer answers qXfer: a part of a text.
func (s *session) transfer(arg string) string {
	f := strings.Split(arg, ":")
	if len(f) != 4 || f[1] != "read" {
		return ""
	}
	var text string
	switch {
	case f[0] == "features" && f[2] == "target.xml":
		text = s.xml
	case f[0] == "features":
		return "E00"
	case f[0] == "threads" && f[2] == "":
		if s.threads == "" {
			s.threads = s.t.describe()
		}
		text = s.threads
	default:
		return ""
	}
	from, length, _ := strings.Cut(f[3], ",")
	off, err := strconv.ParseUint(from, 16, 32)
	n, err2 := strconv.ParseUint(length, 16, 32)
	if err != nil || err2 != nil || off > uint64(len(text)) {
		return s.fail("an offset and a length are wanted")
	}
	part := text[off:]
	if n = min(n, maxPacket/2-8); uint64(len(part)) > n { // escaped it may be twice as long
		return "m" + escape([]byte(part[:n]))
	}
	return "l" + escape([]byte(part))
}

// describe returns the XML of the threads.
func (t *target) describe() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<threads>\n")
	for _, th := range t.threads {
		fmt.Fprintf(&b, "<thread id=\"%x\" name=\"", th.id)
		_ = xml.EscapeText(&b, []byte(th.name)) // a Builder does not fail
		b.WriteString("\">")
		_ = xml.EscapeText(&b, []byte(th.note))
		b.WriteString("</thread>\n")
	}
	b.WriteString("</threads>\n")
	return b.String()
}
