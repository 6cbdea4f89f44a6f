package web

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"ringside/internal/record"
)

// dumpLogView is a part of the log that was in a dump.
type dumpLogView struct {
	Lines   []dumpLine
	Total   int // lines that fit
	Pager   pager
	Text    string
	Level   string
	Levels  []choice
	Crashes []string
}

// dumpLine is a line of the log.
type dumpLine struct {
	Number int
	Level  int // -1 where the line does not say
	Stamp  string
	Text   string
}

const (
	logRows     = 500
	maxDumpLine = 4 << 10
)

// logLevels are the kernel's own names of its levels.
var logLevels = []string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}

// LevelName is the name of the line's level.
func (l dumpLine) LevelName() string {
	if l.Level < 0 || l.Level >= len(logLevels) {
		return ""
	}
	return logLevels[l.Level]
}

// dumpLog reads the lines that fit, and keeps those of a page.
func (s *site) dumpLog(r *http.Request, v *dumpView) (*dumpLogView, error) {
	q, err := readQuery(r, "q", "level", "line", "offset")
	if err != nil {
		return nil, err
	}
	offset, err := q.number("offset")
	if err != nil {
		return nil, err
	}
	line, err := q.number("line")
	if err != nil {
		return nil, err
	}
	if line > 0 && q.get("q") == "" && q.get("level") == "" {
		offset = (line - 1) / logRows * logRows
	}
	most := len(logLevels)
	if text := q.get("level"); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most < 0 || most >= len(logLevels) {
			return nil, fmt.Errorf("level=%q: %w: it is a number from 0 to 7", text, record.ErrInvalid)
		}
	}
	out := &dumpLogView{Text: q.get("q"), Level: q.get("level"), Crashes: v.Crashes}
	f, _, err := s.svc.OpenDump(r.Context(), v.ID, record.DumpLog)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil // it has none
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := out.read(f, offset, most); err != nil {
		return nil, err
	}
	out.Pager = q.pager(offset, len(out.Lines), logRows, int64(out.Total))
	for _, c := range []choice{{"", "all levels", 0, false, ""}, {"4", "warnings and worse", 0, false, ""}, {"3", "errors and worse", 0, false, ""}} {
		c.Chosen, c.URL = c.Value == out.Level, q.with("level", c.Value, "line", "")
		out.Levels = append(out.Levels, c)
	}
	return out, nil
}

// read keeps the lines from offset on that have a text and a level.
func (v *dumpLogView) read(f io.Reader, offset, most int) error {
	in := bufio.NewReaderSize(f, 64<<10)
	want := strings.ToLower(v.Text)
	level := -1 // a line that does not say has that of the line before
	for n := 1; ; n++ {
		text, length, err := readLogLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if length == 0 {
			return nil
		}
		line := splitLogLine(n, text)
		if line.Level < 0 {
			line.Level = level
		}
		level = line.Level
		if (most >= len(logLevels) || level >= 0 && level <= most) && (want == "" || strings.Contains(strings.ToLower(text), want)) {
			if v.Total >= offset && len(v.Lines) < logRows {
				v.Lines = append(v.Lines, line)
			}
			v.Total++
		}
	}
}

// readLogLine returns the next line, as much of it as is shown, and how many
// bytes it has.
func readLogLine(in *bufio.Reader) (text string, length int, err error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		length += len(part)
		line = append(line, part[:min(len(part), max(0, maxDumpLine-len(line)))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return strings.ToValidUTF8(strings.TrimRight(string(line), "\r\n"), "\uFFFD"), length, err
		}
	}
}

// splitLogLine takes "<6>[   12.345678][  T123] text" apart.
func splitLogLine(n int, text string) dumpLine {
	l := dumpLine{Number: n, Level: -1, Text: text}
	if len(text) > 3 && text[0] == '<' && text[2] == '>' && text[1] >= '0' && text[1] <= '7' {
		l.Level, l.Text = int(text[1]-'0'), text[3:]
	}
	for range 2 {
		end := strings.IndexByte(l.Text, ']')
		if end < 2 || end > 24 || l.Text[0] != '[' || !isStamp(l.Text[1:end]) {
			break
		}
		l.Stamp, l.Text = l.Stamp+l.Text[:end+1], l.Text[end+1:]
	}
	return l
}

// isStamp tells a time or a caller ("12.345678", "T123", "C0") from text.
func isStamp(s string) bool {
	s = strings.TrimSpace(s)
	digits := strings.TrimLeft(s, "TC")
	return digits != "" && len(s)-len(digits) < 2 && strings.Trim(digits, "0123456789.") == ""
}
