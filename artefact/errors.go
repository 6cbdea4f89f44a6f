package artefact

import (
	"errors"
	"fmt"
)

// What can be wrong with an archive; test with [errors.Is].
var (
	// ErrLimit: the input expands beyond what Limits allow.
	ErrLimit = errors.New("limit exceeded")
	// ErrTruncated: the archive ends before its end.
	ErrTruncated = errors.New("archive is cut short")
	// ErrCorrupt: the archive is damaged, or is none.
	ErrCorrupt = errors.New("archive is damaged")
)

// An Error says what ended the expansion of an archive, and where.
type Error struct {
	Kind        error // ErrLimit, ErrTruncated or ErrCorrupt
	Compression Compression
	Offset      int64 // expanded bytes delivered before; they are good
	Input       int64 // bytes of input read until then
	Err         error // what the decoder or the limiter says
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v %v after %d expanded bytes (%d bytes of input): %v", e.Compression, e.Kind, e.Offset, e.Input, e.Err)
}

// Unwrap makes errors.Is find the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }
