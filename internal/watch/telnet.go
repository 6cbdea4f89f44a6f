package watch

import "io"

// Telnet's commands (RFC 854) and the two options worth agreeing to.
const (
	telnetSE   = 240
	telnetSB   = 250
	telnetWILL = 251
	telnetWONT = 252
	telnetDO   = 253
	telnetDONT = 254
	telnetIAC  = 255

	optionBinary = 0
	optionEcho   = 1
	optionSGA    = 3
)

// telnet takes telnet's negotiation out of a stream. It lets the server echo,
// suppress go-ahead and send binary, and refuses everything else, so that no
// server waits for an answer.
type telnet struct {
	r      io.Reader
	w      io.Writer
	state  telnetState
	verb   byte
	binary bool // the server sends carriage returns as they are
	agreed [256]bool
}

type telnetState uint8

const (
	telnetText telnetState = iota
	telnetCommand
	telnetOption
	telnetSub
	telnetSubCommand
	telnetReturn // behind a carriage return, where NUL means nothing
)

func newTelnet(r io.Reader, w io.Writer) *telnet { return &telnet{r: r, w: w} }

// Read gives text only. It may return 0 bytes without an error.
func (t *telnet) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	kept := 0
	for _, c := range p[:n] {
		if c, ok := t.take(c); ok {
			p[kept] = c
			kept++
		}
	}
	return kept, err
}

// take consumes one byte; it reports whether that is text.
func (t *telnet) take(c byte) (byte, bool) {
	switch t.state {
	case telnetText, telnetReturn:
		after := t.state == telnetReturn
		t.state = telnetText
		switch {
		case c == telnetIAC:
			t.state = telnetCommand
			return 0, false
		case c == 0 && after && !t.binary:
			return 0, false
		case c == '\r':
			t.state = telnetReturn
		}
		return c, true
	case telnetCommand:
		switch c {
		case telnetIAC:
			t.state = telnetText
			return c, true
		case telnetSB:
			t.state = telnetSub
		case telnetWILL, telnetWONT, telnetDO, telnetDONT:
			t.verb, t.state = c, telnetOption
		default:
			t.state = telnetText
		}
	case telnetOption:
		t.state = telnetText
		t.answer(t.verb, c)
	case telnetSub:
		if c == telnetIAC {
			t.state = telnetSubCommand
		}
	case telnetSubCommand:
		t.state = telnetSub
		if c == telnetSE {
			t.state = telnetText
		}
	}
	return 0, false
}

// answer agrees or refuses. Each option is agreed to once, so that two polite
// ends do not go on for ever.
func (t *telnet) answer(verb, option byte) {
	switch verb {
	case telnetWILL:
		switch option {
		case optionBinary, optionEcho, optionSGA:
			if option == optionBinary {
				t.binary = true
			}
			if !t.agreed[option] {
				t.agreed[option] = true
				t.say(telnetDO, option)
			}
		default:
			t.say(telnetDONT, option)
		}
	case telnetDO:
		t.say(telnetWONT, option)
	}
}

// say sends a command. A server that does not listen may still talk: what goes
// wrong with writing is not told.
func (t *telnet) say(verb, option byte) { _, _ = t.w.Write([]byte{telnetIAC, verb, option}) }
