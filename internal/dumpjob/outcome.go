package dumpjob

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"time"

	"ringside/internal/child"
	"ringside/internal/record"
	"ringside/vmcore"
)

// The files in which a child leaves what it found, besides the summary.
const (
	documentFile = "document.json.gz"
	outlineFile  = "outline.json.gz"
	logFile      = "log.txt"
)

// write leaves what was found in a folder. The summary comes last.
func write(dir string, doc *vmcore.Document) error {
	for name, d := range map[string]*vmcore.Document{documentFile: doc, outlineFile: Outline(doc)} {
		if err := child.WriteGzip(dir, name, func(w io.Writer) error { return json.NewEncoder(w).Encode(d) }); err != nil {
			return err
		}
	}
	if text := doc.LogText(); len(text) > 0 {
		if err := child.Write(dir, logFile, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
			return err
		}
	}
	return child.WriteSummary(dir, Summarize(doc))
}

// read opens what a child left in a folder, which goes with the analysis.
func read(r *child.Results) (*record.DumpAnalysis, error) {
	a := &record.DumpAnalysis{Close: r.Close}
	if err := r.Summary(&a.Summary); err != nil {
		return nil, err
	}
	var err error
	if a.Document, err = r.Open(documentFile); err != nil {
		return nil, err
	}
	if a.Outline, err = r.Open(outlineFile); err != nil {
		return nil, err
	}
	switch log, err := r.Open(logFile); {
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
