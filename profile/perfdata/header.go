package perfdata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Limits bound what a reader holds. A zero value takes the default.
type Limits struct {
	// Window is how many bytes of records are held to sort them: 32 MiB.
	Window int
}

func (l Limits) window() int {
	if l.Window > 0 {
		return l.Window
	}
	return 32 << 20
}

// Bounds on what a header may ask for.
const (
	maxAttrs   = 16 << 10
	maxIDs     = 16 << 20
	maxFeature = 256 << 20
)

// A BuildID is the identity of an object that was mapped.
type BuildID struct {
	ID     string // hexadecimal
	Path   string
	Kernel bool // the kernel, a module, or a guest's
}

// A Loss is something of the recording that is not in the file.
type Loss struct {
	What  string
	Count int64 // events, -1 where that is not known
}

// A File is an opened recording.
type File struct {
	Attrs     []Attr
	BuildIDs  []BuildID
	Hostname  string
	Release   string
	Arch      string
	Version   string // of perf
	CPUs      int
	Command   []string
	Pipe      bool
	Directory bool
	// Tracing is the tracing data: the formats of the tracepoints.
	Tracing []byte
	// Warnings say what a reader should know.
	Warnings []string

	order
	limits  Limits
	streams []io.Reader
	started *stream // of a pipe, behind its first records
	byID    map[uint64]int
	recent  [64]struct { // what was found in byID last
		id   uint64
		attr int
	}
	uniform bool // all samples have their fields in the same places
	lost    losses
}

// Magic of a perf.data, as little-endian bytes: "PERFILE2", and the same
// written by a big-endian machine.
var (
	magicLittle = []byte("PERFILE2")
	magicBig    = []byte("2ELIFREP")
)

// Sniff says whether data begins as a perf.data does.
func Sniff(head []byte) bool {
	return bytes.HasPrefix(head, magicLittle) || bytes.HasPrefix(head, magicBig)
}

const (
	fileHeader = 104
	pipeHeader = 16
)

// Open opens a recording of size bytes, a file or a pipe that was kept in one.
func Open(r io.ReaderAt, size int64, l Limits) (*File, error) {
	head := make([]byte, fileHeader)
	n, err := r.ReadAt(head, 0)
	if n < pipeHeader {
		return nil, fmt.Errorf("perf.data: its header is cut at byte %d: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
	}
	f := &File{limits: l}
	if err := f.magic(head[:n]); err != nil {
		return nil, err
	}
	if f.u64(head[8:]) == pipeHeader {
		f.Pipe = true
		f.streams = []io.Reader{io.NewSectionReader(r, pipeHeader, size-pipeHeader)}
		return f, f.pipeStart()
	}
	if n < fileHeader {
		return nil, fmt.Errorf("perf.data: its header is cut at byte %d of %d", n, fileHeader)
	}
	if err := f.header(r, size, head); err != nil {
		return nil, err
	}
	return f, nil
}

// OpenPipe opens a recording that comes in pipe form: perf record -o -.
func OpenPipe(r io.Reader, l Limits) (*File, error) {
	head := make([]byte, pipeHeader)
	if n, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("perf.data: its header is cut at byte %d: %w", n, err)
	}
	f := &File{limits: l, Pipe: true, streams: []io.Reader{r}}
	if err := f.magic(head); err != nil {
		return nil, err
	}
	if f.u64(head[8:]) != pipeHeader {
		return nil, errors.New("perf.data: this is a recording in file form, which cannot be read from a pipe; name the file")
	}
	return f, f.pipeStart()
}

// OpenDir opens a folder of perf record --threads or --kcore. The readers that
// open gives must stay open while the recording is read.
func OpenDir(dir fs.FS, open func(name string) (io.ReaderAt, int64, error), l Limits) (*File, error) {
	r, size, err := open("data")
	if err != nil {
		return nil, fmt.Errorf("perf.data: the folder has no file \"data\": %w", err)
	}
	f, err := Open(r, size, l)
	if err != nil {
		return nil, err
	}
	f.Directory = true
	names, err := fs.Glob(dir, "data.*")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		r, size, err := open(name)
		if err != nil {
			f.Warnings = append(f.Warnings, fmt.Sprintf("%s could not be opened, its samples are missing: %v", name, err))
			f.lost.add("samples of "+name, -1)
			continue
		}
		f.streams = append(f.streams, io.NewSectionReader(r, 0, size))
	}
	return f, nil
}

func (f *File) magic(head []byte) error {
	switch {
	case bytes.HasPrefix(head, magicLittle):
	case bytes.HasPrefix(head, magicBig):
		f.swap = true
	case bytes.HasPrefix(head, []byte("PERFFILE")):
		return errors.New("perf.data: version 1 of the format, which perf left in 2009; record it again")
	default:
		return fmt.Errorf("perf.data: it begins with %q, not with PERFILE2: this is no recording of perf", head[:8])
	}
	return nil
}

// section is a part of the file.
type section struct{ off, size uint64 }

func (f *File) section(b []byte) section { return section{f.u64(b), f.u64(b[8:])} }

// read reads a section, at most limit bytes of it.
func (s section) read(r io.ReaderAt, size int64, limit uint64, what string) ([]byte, error) {
	if s.off > uint64(size) || s.size > uint64(size)-s.off {
		return nil, fmt.Errorf("%s: bytes %d to %d of a file of %d", what, s.off, s.off+s.size, size)
	}
	if s.size > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the %d that are plausible", what, s.size, limit)
	}
	b := make([]byte, s.size)
	if _, err := r.ReadAt(b, int64(s.off)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}

// header reads the header of the file form.
func (f *File) header(r io.ReaderAt, size int64, head []byte) error {
	attrSize := f.u64(head[16:])
	attrs, data := f.section(head[24:]), f.section(head[40:])
	if attrSize < attrMin+16 || attrSize > 4096 {
		return fmt.Errorf("perf.data: byte 16: an attribute of %d bytes", attrSize)
	}
	b, err := attrs.read(r, size, maxAttrs*attrSize, "perf.data: its attributes")
	if err != nil {
		return err
	}
	ids := 0
	for at := 0; at+int(attrSize) <= len(b); at += int(attrSize) {
		a, err := f.attr(b[at : at+int(attrSize)-16])
		if err != nil {
			return fmt.Errorf("perf.data: %w", err)
		}
		raw, err := f.section(b[at+int(attrSize)-16:]).read(r, size, 8*maxIDs, "perf.data: the numbers of an event")
		if err != nil {
			return err
		}
		if ids += len(raw) / 8; ids > maxIDs {
			return fmt.Errorf("perf.data: its events have more than %d numbers", maxIDs)
		}
		for ; len(raw) >= 8; raw = raw[8:] {
			a.IDs = append(a.IDs, f.u64(raw))
		}
		f.Attrs = append(f.Attrs, a)
	}
	if len(f.Attrs) == 0 {
		return errors.New("perf.data: it names no event")
	}
	end := uint64(size)
	switch {
	case data.off > end:
		return fmt.Errorf("perf.data: its data begin at byte %d of a file of %d: the file is cut; what is left holds no sample", data.off, size)
	case data.size == 0:
		// perf writes the size last.
		f.Warnings = append(f.Warnings, "the recording was not ended in order: its header was not completed, names of events and build IDs may be missing")
		f.lost.add("what perf had not written when it ended", -1)
		data.size = end - data.off
	case data.size > end-data.off:
		missing := data.size - (end - data.off)
		f.Warnings = append(f.Warnings, fmt.Sprintf("the file is cut: %d of %d bytes of records are missing", missing, data.size))
		f.lost.add("records behind the end of the file", -1)
		data.size = end - data.off
	}
	f.streams = []io.Reader{io.NewSectionReader(r, int64(data.off), int64(data.size))}
	f.features(r, size, section{data.off + data.size, 0}, head[72:104])
	f.index()
	return nil
}

// index finds events by number.
func (f *File) index() {
	f.byID = map[uint64]int{}
	clear(f.recent[:])
	f.uniform = true
	for i := range f.Attrs {
		a := &f.Attrs[i]
		if a.Name == "" {
			a.Name = a.defaultName()
		}
		for _, id := range a.IDs {
			f.byID[id] = i
		}
		f.uniform = f.uniform && a.SampleType == f.Attrs[0].SampleType && a.Flags&flagSampleIDAll == f.Attrs[0].Flags&flagSampleIDAll
	}
}

// The features that are read.
const (
	featureTracing   = 1
	featureBuildID   = 2
	featureHostname  = 3
	featureRelease   = 4
	featureVersion   = 5
	featureArch      = 6
	featureCPUs      = 7
	featureCommand   = 11
	featureEventDesc = 12
	features         = 256
)

// features reads the features behind the data. One that is broken does not
// take the others with it.
func (f *File) features(r io.ReaderAt, size int64, table section, flags []byte) {
	at := table.off
	for id := range features {
		if f.u64(flags[id/64*8:])&(1<<(id%64)) == 0 {
			continue
		}
		b, err := (section{at, 16}).read(r, size, 16, "the table of features")
		if err != nil {
			f.Warnings = append(f.Warnings, err.Error())
			return
		}
		at += 16
		switch id {
		case featureTracing, featureBuildID, featureHostname, featureRelease, featureVersion, featureArch, featureCPUs, featureCommand, featureEventDesc:
		default:
			continue
		}
		body, err := f.section(b).read(r, size, maxFeature, fmt.Sprintf("feature %d", id))
		if err == nil {
			err = f.feature(id, body)
		}
		if err != nil {
			f.Warnings = append(f.Warnings, fmt.Sprintf("feature %d is not used: %v", id, err))
		}
	}
}

func (f *File) feature(id int, b []byte) error {
	var err error
	switch id {
	case featureTracing:
		f.Tracing = b
	case featureBuildID:
		err = f.buildIDs(b)
	case featureHostname:
		f.Hostname, _, err = f.text(b)
	case featureRelease:
		f.Release, _, err = f.text(b)
	case featureVersion:
		f.Version, _, err = f.text(b)
	case featureArch:
		f.Arch, _, err = f.text(b)
	case featureCPUs:
		if len(b) < 8 {
			return io.ErrUnexpectedEOF
		}
		f.CPUs = int(f.u32(b[4:]))
	case featureCommand:
		if len(b) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := f.u32(b)
		b = b[4:]
		for range min(n, 4096) {
			var s string
			if s, b, err = f.text(b); err != nil {
				return err
			}
			f.Command = append(f.Command, s)
		}
	case featureEventDesc:
		err = f.eventDesc(b)
	}
	return err
}

// text reads a text of a feature and returns what is behind it.
func (f *File) text(b []byte) (string, []byte, error) {
	if len(b) < 4 {
		return "", nil, io.ErrUnexpectedEOF
	}
	n := f.u32(b)
	if uint64(n) > uint64(len(b)-4) {
		return "", nil, fmt.Errorf("a text of %d bytes in %d: %w", n, len(b)-4, io.ErrUnexpectedEOF)
	}
	return cString(b[4 : 4+n]), b[4+n:], nil
}

// eventDesc reads the names of the events.
func (f *File) eventDesc(b []byte) error {
	if len(b) < 8 {
		return io.ErrUnexpectedEOF
	}
	n, size := f.u32(b), uint64(f.u32(b[4:]))
	b = b[8:]
	for range min(n, maxAttrs) {
		if uint64(len(b)) < size+4 {
			return io.ErrUnexpectedEOF
		}
		a, err := f.attr(b[:size])
		if err != nil {
			return err
		}
		ids := uint64(f.u32(b[size:]))
		name, rest, err := f.text(b[size+4:])
		if err != nil {
			return err
		}
		if uint64(len(rest)) < 8*ids {
			return io.ErrUnexpectedEOF
		}
		var first uint64
		if ids > 0 {
			first = f.u64(rest)
		}
		b = rest[8*ids:]
		for i := range f.Attrs {
			x := &f.Attrs[i]
			if ids > 0 && len(x.IDs) > 0 && x.IDs[0] == first || ids == 0 && x.Name == "" && x.Type == a.Type && x.Config == a.Config {
				x.Name = name
				break
			}
		}
	}
	return nil
}

// buildIDs reads build IDs: each as a record that says how long it is.
func (f *File) buildIDs(b []byte) error {
	for len(b) >= 36 {
		misc, size := f.u16(b[4:]), int(f.u16(b[6:]))
		if size < 36 || size > len(b) {
			return fmt.Errorf("an entry of %d bytes", size)
		}
		n := 20
		if misc&(1<<15) != 0 && b[32] <= 20 {
			n = int(b[32])
		}
		id := b[12 : 12+n]
		if misc&(1<<15) == 0 {
			id = bytes.TrimRight(id, "\x00")
		}
		mode := misc & 7
		f.BuildIDs = append(f.BuildIDs, BuildID{ID: hex.EncodeToString(id), Path: cString(b[36:size]), Kernel: mode == 1 || mode == 4})
		b = b[size:]
	}
	return nil
}
