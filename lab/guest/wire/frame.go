package wire

import (
	"encoding/binary"
	"errors"
	"io"
)

// Type is what a frame holds.
type Type byte

// The types of frames. The lab sends TypeInput and TypeSize, the init all others.
const (
	TypeHello   Type = 'H' // the kernel's release
	TypeNote    Type = 'N' // a sentence: something went otherwise than planned
	TypeReady   Type = 'R' // nothing: the steps can begin
	TypeBegun   Type = 'B' // Number of the step
	TypeStdout  Type = 'o' // bytes of the running step
	TypeStderr  Type = 'e' // the same
	TypeEnded   Type = 'E' // Ended
	TypeFile    Type = 'F' // bytes of a tar with what is collected
	TypeFailure Type = 'X' // a sentence: the plan cannot be carried out
	TypeOff     Type = 'Z' // nothing: all is done, the guest goes down

	TypeInput Type = 'i' // bytes for the running step
	TypeSize  Type = 's' // rows and columns, two big-endian 16-bit numbers
)

// MaxPayload bounds what one frame holds.
const MaxPayload = 16 << 10

// A frame is
//
//	0xD2 'R' 'S' type  length (2, big-endian)  sequence (4)  tag (8)  payload
//
// The tag is SipHash-2-4 over all before it and the payload, with the run's key.
// The sequence grows by one from frame to frame of a direction: a frame that is written
// again by somebody who has seen it has an old one.
const (
	headSize = 18
	tagAt    = 10
)

var magic = [3]byte{0xD2, 'R', 'S'}

// Writer writes frames.
type Writer struct {
	w   io.Writer
	mac sipHash
	seq uint32
	buf []byte
}

// NewWriter returns a writer of frames with a run's key.
func NewWriter(w io.Writer, key []byte) *Writer { return &Writer{w: w, mac: newSipHash(key)} }

// Write writes a frame, or more than one if the payload is too long for one.
func (w *Writer) Write(t Type, payload []byte) error {
	for {
		part := payload[:min(len(payload), MaxPayload)]
		if err := w.write(t, part); err != nil {
			return err
		}
		if payload = payload[len(part):]; len(payload) == 0 {
			return nil
		}
	}
}

func (w *Writer) write(t Type, payload []byte) error {
	b := append(w.buf[:0], magic[0], magic[1], magic[2], byte(t))
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = binary.BigEndian.AppendUint32(b, w.seq)
	b = binary.BigEndian.AppendUint64(b, w.mac.sum(b, payload))
	b = append(b, payload...)
	w.buf = b
	w.seq++
	_, err := w.w.Write(b)
	return err
}

// Frame is one that was read. Its payload is valid until the next read.
type Frame struct {
	Type    Type
	Payload []byte
}

// Reader reads frames out of a line on which there may be anything else, too.
type Reader struct {
	// Foreign counts the bytes that belong to no frame of the other side's, and Forged
	// those that look like the head of one.
	Foreign, Forged int

	r   io.Reader
	mac sipHash
	seq uint32
	buf []byte // what was read of the line
	at  int    // in it
	out []byte
	err error
}

// NewReader returns a reader of frames with a run's key.
func NewReader(r io.Reader, key []byte) *Reader { return &Reader{r: r, mac: newSipHash(key)} }

// fill reads until there are n bytes.
func (r *Reader) fill(n int) bool {
	if r.at > 0 && len(r.buf)-r.at < n {
		r.buf = append(r.buf[:0], r.buf[r.at:]...)
		r.at = 0
	}
	if cap(r.buf) < n {
		r.buf = append(make([]byte, 0, 2*(headSize+MaxPayload)), r.buf...)
	}
	for len(r.buf)-r.at < n && r.err == nil {
		var got int
		got, r.err = r.r.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+got]
	}
	return len(r.buf)-r.at >= n
}

// Next returns the next frame of the other side's. What is no such frame is counted and
// passed over.
func (r *Reader) Next() (Frame, error) {
	for r.fill(headSize) {
		head := r.buf[r.at:]
		if head[0] != magic[0] || head[1] != magic[1] || head[2] != magic[2] {
			r.skip(1)
			continue
		}
		n := int(binary.BigEndian.Uint16(head[4:]))
		seq := binary.BigEndian.Uint32(head[6:])
		// A frame that was lost or forged may have moved the sequence; going back is not
		// possible.
		if n > MaxPayload || seq < r.seq {
			r.Forged++
			r.skip(1)
			continue
		}
		if !r.fill(headSize + n) {
			break
		}
		head = r.buf[r.at:]
		payload := head[headSize : headSize+n]
		if binary.BigEndian.Uint64(head[tagAt:]) != r.mac.sum(head[:tagAt], payload) {
			r.Forged++
			r.skip(1)
			continue
		}
		r.seq = seq + 1
		r.out = append(r.out[:0], payload...)
		r.at += headSize + n
		return Frame{Type: Type(head[3]), Payload: r.out}, nil
	}
	r.skip(len(r.buf) - r.at)
	if r.err == nil || errors.Is(r.err, io.EOF) {
		return Frame{}, io.EOF
	}
	return Frame{}, r.err
}

// skip passes over bytes that are of no frame.
func (r *Reader) skip(n int) {
	r.Foreign += n
	r.at += n
}
