package gdbserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxPacket bounds a packet in either direction. gdb is told of it.
const maxPacket = 16 << 10

// errDamaged says that a packet's checksum is wrong: the other side is to send it
// again.
var errDamaged = errors.New("a packet's checksum is wrong")

// interrupt is what the single byte 0x03 is read as: no packet has this text.
const interrupt = "\x03"

// nack is what a '-' is read as: the last answer did not arrive whole.
const nack = "-"

// readPacket returns the content of the next packet, [interrupt] or [nack]. What
// is between packets and is none of them is passed over.
func readPacket(r *bufio.Reader) (string, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		switch c {
		case 0x03:
			return interrupt, nil
		case '-':
			return nack, nil
		case '$':
			return readBody(r)
		}
	}
}

// readBody reads what comes after the '$' of a packet.
func readBody(r *bufio.Reader) (string, error) {
	var body []byte
	sum := byte(0)
	for {
		c, err := r.ReadByte()
		if err != nil {
			return "", noEnd(err)
		}
		if c == '$' { // the one before was cut off
			body, sum = body[:0], 0
			continue
		}
		if c == '#' {
			break
		}
		if len(body) == maxPacket {
			return "", fmt.Errorf("a packet has more than %d bytes: this is not gdb's remote protocol", maxPacket)
		}
		body, sum = append(body, c), sum+c
	}
	var want byte
	for range 2 {
		c, err := r.ReadByte()
		if err != nil {
			return "", noEnd(err)
		}
		d, ok := hexDigit(c)
		if !ok {
			return "", errDamaged
		}
		want = want<<4 | d
	}
	if want != sum {
		return "", errDamaged
	}
	return string(body), nil
}

func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// writePacket sends a packet.
func writePacket(w *bufio.Writer, body string) error {
	sum := byte(0)
	for i := range len(body) {
		sum += body[i]
	}
	fmt.Fprintf(w, "$%s#%02x", body, sum)
	return w.Flush()
}

// escape makes binary data fit into a packet: what has a meaning there is sent as
// '}' and the byte with its sixth bit flipped.
func escape(data []byte) string {
	out := make([]byte, 0, len(data)+8)
	for _, c := range data {
		if c == '}' || c == '#' || c == '$' || c == '*' {
			out = append(out, '}', c^0x20)
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
