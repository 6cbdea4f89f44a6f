package artefact

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Limits bound the expansion of compressed inputs. The zero value stands for
// the defaults given with each field. An input that is not compressed is not
// limited: what is read of it is the reader's own choice.
type Limits struct {
	// MaxExpanded is the most bytes an input may expand to; 0 means 4 GiB.
	MaxExpanded int64

	// MaxRatio is the most expanded bytes per byte of input; 0 means 1000.
	// The first 256 MiB are free: a log that repeats itself compresses beyond
	// any ratio, and reading that much takes a fraction of a second.
	MaxRatio int64

	// MaxWindow is the largest window or dictionary that an archive may ask a
	// decoder to hold in memory; 0 means 128 MiB, which is what zstd -22 and
	// xz -9 need.
	MaxWindow int64
}

const (
	defaultMaxExpanded = 4 << 30
	defaultMaxRatio    = 1000
	defaultMaxWindow   = 128 << 20
	freeExpansion      = 256 << 20
)

func (l Limits) withDefaults() Limits {
	if l.MaxExpanded <= 0 {
		l.MaxExpanded = defaultMaxExpanded
	}
	if l.MaxRatio <= 0 {
		l.MaxRatio = defaultMaxRatio
	}
	if l.MaxWindow <= 0 {
		l.MaxWindow = defaultMaxWindow
	}
	return l
}

// MaxNesting is how many compressions, one inside the other, are undone.
const MaxNesting = 3

// headSize is how much of an input is looked at to recognise it.
const headSize = 64 << 10

// An Artefact is an opened input. Reading gives its expanded bytes.
type Artefact struct {
	// Format is what the expanded bytes are.
	Format Format
	// Compression lists what was undone, the outermost first.
	Compression []Compression
	// Name is the file name that a gzip header carries, without directories,
	// or empty. It is what someone wrote there: a hint for the reader's eyes.
	Name string

	r     *bufio.Reader
	input *source
	read  int64
}

// Open recognises r. It fails only where a decompressor cannot even start or
// compressions are nested too deep; any later trouble comes from Read, behind
// the bytes that are good.
func Open(r io.Reader, l Limits) (*Artefact, error) {
	l = l.withDefaults()
	a := &Artefact{input: &source{r: r}}
	a.r = bufio.NewReaderSize(a.input, headSize)
	for {
		head := a.head()
		c := sniffCompression(head)
		if c == None {
			a.Format = Sniff(head)
			return a, nil
		}
		if len(a.Compression) == MaxNesting {
			return nil, &Error{Kind: ErrLimit, Compression: c, Input: a.input.n,
				Err: errors.New("it is compressed more than three times over; unpack it and pass what is inside")}
		}
		a.Compression = append(a.Compression, c)
		expanded, name, err := expand(c, a.r, a.input, l)
		if err != nil {
			return nil, err
		}
		if a.Name == "" {
			a.Name = name
		}
		a.r = bufio.NewReaderSize(expanded, headSize)
	}
}

// head returns the first bytes, as many as there are up to headSize. An error
// is not lost: it comes again behind these bytes.
func (a *Artefact) head() []byte {
	head, _ := a.r.Peek(headSize)
	return head
}

// Head returns the first expanded bytes, at most 64 KiB of those that were not
// read yet, without consuming them. They are valid until the next Read.
func (a *Artefact) Head() []byte { return a.head() }

// Read reads expanded bytes.
func (a *Artefact) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.read += int64(n)
	return n, err
}

// Offset returns how many expanded bytes were read.
func (a *Artefact) Offset() int64 { return a.read }

// Input returns how many bytes were taken from the input itself.
func (a *Artefact) Input() int64 { return a.input.n }

// A source counts what is read of the input and remembers how it ended, so
// that the input's own errors are told from those of what is in it.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.err = err
	return n, err
}

// failed returns the input's own error, if that is what ended it.
func (s *source) failed() error {
	if s.err == nil || errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// baseName cuts the directories off a name, of whatever system, and what does
// not belong on a terminal.
func baseName(name string) string {
	if i := bytes.LastIndexAny([]byte(name), `/\`); i >= 0 {
		name = name[i+1:]
	}
	clean := make([]rune, 0, len(name))
	for _, r := range name {
		if r >= ' ' && r != 0x7f && r != 0xfffd && len(clean) < 255 {
			clean = append(clean, r)
		}
	}
	return string(clean)
}
