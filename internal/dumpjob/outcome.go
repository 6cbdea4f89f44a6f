package dumpjob

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringside/internal/record"
	"ringside/vmcore"
)

// The files in which a child leaves what it found.
const (
	summaryFile  = "summary.json"
	documentFile = "document.json.gz"
	outlineFile  = "outline.json.gz"
	logFile      = "log.txt"
)

// maxSummary bounds what is read of a summary.
const maxSummary = 1 << 20

// write leaves what was found in a folder. The summary comes last.
func write(dir string, doc *vmcore.Document) error {
	for name, d := range map[string]*vmcore.Document{documentFile: doc, outlineFile: Outline(doc)} {
		if err := writeGzip(filepath.Join(dir, name), d); err != nil {
			return err
		}
	}
	if text := doc.LogText(); len(text) > 0 {
		if err := os.WriteFile(filepath.Join(dir, logFile), text, 0o600); err != nil {
			return err
		}
	}
	text, err := json.Marshal(Summarize(doc))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, summaryFile), text, 0o600)
}

func writeGzip(name string, v any) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f)
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return z.Close()
}

// read opens what a child left in a folder, which goes with the analysis.
func read(dir string) (a *record.DumpAnalysis, err error) {
	var files []*os.File
	end := func() error {
		var errs []error
		for _, f := range files {
			errs = append(errs, f.Close())
		}
		return errors.Join(append(errs, os.RemoveAll(dir))...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	open := func(name string) (*os.File, error) {
		f, err := os.Open(filepath.Join(dir, name))
		if err == nil {
			files = append(files, f)
		}
		return f, err
	}
	a = &record.DumpAnalysis{Close: end}
	summary, err := open(summaryFile)
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(io.LimitReader(summary, maxSummary)).Decode(&a.Summary); err != nil {
		return nil, fmt.Errorf("read the summary: %w", err)
	}
	if a.Document, err = open(documentFile); err != nil {
		return nil, err
	}
	if a.Outline, err = open(outlineFile); err != nil {
		return nil, err
	}
	switch log, err := open(logFile); {
	case err == nil:
		a.Log = log
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return a, nil
}

// Summarize is a document in a few words.
func Summarize(doc *vmcore.Document) record.DumpSummary {
	k := doc.Kernel
	s := record.DumpSummary{
		Format: doc.Dump.Format, Release: k.Release, Version: k.Version, Arch: cmp.Or(k.Machine, doc.Dump.Arch), Node: k.Node,
		Rung: doc.Rung.String(), CPUs: len(k.CPUs), UptimeSec: k.Uptime.Seconds(), Findings: len(doc.Findings), Failed: []string{},
	}
	for _, at := range []time.Time{k.CrashTime, k.DumpTime} {
		if !at.IsZero() {
			s.StoppedAt = new(at.UTC())
			break
		}
	}
	if len(doc.Findings) > 0 {
		f := doc.Findings[0]
		s.Kind, s.Title, s.Sure = f.Kind, f.Title, f.Confidence
	}
	if t := doc.Sections.Tasks; t != nil {
		s.Tasks = t.Count
	}
	for _, st := range doc.Sections.Status {
		if st.Error != "" {
			s.Failed = append(s.Failed, st.Section)
		}
	}
	return s
}

// Outline is a document in which a task whose stack is that of a group has only
// the group's number: ten thousand threads that sleep in the same place say so
// once. The document itself is not changed.
func Outline(doc *vmcore.Document) *vmcore.Document {
	t := doc.Sections.Tasks
	if t == nil {
		return doc
	}
	out, tasks := *doc, *t
	tasks.Tasks = make([]vmcore.Task, len(t.Tasks))
	for i, task := range t.Tasks {
		if task.Group >= 0 && task.Group < len(t.Groups) {
			task.Frames = nil
		}
		tasks.Tasks[i] = task
	}
	out.Sections.Tasks = &tasks
	return &out
}
