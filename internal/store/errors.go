package store

import (
	"errors"
	"fmt"
	"syscall"
)

// The errors a caller can act on. They wrap what the engine said.
var (
	ErrBusy     = errors.New("the database is busy; try again in a moment")
	ErrNoSpace  = errors.New("no space left on the server; free some or move the data folder to a larger disk")
	ErrNotFound = errors.New("not in the blob store")
	ErrDamaged  = errors.New("the stored content does not match its SHA-256; restore it from a backup")
	ErrTooLarge = errors.New("larger than the limit")
	// ErrUnexpected is content that does not have the hash it was announced by.
	ErrUnexpected = errors.New("not the content that was announced")
)

// classify wraps an error of the engine in the error a caller can act on.
func classify(d Dialect, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrBusy), errors.Is(err, ErrNoSpace):
		return err
	case d.Full(err):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case d.Busy(err):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return diskFull(err)
}

// diskFull wraps the operating system's ways to say that a disk is full.
func diskFull(err error) error {
	if err != nil && !errors.Is(err, ErrNoSpace) &&
		(errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
