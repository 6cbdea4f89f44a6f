package klog

import "io"

// Options bound and steer a [Reader]. The zero value is ready to use.
type Options struct {
	// MaxLine is the longest line kept, in bytes; what is beyond is skipped
	// and the record is marked Clipped. 0 means 64 KiB.
	MaxLine int
}

// Stats counts what a Reader saw.
type Stats struct {
	Bytes      int64
	Lines      int64
	Records    int64
	Lost       int64 // records known to be lost, from sequence numbers and printk's own drop notes
	Clipped    int64 // lines longer than MaxLine
	Boots      int
	Transports map[Transport]int64 // records by transport
}

// Reader turns an input into records.
type Reader struct{ r io.Reader }

// NewReader returns a Reader of r.
func NewReader(r io.Reader, o Options) *Reader { return &Reader{r: r} }

// Next returns the next record, or io.EOF after the last. Any other error is
// the input's own (a truncated archive, a limit): the records before it are
// good, and Next returns the error again if called again.
func (r *Reader) Next() (*Record, error) { return nil, io.EOF }

// Stats reports what was read so far.
func (r *Reader) Stats() Stats { return Stats{} }
