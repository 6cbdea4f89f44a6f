// Package commitref reads which upstream commits a kernel took, out of what downstream
// trees say: logs of git, kernel.org's ChangeLog files, patches with the tags of the
// distributions.
//
// A line that says where a change comes from counts ("commit … upstream.", "(cherry
// picked from commit …)", "Git-commit: …", "Origin: upstream, …"). One that says what a
// change is about does not ("Fixes: …"), and a revert takes away.
package commitref

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"ringside/vuln"
	"ringside/vuln/feed"
)

// maxLine is how much of a line is looked at.
const maxLine = 16 << 10

// A Set is the commits that were found. It is a vuln.Claims.
type Set struct {
	commits  map[string]mention // by the first 12 digits
	reverted map[string]bool
	titles   map[string]mention
}

type mention struct {
	id     string
	text   string
	source string
	line   int
}

const hex = `([0-9a-f]{12,40})`

// origins are the lines that say where a change comes from.
var origins = []*regexp.Regexp{
	regexp.MustCompile(`^(?:commit|From) ([0-9a-f]{40})\b`),
	regexp.MustCompile(`^([0-9a-f]{12,40}) \S`), // git log --oneline
	regexp.MustCompile(`(?i)^\s*\[?\s*(?:upstream )?commit ` + hex + ` upstream\b`),
	regexp.MustCompile(`(?i)^\s*\[\s*upstream commit ` + hex + `\s*\]`),
	regexp.MustCompile(`(?i)^\s*\(?\s*(?:cherry[- ]picked|backported) from (?:upstream )?commit ` + hex),
	regexp.MustCompile(`(?i)^\s*(?:upstream[-_ ]commit|git-commit|upstream status|upstream):? .*?\b` + hex + `\b`),
	regexp.MustCompile(`(?i)^\s*(?:upstream-commit|git-commit|commit): ` + hex),
	regexp.MustCompile(`(?i)^\s*origin: (?:upstream|backport), .*?(?:/linus/|/stable/c/|[?&;]id=|/c/|/commit/)` + hex),
}

var (
	reverts = regexp.MustCompile(`(?i)^\s*this reverts (?:upstream )?commit ` + hex)
	heading = regexp.MustCompile(`^Subject: (?:\[[^\]]*\] ?)*(\S.*)`)
)

// Read adds what one file says.
func (s *Set) Read(name string, r io.Reader) error {
	if s.commits == nil {
		s.commits, s.reverted, s.titles = map[string]mention{}, map[string]bool{}, map[string]mention{}
	}
	in := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		b, err := in.ReadSlice('\n')
		line := string(b)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		s.line(strings.TrimRight(line, "\r\n"), name, n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
}

func (s *Set) line(line, name string, n int) {
	if m := heading.FindStringSubmatch(line); m != nil {
		title := m[1]
		if _, ok := s.titles[title]; !ok && len(title) < 1024 {
			s.titles[title] = mention{text: title, source: name, line: n}
		}
		return
	}
	if !strings.ContainsAny(line, "0123456789abcdef") {
		return
	}
	if m := reverts.FindStringSubmatch(line); m != nil {
		s.reverted[m[1][:12]] = true
		return
	}
	for _, re := range origins {
		if m := re.FindStringSubmatch(line); m != nil {
			id := m[1]
			if _, ok := s.commits[id[:12]]; !ok {
				text := strings.TrimSpace(line)
				if len(text) > 200 {
					text = text[:200]
				}
				s.commits[id[:12]] = mention{id: id, text: text, source: name, line: n}
			}
			return
		}
	}
}

// Of returns the commits that a text says it is, or comes from, in its order.
func Of(text string) (commits []string) {
	for line := range strings.Lines(text) {
		if len(line) > maxLine || !strings.ContainsAny(line, "0123456789abcdef") {
			continue
		}
		for _, re := range origins {
			if m := re.FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil {
				commits = append(commits, m[1])
				break
			}
		}
	}
	return commits
}

// Len is how many commits were found.
func (s *Set) Len() int { return len(s.commits) }

// Fixed returns what says that one of the record's fixes was taken.
func (s *Set) Fixed(r *feed.Record, unique bool) *vuln.Evidence {
	intro := map[string]bool{}
	for _, src := range r.Sources {
		for _, p := range src.Pairs {
			intro[p.IntroCommit] = true
		}
	}
	for _, src := range r.Sources {
		for _, p := range src.Pairs {
			if e := s.Brings(p.FixCommit); e != nil {
				return e
			}
		}
	}
	for _, c := range r.Commits {
		if intro[c] {
			continue
		}
		if e := s.Brings(c); e != nil {
			return e
		}
	}
	if m, ok := s.titles[r.Title]; ok && unique && r.Title != "" {
		return &vuln.Evidence{Kind: vuln.EvidenceSubject, Says: "a patch has the fix's subject: " + m.text, Source: m.source, Line: m.line}
	}
	return nil
}

// Brings returns what says that a commit was taken and not reverted.
func (s *Set) Brings(commit string) *vuln.Evidence {
	if len(commit) < 12 {
		return nil
	}
	m, ok := s.commits[commit[:12]]
	if !ok || s.reverted[commit[:12]] || !(strings.HasPrefix(commit, m.id) || strings.HasPrefix(m.id, commit)) {
		return nil
	}
	return &vuln.Evidence{Kind: vuln.EvidenceCommit, Says: m.text, Source: m.source, Line: m.line, Commit: commit}
}
