package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Header is what a recording tells of the machine's events.
type Header struct {
	Order    Order
	Version  string // "6", "7", or "0.6" in perf.data
	PageSize int
	Page     string // the format of a page's header
	Formats  []*Format
	Printk   map[uint64]string // formats that records refer to by address
	Comms    map[int32]string
	// Warnings name formats that could not be read; their events are shown as
	// bytes.
	Warnings []string
	byID     map[int]*Format
}

// ByID returns the format with a number, or nil.
func (h *Header) ByID(id int) *Format { return h.byID[id] }

// ByName returns the format of system:name, or nil.
func (h *Header) ByName(name string) *Format {
	system, event, _ := strings.Cut(name, ":")
	for _, f := range h.Formats {
		if f.System == system && f.Name == event {
			return f
		}
	}
	return nil
}

// Add adds a format.
func (h *Header) Add(f *Format) {
	if h.byID == nil {
		h.byID = map[int]*Format{}
	}
	if h.byID[f.ID] == nil {
		h.byID[f.ID] = f
	}
	h.Formats = append(h.Formats, f)
}

// Bounds of what a header may ask for.
const (
	maxEvents  = 64 << 10
	maxSystems = 4 << 10
	maxText    = 64 << 20
)

// A Reader reads the parts of a header and knows where it is.
type Reader struct {
	R     io.Reader
	Order Order
	At    int64
}

// Bytes reads n bytes, at most limit.
func (r *Reader) Bytes(n, limit uint64, what string) ([]byte, error) {
	if n > limit {
		return nil, fmt.Errorf("byte %d: %s of %d bytes, more than the %d that are plausible", r.At, what, n, limit)
	}
	// What is claimed is not made room for before it is there.
	var b bytes.Buffer
	k, err := io.CopyN(&b, r.R, int64(n))
	r.At += k
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return b.Bytes(), fmt.Errorf("byte %d: %s: %w", r.At, what, err)
	}
	return b.Bytes(), nil
}

// Uint reads a number of n bytes.
func (r *Reader) Uint(n int, what string) (uint64, error) {
	b, err := r.Bytes(uint64(n), 8, what)
	if err != nil {
		return 0, err
	}
	switch n {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(r.Order.Uint16(b)), nil
	case 4:
		return uint64(r.Order.Uint32(b)), nil
	}
	return r.Order.Uint64(b), nil
}

// Text reads up to the next zero.
func (r *Reader) Text(limit int, what string) (string, error) {
	var text []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(r.R, b[:]); err != nil {
			return "", fmt.Errorf("byte %d: %s: %w", r.At, what, io.ErrUnexpectedEOF)
		}
		r.At++
		if b[0] == 0 {
			return string(text), nil
		}
		if text = append(text, b[0]); len(text) > limit {
			return "", fmt.Errorf("byte %d: %s of more than %d bytes", r.At, what, limit)
		}
	}
}

// sized reads a text with its length, which has n bytes.
func (r *Reader) sized(n int, limit uint64, what string) ([]byte, error) {
	size, err := r.Uint(n, what)
	if err != nil {
		return nil, err
	}
	return r.Bytes(size, limit, what)
}

// Magic is what trace.dat and perf's tracing data begin with.
const Magic = "\x17\x08Dtracing"

// ReadStart reads the magic, the version, byte order and page size.
func ReadStart(r *Reader) (*Header, error) {
	b, err := r.Bytes(uint64(len(Magic)), 16, "its beginning")
	if err != nil {
		return nil, err
	}
	if string(b) != Magic {
		return nil, fmt.Errorf("it begins with %q: this is no recording of trace events", b)
	}
	h := &Header{Printk: map[uint64]string{}, Comms: map[int32]string{}}
	if h.Version, err = r.Text(16, "its version"); err != nil {
		return nil, err
	}
	b, err = r.Bytes(2, 2, "its byte order")
	if err != nil {
		return nil, err
	}
	r.Order = Order{Big: b[0] != 0, Long: int(b[1])}
	if r.Order.Long != 4 && r.Order.Long != 8 {
		return nil, fmt.Errorf("byte %d: a long of %d bytes", r.At, r.Order.Long)
	}
	page, err := r.Uint(4, "its page size")
	if err != nil {
		return nil, err
	}
	if page < 256 || page > 64<<20 || page&(page-1) != 0 {
		return nil, fmt.Errorf("byte %d: a page of %d bytes", r.At, page)
	}
	h.PageSize, h.Order = int(page), r.Order
	return h, nil
}

// ReadHeader reads the beginning of a trace.dat up to version 6, or all of
// perf's tracing data. It stops where the CPUs' data begin. What was read before
// an error is returned with it.
func ReadHeader(rd io.Reader) (*Header, *Reader, error) {
	r := &Reader{R: rd}
	h, err := ReadStart(r)
	if err != nil {
		return nil, r, err
	}
	if h.Version == "7" {
		return h, r, nil // its sections have their own reader
	}
	if err := h.ReadPageFormats(r); err != nil {
		return h, r, err
	}
	if err := h.ReadFtraceFormats(r); err != nil {
		return h, r, err
	}
	if err := h.ReadEventFormats(r); err != nil {
		return h, r, err
	}
	if _, err := r.sized(4, maxText, "kernel symbols"); err != nil {
		return h, r, err
	}
	printk, err := r.sized(4, maxText, "printk formats")
	if err != nil {
		return h, r, err
	}
	h.AddPrintk(printk)
	if strings.HasPrefix(h.Version, "0.") && h.Version < "0.6" {
		return h, r, nil
	}
	comms, err := r.sized(8, maxText, "names of tasks")
	if err != nil {
		return h, r, err
	}
	h.AddComms(comms)
	return h, r, nil
}

// ReadPageFormats reads the formats of a page's and an event's header.
func (h *Header) ReadPageFormats(r *Reader) error {
	for _, name := range []string{"header_page", "header_event"} {
		got, err := r.Text(32, name)
		if err != nil {
			return err
		}
		if got != name {
			return fmt.Errorf("byte %d: %q where %s was expected", r.At, got, name)
		}
		text, err := r.sized(8, maxFormat, name)
		if err != nil {
			return err
		}
		if name == "header_page" {
			h.Page = string(text)
		}
	}
	return nil
}

// ReadFtraceFormats reads the formats of the tracer's own events.
func (h *Header) ReadFtraceFormats(r *Reader) error {
	n, err := r.Uint(4, "number of formats")
	if err != nil {
		return err
	}
	return h.formats(r, "ftrace", n)
}

// ReadEventFormats reads the formats of the systems' events.
func (h *Header) ReadEventFormats(r *Reader) error {
	systems, err := r.Uint(4, "number of systems")
	if err != nil {
		return err
	}
	if systems > maxSystems {
		return fmt.Errorf("byte %d: %d systems", r.At, systems)
	}
	for range systems {
		system, err := r.Text(256, "a system's name")
		if err != nil {
			return err
		}
		n, err := r.Uint(4, "number of formats")
		if err != nil {
			return err
		}
		if err := h.formats(r, system, n); err != nil {
			return err
		}
	}
	return nil
}

func (h *Header) formats(r *Reader, system string, n uint64) error {
	if n > maxEvents || uint64(len(h.Formats))+n > maxEvents {
		return fmt.Errorf("byte %d: %d formats", r.At, n)
	}
	for range n {
		text, err := r.sized(8, maxFormat, "a format of "+system)
		if err != nil {
			return err
		}
		f, err := Parse(system, text, h.Order)
		if err != nil {
			h.Warnings = append(h.Warnings, err.Error())
			continue
		}
		h.Add(f)
	}
	return nil
}

// AddPrintk reads printk's formats: lines of an address and a quoted text.
func (h *Header) AddPrintk(text []byte) {
	for line := range bytes.Lines(text) {
		addr, format, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
		if !ok {
			continue
		}
		v, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(addr), "0x"), 16, 64)
		if err != nil {
			continue
		}
		h.Printk[v] = strings.Trim(strings.TrimSpace(format), `"`)
	}
}

// AddComms reads saved_cmdlines: lines of a number and a name.
func (h *Header) AddComms(text []byte) {
	for line := range bytes.Lines(text) {
		pid, name, ok := strings.Cut(strings.TrimRight(string(line), "\n"), " ")
		if v, err := strconv.ParseInt(pid, 10, 32); ok && err == nil {
			h.Comms[int32(v)] = name
		}
	}
}
