package patchindex

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"ringside/patch/equiv"
	"ringside/patch/history"
)

var (
	commitLine  = regexp.MustCompile(`^commit [0-9a-f]{40}\r?$`)
	releaseName = regexp.MustCompile(`^ChangeLog-(\d+(?:\.\d+)+)$`)
)

const maxLogLine = 1 << 20

// isChangeLog tells whether a file starts as kernel.org's ChangeLog files do, which are
// what git log prints, without diffs.
func isChangeLog(r io.Reader) bool {
	head := make([]byte, 8192)
	n, _ := io.ReadFull(r, head)
	head = head[:n]
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	return commitLine.Match(line) && bytes.HasPrefix(rest, []byte("Author: ")) && !bytes.Contains(head, []byte("\ndiff --git "))
}

// fillChangeLog adds the commits of a log without diffs: messages are all there is.
func fillChangeLog(b *equiv.Builder, f io.ReadSeeker, name string) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	release := ""
	if m := releaseName.FindStringSubmatch(filepath.Base(name)); m != nil {
		release = "v" + m[1]
	}
	var d *equiv.Doc
	var message strings.Builder
	flush := func() error {
		if d == nil {
			return nil
		}
		text := message.String()
		d.Subject, _, _ = strings.Cut(text, "\n")
		d.Fixes, d.Reverts = equiv.References(text)
		d.Upstream = history.Origin(text)
		d.Words = equiv.MessageWords(text)
		if release != "" {
			d.Releases = []string{release}
		}
		message.Reset()
		return b.Add(d)
	}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxLogLine)
	n := 0
	for sc.Scan() {
		n++
		line := strings.TrimRight(sc.Text(), "\r")
		switch {
		case commitLine.MatchString(line):
			if err := flush(); err != nil {
				return err
			}
			d = &equiv.Doc{Name: strings.TrimPrefix(line, "commit ")}
		case d == nil:
		case strings.HasPrefix(line, "Author: "):
			if _, mail, ok := strings.Cut(line, "<"); ok {
				d.Author = strings.TrimSuffix(mail, ">")
			}
		case strings.HasPrefix(line, "Date: "):
			when := strings.TrimSpace(strings.TrimPrefix(line, "Date: "))
			if t, err := time.Parse("Mon Jan 2 15:04:05 2006 -0700", when); err == nil {
				d.Date = t
			}
		case strings.HasPrefix(line, "    "):
			message.WriteString(line[4:])
			message.WriteByte('\n')
		case line == "" && message.Len() > 0:
			message.WriteByte('\n')
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", name, n+1, errors.Join(err, errors.New("no ChangeLog has such lines")))
	}
	return flush()
}
