package record

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	// maxLogLine bounds how much of one line is shown, in bytes.
	maxLogLine = 16 << 10
	// maxLogText bounds the text of one LogText, in bytes.
	maxLogText = 4 << 20
)

// CrashLog returns a part of the text that a crash was read from. It streams
// the artefact up to the part and holds no more than the part.
func (s *Service) CrashLog(ctx context.Context, id string, r LogRange) (*LogText, error) {
	if r.First < 0 || r.Lines < 0 || r.Around < 0 || r.Lines > MaxLogLines {
		return nil, fmt.Errorf("log lines %d+%d: %w: lines count from 1, at most %d at once", r.First, r.Lines, ErrInvalid, MaxLogLines)
	}
	c, err := s.Crash(ctx, id)
	if err != nil {
		return nil, err
	}
	first, last := r.bounds(c)
	raw, _, err := s.blobs.Open(ctx, c.SHA256)
	if err != nil {
		return nil, fmt.Errorf("log of crash %s: %w", id, err)
	}
	defer raw.Close()
	text, err := s.open(raw)
	if err != nil {
		return nil, fmt.Errorf("log of crash %s: %w", id, err)
	}
	if c, ok := text.(io.Closer); ok {
		defer c.Close()
	}
	t, err := readLines(ctx, text, first, last)
	if err != nil {
		return nil, fmt.Errorf("log of crash %s: %w", id, err)
	}
	return t, nil
}

// bounds returns the first and last line that are wanted.
func (r LogRange) bounds(c *CrashDetail) (first, last int) {
	first, last = crashLines(c)
	if r.First == 0 && !r.Whole {
		around := r.Around
		if around == 0 {
			around = 40
		}
		first, last = max(1, first-around), last+around
	} else {
		first = max(1, r.First)
		last = max(first, last)
	}
	if r.Lines > 0 {
		last = first + r.Lines - 1
	}
	return first, min(last, first+MaxLogLines-1)
}

// crashLines returns the lines of a crash's reports.
func crashLines(c *CrashDetail) (first, last int) {
	first, last = 1, 1
	for i, r := range c.Chain {
		if r.Index >= len(c.Document.Reports) {
			continue // read by other rules since; the list follows when it is analysed again
		}
		l := c.Document.Reports[r.Index].Lines
		if i == 0 || l.First < first {
			first = max(1, l.First)
		}
		last = max(last, l.Last)
	}
	return first, max(first, last)
}

// readLines returns the lines from first to last of a text.
func readLines(ctx context.Context, r io.Reader, first, last int) (*LogText, error) {
	var (
		in     = bufio.NewReaderSize(r, 256<<10)
		t      = LogText{Lines: []LogLine{}, Before: first > 1}
		offset int64
		size   int
	)
	for n := 1; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if n > last || size > maxLogText {
			_, err := in.Peek(1)
			t.After = err == nil
			return &t, nil
		}
		line := LogLine{Number: n, Start: offset}
		length, err := readLine(in, n >= first, &line)
		offset += length
		if n >= first && length > 0 {
			t.Lines = append(t.Lines, line)
			size += len(line.Text)
		}
		switch {
		case errors.Is(err, io.EOF):
			return &t, nil
		case err != nil && len(t.Lines) > 0:
			// A damaged or truncated artefact: what was read is shown, and
			// the document's notes say what is missing.
			t.After = true
			return &t, nil
		case err != nil:
			return nil, err
		}
	}
}

// readLine reads one line and returns how many bytes it has with its end. It
// keeps the text, up to the limit, if it is wanted.
func readLine(in *bufio.Reader, wanted bool, line *LogLine) (length int64, err error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		length += int64(len(part))
		if wanted {
			if room := maxLogLine - len(text); len(part) > room {
				part, line.Clipped = part[:room], true
			}
			text = append(text, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		line.Text = string(text)
		return length, err
	}
}
