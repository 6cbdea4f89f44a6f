// Package demo makes the data set that `ringside demo` shows: real kernel logs,
// spread over a fleet and a month that never were. Everything it writes is
// marked as demo data.
package demo

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
)

// logsZip holds the logs of crash/testdata/lab that end in a report; made by
// scripts/demo-logs.
//
//go:embed logs.zip
var logsZip []byte

// Showcase is the log whose triage `ringside demo` prints.
const Showcase = "vmcore-oops612.console"

// Logs returns the real logs of the data set.
func Logs() (fs.FS, error) {
	r, err := zip.NewReader(bytes.NewReader(logsZip), int64(len(logsZip)))
	if err != nil {
		return nil, fmt.Errorf("demo logs: %w", err)
	}
	return r, nil
}
