package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ringside/artefact"
	"ringside/internal/triage"
	"ringside/profile/perfdata"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// A pipeReader makes an input of something that can be read only once, with
// what removes its traces.
type pipeReader func(name string, r io.ReadCloser) (triage.Input, func(), error)

// inputs resolves the arguments of a verb: files, folders and "-". What can be
// read only once, standard input and named pipes, is left to pipe; folder says
// what a folder is. The returned function cleans up.
func inputs(args []string, s Streams, pipe pipeReader, folder func(dir string) []triage.Input) ([]triage.Input, func(), error) {
	var list []triage.Input
	var removes []func()
	cleanup := func() {
		for _, remove := range removes {
			remove()
		}
	}
	once := func(name string, r io.ReadCloser) error {
		in, remove, err := pipe(name, r)
		if err == nil {
			list, removes = append(list, in), append(removes, remove)
		}
		return err
	}
	for i, arg := range args {
		if arg == "-" {
			if slices.Contains(args[:i], "-") {
				return nil, cleanup, usagef("standard input can be read only once: give - once")
			}
			if err := once("-", io.NopCloser(s.In)); err != nil {
				return nil, cleanup, err
			}
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, cleanup, usagef("%w", err)
		}
		switch {
		case info.IsDir():
			files := folder(arg)
			if len(files) == 0 {
				return nil, cleanup, usagef("%s: the folder has no files", arg)
			}
			list = append(list, files...)
		case info.Mode().IsRegular():
			list = append(list, fileInput(arg))
		default:
			f, err := os.Open(arg)
			if err != nil {
				return nil, cleanup, usagef("%w", err)
			}
			if err := once(arg, f); err != nil {
				return nil, cleanup, err
			}
		}
	}
	return list, cleanup, nil
}

// walk returns the files below dir in the order of their names. A part of it
// that cannot be read is an input that says so, and does not hide the rest.
func walk(dir string) []triage.Input {
	var files []triage.Input
	// The function never returns an error, so neither does WalkDir.
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			files = append(files, triage.Input{Name: path, Open: func() (io.ReadCloser, error) { return nil, err }})
		case d.Type().IsRegular():
			files = append(files, fileInput(path))
		}
		return nil
	})
	return files
}

// bundled makes one input of a folder.
func bundled(dir string) []triage.Input {
	if perfFolder(dir) {
		in := fileInput(filepath.Join(dir, perfFolderData))
		in.Name, in.File = dir, func(context.Context) (string, func(), error) { return dir, func() {}, nil }
		return []triage.Input{in}
	}
	return []triage.Input{{Name: dir, Folder: os.DirFS(dir)}}
}

// open opens a file, or standard input for "-".
func (s Streams) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(s.In), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(err)
	}
	return f, nil
}

func fileInput(path string) triage.Input {
	return triage.Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) },
		File: func(ctx context.Context) (string, func(), error) { return expanded(ctx, path) },
		Dump: func(ctx context.Context) (*kernel.Kernel, func(), error) {
			var d dumpFlags
			in, end, err := dumpInput(ctx, Streams{}, path)
			if err != nil {
				return nil, nil, err
			}
			in.Name = "dump" // who reads the report knows which
			return d.openInputs(ctx, []dump.Input{in}, []func(){end})
		}}
}

// perfFolderData is the file of a folder of perf record --threads that holds its
// header.
const perfFolderData = "data"

// perfFolder reports whether a folder is one recording.
func perfFolder(dir string) bool {
	f, err := os.Open(filepath.Join(dir, perfFolderData))
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 16)
	n, _ := io.ReadFull(f, head)
	return perfdata.Sniff(head[:n])
}

// expanded gives a file itself or, where it is compressed as a whole, a temporary
// one with what it expands to.
func expanded(ctx context.Context, path string) (string, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	head := make([]byte, 6)
	if n, _ := f.ReadAt(head, 0); !wrapped(head[:n]) {
		return path, func() {}, nil
	}
	a, err := artefact.Open(f, artefact.Limits{})
	if err != nil {
		return "", nil, err
	}
	tmp, err := os.CreateTemp("", "ringside-expanded-*")
	if err != nil {
		return "", nil, err
	}
	end := func() { os.Remove(tmp.Name()) }
	_, err = io.Copy(tmp, contextReader{ctx, a})
	if err = errors.Join(err, tmp.Close()); err != nil {
		end()
		return "", nil, err
	}
	return tmp.Name(), end, nil
}

// stream reads a pipe as it comes and keeps nothing: for verbs that read their
// inputs once.
func stream(name string, r io.ReadCloser) (triage.Input, func(), error) {
	opened := false
	in := triage.Input{Name: name, Open: func() (io.ReadCloser, error) {
		if opened {
			return nil, errors.New("it can be read only once")
		}
		opened = true
		return r, nil
	}}
	return in, func() { r.Close() }, nil
}

// maxWhole is how much of a pipe is copied for a verb that needs all of it
// before it begins.
const maxWhole = 4 << 30

// whole copies a pipe to a temporary file: for verbs that may have to start
// over, as push does.
func whole(name string, r io.ReadCloser) (triage.Input, func(), error) {
	defer r.Close()
	f, err := os.CreateTemp("", "ringside-pipe-*")
	if err != nil {
		return triage.Input{}, nil, &exitError{exitInternal, fmt.Errorf("keep a copy of %s: %w", name, err)}
	}
	remove := func() { os.Remove(f.Name()) }
	n, err := io.Copy(f, io.LimitReader(r, maxWhole+1))
	err = errors.Join(err, f.Close())
	if err == nil && n > maxWhole {
		err = fmt.Errorf("it is larger than %d GiB; pass it as a file", maxWhole>>30)
	}
	if err != nil {
		remove()
		return triage.Input{}, nil, usagef("read %s: %w", name, err)
	}
	in := fileInput(f.Name())
	in.Name = name
	return in, remove, nil
}

// limits are the limits for compressed inputs.
func limits(maxExpanded int64) artefact.Limits {
	return artefact.Limits{MaxExpanded: maxExpanded << 20}
}
