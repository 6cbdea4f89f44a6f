package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
)

// SummaryFile is the file with which a child says that it has done all: it is
// written last.
const SummaryFile = "summary.json"

// maxSummary bounds what is read of a summary.
const maxSummary = 1 << 20

// Results are what a child left in its folder, which goes with them.
type Results struct {
	dir   string
	files []*os.File
}

// OpenResults opens a folder of results.
func OpenResults(dir string) *Results { return &Results{dir: dir} }

// Open opens one of the files.
func (r *Results) Open(name string) (*os.File, error) {
	f, err := os.Open(filepath.Join(r.dir, name))
	if err == nil {
		r.files = append(r.files, f)
	}
	return f, err
}

// Summary reads the summary.
func (r *Results) Summary(v any) error {
	f, err := r.Open(SummaryFile)
	if err != nil {
		return err
	}
	if err := json.NewDecoder(io.LimitReader(f, maxSummary)).Decode(v); err != nil {
		return fmt.Errorf("read the summary: %w", err)
	}
	return nil
}

// Close closes what was opened and removes the folder.
func (r *Results) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	r.files = nil
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// Write leaves a file in a folder of results.
func Write(dir, name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// WriteGzip is [Write], compressed.
func WriteGzip(dir, name string, write func(io.Writer) error) error {
	return Write(dir, name, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		return errors.Join(write(z), z.Close())
	})
}

// WriteSummary leaves the summary: what it says is there.
func WriteSummary(dir string, v any) error {
	return Write(dir, SummaryFile, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}
