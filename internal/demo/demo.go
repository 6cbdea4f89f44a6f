// Package demo makes the data set that `ringside demo` shows: real kernel logs,
// spread over a fleet and a month that never were. Everything it writes is
// marked as demo data.
package demo

import (
	"archive/zip"
	"bytes"
	"embed"
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

// cvesZip holds real records of the kernel CNA, and what two kernels of Debian were built
// from, as far as these records ask; made by scripts/democves.
//
//go:embed cves.zip
var cvesZip []byte

// CVEs returns the records, as a checkout of the CNA's repository has them, and the folder
// inventories with those of kernels.
func CVEs() (fs.FS, error) {
	r, err := zip.NewReader(bytes.NewReader(cvesZip), int64(len(cvesZip)))
	if err != nil {
		return nil, fmt.Errorf("demo records: %w", err)
	}
	return r, nil
}

// stacksZip holds reports of a real patch stack on two bases; internal/demo/README.md says
// how they were made.
//
//go:embed stacks.zip
var stacksZip []byte

// Stacks returns the reports: the names say how many days ago each is to have come.
func Stacks() (fs.FS, error) {
	r, err := zip.NewReader(bytes.NewReader(stacksZip), int64(len(stacksZip)))
	if err != nil {
		return nil, fmt.Errorf("demo stacks: %w", err)
	}
	return r, nil
}

// hosts has for each group of the demo's fleet what its hosts have loaded and how they are
// set up.
//
//go:embed hosts
var hosts embed.FS

// Host returns the file system of a host of a group, as far as it is read. ok is false for
// a group of which nothing is known.
func Host(group string) (root fs.FS, ok bool) {
	root, err := fs.Sub(hosts, "hosts/"+group)
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(root, "proc/modules")
	return root, err == nil
}
