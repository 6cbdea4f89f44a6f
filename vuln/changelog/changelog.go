// Package changelog reads what a distribution says in its changelog of fixes that it
// took back: Debian's, with CVEs in parentheses and the subjects of stable updates, and
// RPM's.
package changelog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"ringside/vuln"
	"ringside/vuln/feed"
)

// maxLine and maxText bound what of a changelog is kept.
const (
	maxLine = 64 << 10
	maxText = 4 << 10
)

// ErrForeign says that a file is no changelog of a kind that is known.
var ErrForeign = errors.New("no changelog of Debian's or RPM's: an entry begins with 'linux (6.1.192-2) …' or '* Mon Nov 16 2026 …'")

// A Log is a changelog that was read. It is a vuln.Claims.
type Log struct {
	// Name is the file's.
	Name string
	// Version is that of the newest entry: the package that the log describes.
	Version string
	// Entries is how many versions the log goes back.
	Entries int
	cves    map[string]*item
	titles  map[string]*item
	reverts map[string]*item // by CVE
}

// An item is one bullet.
type item struct {
	line     int
	text     string
	version  string // of the package
	upstream string // the stable release whose changelog it is from
}

var (
	debian = regexp.MustCompile(`^([a-z0-9][a-z0-9+.-]*) \(([^() \t]+)\) `)
	rpm    = regexp.MustCompile(`^\* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]?\d (?:\d\d:\d\d:\d\d [A-Z]+ )?\d{4} `)
	stable = regexp.MustCompile(`ChangeLog-(\d+\.\d+(?:\.\d+)*)`)
	cve    = regexp.MustCompile(`CVE-\d{4}-\d{4,15}`)
	tags   = regexp.MustCompile(`^(?:\[[^\]]*\] ?)+`)
	tail   = regexp.MustCompile(`(?: *\((?:CVE-|Closes|closes|regression)[^()]*\)| *\{[^{}]*\}| *\[(?:\d+|[A-Z]+-\d+)[^\]]*\])+$`)
	author = regexp.MustCompile(` \([^()]+\)$`)
)

// Parse reads a changelog. Where until is the version of one of its entries, those above
// it are of later packages and are left out.
func Parse(name string, r io.Reader, until string) (*Log, error) {
	p := parser{log: &Log{Name: name, cves: map[string]*item{}, titles: map[string]*item{}, reverts: map[string]*item{}}}
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line that no changelog has
			_, err = in.ReadSlice('\n')
		}
		if len(line) > 0 {
			p.n++
			p.take(string(bytes.TrimRight(line, " \t\r\n")))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	p.flush()
	if p.log.Entries == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrForeign)
	}
	items := p.items
	for i := range items {
		if items[i].version == until {
			items, p.log.Version = items[i:], until
			break
		}
	}
	p.log.fill(items)
	return p.log, nil
}

// A parser reads lines.
type parser struct {
	log      *Log
	n        int
	rpm      bool
	version  string
	upstream string
	open     *item
	items    []*item
}

func (p *parser) take(line string) {
	if m := debian.FindStringSubmatch(line); m != nil {
		p.enter(m[2], false)
		return
	}
	if rpm.MatchString(line) {
		version := ""
		if i := strings.LastIndexAny(line, "[- "); i >= 0 {
			version = strings.Trim(line[i:], "[]- ")
			if j := strings.LastIndexByte(line, '['); j >= 0 {
				version = strings.Trim(line[j:], "[]")
			} else if k := strings.LastIndexByte(line, '>'); k >= 0 {
				version = strings.Trim(line[k+1:], " -")
			}
		}
		p.enter(version, true)
		return
	}
	if p.log.Entries == 0 {
		return
	}
	trimmed := strings.TrimLeft(line, " \t")
	switch {
	case trimmed == "", strings.HasPrefix(line, " -- "):
		p.flush()
	case strings.HasPrefix(trimmed, "* "), strings.HasPrefix(trimmed, "- "), strings.HasPrefix(trimmed, "+ "):
		p.flush()
		if trimmed[0] == '*' && !p.rpm {
			p.upstream = ""
		}
		p.open = &item{line: p.n, text: trimmed[2:], version: p.version, upstream: p.upstream}
	default:
		if m := stable.FindStringSubmatch(trimmed); m != nil {
			p.flush()
			p.upstream = m[1]
			return
		}
		if p.open != nil && len(p.open.text) < maxText {
			p.open.text += " " + trimmed
		}
	}
}

func (p *parser) enter(version string, rpm bool) {
	p.flush()
	p.rpm, p.version, p.upstream = rpm, version, ""
	if p.log.Entries == 0 {
		p.log.Version = version
	}
	p.log.Entries++
}

func (p *parser) flush() {
	if p.open != nil {
		p.items = append(p.items, p.open)
		p.open = nil
	}
}

// fill goes through the bullets from the oldest entry to the newest, so that a revert
// takes back what came before it.
func (l *Log) fill(items []*item) {
	of := map[string][]string{} // the CVEs of a subject
	each := func(it *item) {
		title := subject(it.text)
		ids := cve.FindAllString(it.text, -1)
		if old, ok := quoted(title, "Revert "); ok {
			for _, id := range of[old] {
				delete(l.cves, id)
				l.reverts[id] = it
			}
			delete(l.titles, old)
		}
		if old, ok := quoted(title, "Reapply "); ok {
			l.titles[old] = it
			for _, id := range of[old] {
				l.cves[id] = it
			}
		}
		l.titles[title] = it
		if len(ids) > 0 {
			of[title] = append(of[title], ids...)
		}
		for _, id := range ids {
			l.cves[id] = it
		}
	}
	// Entries are newest first, and each is written from top to bottom.
	for end := len(items); end > 0; {
		start := end - 1
		for start > 0 && items[start-1].version == items[end-1].version && items[start-1].line < items[start].line {
			start--
		}
		for _, it := range items[start:end] {
			each(it)
		}
		end = start
	}
}

// quoted returns what a subject of the form Revert "…" is about.
func quoted(title, verb string) (string, bool) {
	rest, ok := strings.CutPrefix(title, verb+`"`)
	if !ok {
		return "", false
	}
	return strings.TrimSuffix(rest, `"`), true
}

// subject is a bullet without the tags that the distribution added.
func subject(text string) string {
	text = tags.ReplaceAllString(text, "")
	text = tail.ReplaceAllString(text, "")
	return strings.TrimSpace(text)
}

// Fixed returns what the changelog says of a record.
func (l *Log) Fixed(r *feed.Record, unique bool) *vuln.Evidence {
	if it := l.cves[r.ID]; it != nil {
		return l.evidence(vuln.EvidenceChangelog, it)
	}
	if it := l.reverts[r.ID]; it != nil {
		e := l.evidence(vuln.EvidenceRevert, it)
		e.Says = "its fix was taken out again in " + e.Says
		return e
	}
	if !unique || r.Title == "" {
		return nil
	}
	title := subject(r.Title)
	it := l.titles[title]
	if it == nil {
		it = l.titles[author.ReplaceAllString(title, "")]
	}
	if it == nil {
		return nil
	}
	return l.evidence(vuln.EvidenceSubject, it)
}

// Brings returns nil: changelogs of packages name no commits.
func (l *Log) Brings(string) *vuln.Evidence { return nil }

func (l *Log) evidence(kind string, it *item) *vuln.Evidence {
	says := it.version
	if it.upstream != "" {
		says += ", from " + it.upstream
	}
	return &vuln.Evidence{Kind: kind, Says: says + ": " + it.text, Source: l.Name, Line: it.line}
}

// Claims is how many CVEs the changelog names.
func (l *Log) Claims() int { return len(l.cves) }
