// Package testdump is the kernel dump that tests have with them: two tasks of a
// small 6.12 for x86_64 that wait for each other's mutex, in 64 MiB of memory,
// filtered at level 31. README.md says how it was made.
package testdump

import (
	"bytes"
	_ "embed" // the dump
	"fmt"

	"github.com/klauspost/compress/zstd"

	"ringside/vmcore/dump"
)

//go:embed tiny.kdump.zst
var compressed []byte

// Bytes returns the file, in the KDUMP format.
func Bytes() ([]byte, error) {
	r, err := zstd.NewReader(nil)
	if err != nil {
		return nil, fmt.Errorf("tiny.kdump.zst: %w", err)
	}
	defer r.Close()
	data, err := r.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("tiny.kdump.zst: %w", err)
	}
	return data, nil
}

// Open opens the dump.
func Open() (*dump.File, error) {
	data, err := Bytes()
	if err != nil {
		return nil, err
	}
	return dump.Open([]dump.Input{{Name: "tiny.kdump", R: bytes.NewReader(data), Size: int64(len(data))}}, dump.Options{})
}
