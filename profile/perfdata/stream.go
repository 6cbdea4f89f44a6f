package perfdata

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Types of records. Those from 64 on are perf's own.
const (
	RecordMmap        = 1
	RecordLost        = 2
	RecordComm        = 3
	RecordExit        = 4
	RecordThrottle    = 5
	RecordUnthrottle  = 6
	RecordFork        = 7
	RecordRead        = 8
	RecordSample      = 9
	RecordMmap2       = 10
	RecordAux         = 11
	RecordITraceStart = 12
	RecordLostSamples = 13
	RecordSwitch      = 14
	RecordSwitchCPU   = 15
	RecordNamespaces  = 16
	RecordKsymbol     = 17
	RecordBPFEvent    = 18
	RecordCgroup      = 19
	RecordTextPoke    = 20
	RecordAuxOutput   = 21

	recordUser        = 64
	recordAttr        = 64
	recordTracing     = 66
	recordBuildID     = 67
	recordRound       = 68
	recordAuxtrace    = 71
	recordUpdate      = 78
	recordFeature     = 80
	recordCompressed  = 81
	recordCompressed2 = 83
)

// losses count what is missing, by what it is.
type losses struct {
	what  []string
	count map[string]int64
}

func (l *losses) add(what string, n int64) {
	if l.count == nil {
		l.count = map[string]int64{}
	}
	if _, ok := l.count[what]; !ok {
		l.what = append(l.what, what)
	}
	if n < 0 {
		l.count[what] = -1
		return
	}
	l.count[what] += n
}

// Losses says what was lost, as far as the records were read.
func (f *File) Losses() []Loss {
	var list []Loss
	for _, what := range f.lost.what {
		list = append(list, Loss{what, f.lost.count[what]})
	}
	return list
}

// A stream reads records one after the other.
type stream struct {
	f    *File
	in   *bufio.Reader
	at   int64 // bytes read
	buf  []byte
	held []byte // read already, and not given yet
	// Of compressed records: the decoder, what it gave and is not used yet, and
	// the records that stood between two pieces.
	zin     *feeder
	zout    *zstd.Decoder
	decoded []byte
	rest    []byte
	drained bool
	pending []byte
}

func newStream(f *File, r io.Reader) *stream {
	return &stream{f: f, in: bufio.NewReaderSize(r, 1<<20), buf: make([]byte, 1<<16)}
}

func (s *stream) close() {
	if s.zout != nil {
		s.zout.Close()
	}
}

// next returns the next record as it is in the file, or io.EOF. It is valid
// until the next call.
func (s *stream) next() ([]byte, error) {
	if b := s.held; b != nil {
		s.held = nil
		return b, nil
	}
	for {
		b, err := s.plain()
		if err != nil {
			return nil, err
		}
		switch s.f.u32(b) {
		case recordTracing:
			if err := s.tracing(b); err != nil {
				return nil, err
			}
			continue
		case recordAuxtrace:
			if len(b) >= 16 {
				if err := s.skip(s.f.u64(b[8:])); err != nil {
					return nil, err
				}
				s.f.lost.add("hardware traces (AUX), which are not read", -1)
			}
			continue
		}
		return b, nil
	}
}

// raw reads one record of the file.
func (s *stream) raw() ([]byte, error) {
	head, err := s.in.Peek(8)
	if len(head) < 8 {
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if errors.Is(err, io.EOF) {
			return nil, s.cut("its last record's header")
		}
		return nil, fmt.Errorf("perf.data: record at byte %d: %w", s.at, err)
	}
	size := int(s.f.u16(head[6:]))
	if size < 8 {
		return nil, fmt.Errorf("perf.data: record at byte %d of its data says it has %d bytes; what follows cannot be found", s.at, size)
	}
	b := s.buf[:size]
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil, s.cut("its last record")
	}
	s.at += int64(size)
	return b, nil
}

// cut notes that the stream ends within something and ends it.
func (s *stream) cut(what string) error {
	s.f.Warnings = append(s.f.Warnings, fmt.Sprintf("the recording is cut within %s, at byte %d of its data", what, s.at))
	s.f.lost.add("what came after the cut", -1)
	return io.EOF
}

func (s *stream) skip(n uint64) error {
	for n > 0 {
		step := min(n, 1<<30)
		k, err := s.in.Discard(int(step))
		s.at += int64(k)
		if err != nil {
			return s.cut("a trace of the hardware")
		}
		n -= step
	}
	return nil
}

// tracing reads the tracing data of the pipe form, which follow their record.
func (s *stream) tracing(b []byte) error {
	if len(b) < 12 {
		return fmt.Errorf("perf.data: record at byte %d: tracing data without a size", s.at)
	}
	size := int64(s.f.u32(b[8:]))
	if size > maxFeature {
		return fmt.Errorf("perf.data: record at byte %d: tracing data of %d bytes", s.at, size)
	}
	data := make([]byte, 0, min(size, 1<<20))
	lr := io.LimitReader(s.in, (size+7)&^7)
	data, err := appendAll(data, lr)
	s.at += int64(len(data))
	if err != nil || int64(len(data)) < size {
		return s.cut("its tracing data")
	}
	s.f.Tracing = data[:size]
	return nil
}

func appendAll(b []byte, r io.Reader) ([]byte, error) {
	chunk := make([]byte, 64<<10)
	for {
		n, err := r.Read(chunk)
		b = append(b, chunk[:n]...)
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// maxPending bounds the records that may stand between two pieces of one
// compressed block.
const maxPending = 1 << 20

// A feeder gives the decoder the pieces of a compressed stream, which is flushed
// with each piece and never ended.
type feeder struct {
	s     *stream
	piece []byte
}

func (f *feeder) Read(p []byte) (int, error) {
	for len(f.piece) == 0 {
		// A block goes on in the next compressed record.
		b, err := f.s.raw()
		if err != nil {
			return 0, err
		}
		if payload, ok := f.s.payload(b); ok {
			f.piece = append(f.piece[:0], payload...)
			continue
		}
		if f.s.pending = append(f.s.pending, b...); len(f.s.pending) > maxPending {
			return 0, fmt.Errorf("perf.data: record at byte %d: a compressed block is not ended", f.s.at)
		}
	}
	n := copy(p, f.piece)
	f.piece = f.piece[n:]
	return n, nil
}

// payload returns what a compressed record holds.
func (s *stream) payload(b []byte) ([]byte, bool) {
	switch s.f.u32(b) {
	case recordCompressed:
		return b[8:], true
	case recordCompressed2:
		if len(b) < 16 || s.f.u64(b[8:]) > uint64(len(b)-16) {
			return nil, true
		}
		return b[16 : 16+s.f.u64(b[8:])], true
	}
	return nil, false
}

// plain returns the next record, decompressed.
func (s *stream) plain() ([]byte, error) {
	for {
		if b := s.pending; len(b) >= 8 {
			size := int(s.f.u16(b[6:]))
			s.pending = b[size:]
			return b[:size], nil
		}
		if len(s.rest) >= 8 {
			size := int(s.f.u16(s.rest[6:]))
			if size < 8 {
				return nil, fmt.Errorf("perf.data: record at byte %d: a compressed record says it has %d bytes", s.at, size)
			}
			if size <= len(s.rest) {
				b := s.rest[:size]
				s.rest = s.rest[size:]
				return b, nil
			}
		}
		if s.zout != nil && (!s.drained || len(s.zin.piece) > 0) {
			if err := s.decode(); err != nil {
				return nil, err
			}
			continue
		}
		b, err := s.raw()
		if err != nil {
			if errors.Is(err, io.EOF) && len(s.rest) > 0 {
				s.rest = nil
				return nil, s.cut("a compressed record")
			}
			return nil, err
		}
		payload, ok := s.payload(b)
		if !ok {
			return b, nil
		}
		if s.zout == nil {
			s.zin = &feeder{s: s}
			// One piece after the other: nothing is read ahead.
			s.zout, err = zstd.NewReader(s.zin, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
			if err != nil {
				return nil, fmt.Errorf("perf.data: %w", err)
			}
			s.decoded = make([]byte, 256<<10)
		}
		s.zin.piece = append(s.zin.piece[:0], payload...)
	}
}

// decode adds what the decoder has to rest.
func (s *stream) decode() error {
	kept := copy(s.decoded, s.rest) // a record has at most 64 KiB
	n, err := s.zout.Read(s.decoded[kept:])
	s.drained = n < len(s.decoded)-kept
	s.rest = s.decoded[:kept+n]
	switch {
	case err == nil || n > 0:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		s.rest = nil
		return s.cut("a compressed record")
	}
	return fmt.Errorf("perf.data: record at byte %d: %w: what follows cannot be read", s.at, err)
}
