package symbol

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that nothing here knows what was asked for.
	ErrNotFound = errors.New("no symbols for it")
	// ErrHidden says that a kallsyms file has names and no addresses.
	ErrHidden = errors.New("the addresses are hidden: all are zero; read the file as root, or set kernel.kptr_restrict to 0")
	// ErrFormat says that a file is damaged or not what it was taken for.
	ErrFormat = errors.New("unreadable symbols")
)

// MismatchError says that a file is of another build than the log.
type MismatchError struct {
	File string // path of the file that was refused
	What string // "build ID", "release", ...
	Has  string // what the file has
	Want string // what the log has
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is of another build: its %s is %s, the log's is %s", e.File, e.What, e.Has, e.Want)
}

// guard turns a panic into an error. The standard library's ELF reader is not
// made for hostile files; neither are the decompressors that it calls.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: the file confuses its reader: %v", ErrFormat, p)
	}
}
