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

	"ringside/patch/origin"
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

// logs are the lines of logs that name a commit.
var logs = []*regexp.Regexp{
	regexp.MustCompile(`^(?:commit|From) ([0-9a-f]{40})\b`),
	regexp.MustCompile(`^([0-9a-f]{12,40}) \S`), // git log --oneline
}

var heading = regexp.MustCompile(`^Subject: (?:\[[^\]]*\] ?)*(\S.*)`)

// named gives the commit that a line says the change is, or comes from.
func named(line string) (id string, ok bool) {
	for _, re := range logs {
		if m := re.FindStringSubmatch(line); m != nil {
			return m[1], true
		}
	}
	id, _, ok = origin.Commit(line)
	return id, ok && len(id) >= 12
}

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
	if id, ok := origin.Reverts(line); ok && len(id) >= 12 {
		s.reverted[id[:12]] = true
		return
	}
	id, ok := named(line)
	if !ok {
		return
	}
	if _, ok := s.commits[id[:12]]; !ok {
		text := strings.TrimSpace(line)
		if len(text) > 200 {
			text = text[:200]
		}
		s.commits[id[:12]] = mention{id: id, text: text, source: name, line: n}
	}
}

// Of returns the commits that a text says it is, or comes from, in its order.
func Of(text string) (commits []string) {
	for line := range strings.Lines(text) {
		if len(line) > maxLine || !strings.ContainsAny(line, "0123456789abcdef") {
			continue
		}
		if id, ok := named(strings.TrimRight(line, "\r\n")); ok {
			commits = append(commits, id)
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
