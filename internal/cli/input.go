package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"ringside/artefact"
	"ringside/internal/triage"
)

// maxSpool is how much of standard input is kept for a second reading.
const maxSpool = 8 << 30

// inputs resolves the arguments of a verb: files, folders and "-". Standard
// input is spooled to a temporary file, because evidence is read a second time.
// The returned function removes it.
func inputs(args []string, s Streams) ([]triage.Input, func(), error) {
	var list []triage.Input
	cleanup := func() {}
	for _, arg := range args {
		if arg == "-" {
			in, remove, err := spool(s.In)
			if err != nil {
				return nil, cleanup, err
			}
			prev := cleanup
			cleanup = func() { prev(); remove() }
			list = append(list, in)
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, cleanup, usagef("%w", err)
		}
		if !info.IsDir() {
			list = append(list, fileInput(arg))
			continue
		}
		files, err := walk(arg)
		if err != nil {
			return nil, cleanup, usagef("%w", err)
		}
		if len(files) == 0 {
			return nil, cleanup, usagef("%s: the folder has no files", arg)
		}
		for _, f := range files {
			list = append(list, fileInput(f))
		}
	}
	return list, cleanup, nil
}

func walk(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	sort.Strings(files)
	return files, err
}

func fileInput(path string) triage.Input {
	return triage.Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

func spool(r io.Reader) (triage.Input, func(), error) {
	f, err := os.CreateTemp("", "ringside-stdin-*")
	if err != nil {
		return triage.Input{}, nil, &exitError{exitInternal, fmt.Errorf("spool standard input: %w", err)}
	}
	remove := func() { os.Remove(f.Name()) }
	n, err := io.Copy(f, io.LimitReader(r, maxSpool+1))
	err = errors.Join(err, f.Close())
	if err == nil && n > maxSpool {
		err = fmt.Errorf("standard input is larger than %d GiB; pass it as a file", maxSpool>>30)
	}
	if err != nil {
		remove()
		return triage.Input{}, nil, usagef("read standard input: %w", err)
	}
	in := fileInput(f.Name())
	in.Name = "-"
	return in, remove, nil
}

// limitFlags are the limits for compressed inputs.
func limits(maxExpanded int64) artefact.Limits {
	return artefact.Limits{MaxExpanded: maxExpanded << 20}
}
