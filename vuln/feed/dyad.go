package feed

import (
	"bytes"
	"fmt"
	"strings"

	"ringside/vuln/ranges"
)

// A lineError is what is wrong with one line of a file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// ParseDyad reads a .dyad file: lines of "introduced version:commit:fixed version:commit"
// with 0 for what is not known. A line that is none is an error; the others are kept.
func ParseDyad(text []byte) ([]ranges.Pair, error) {
	var pairs []ranges.Pair
	var broken error
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		p, err := parsePair(string(line))
		if err != nil {
			if broken == nil {
				broken = &lineError{n, err}
			}
			continue
		}
		if len(pairs) == maxItems {
			return nil, &lineError{n, fmt.Errorf("more than %d pairs, which no record has", maxItems)}
		}
		pairs = append(pairs, p)
	}
	return pairs, broken
}

func parsePair(line string) (ranges.Pair, error) {
	var f [4]string
	rest := line
	for i := range f {
		field, after, more := strings.Cut(rest, ":")
		if more != (i < 3) {
			return ranges.Pair{}, fmt.Errorf("%.60q is not 'version:commit:version:commit'", line)
		}
		f[i], rest = field, after
	}
	p := ranges.Pair{IntroCommit: f[1], FixCommit: f[3]}
	var err error
	if p.Intro, err = dyadVersion(f[0]); err != nil {
		return ranges.Pair{}, err
	}
	if p.Fix, err = dyadVersion(f[2]); err != nil {
		return ranges.Pair{}, err
	}
	for _, c := range []*string{&p.IntroCommit, &p.FixCommit} {
		if *c == "0" {
			*c = ""
		} else if !isCommit(*c) {
			return ranges.Pair{}, fmt.Errorf("%.60q is no commit", *c)
		}
	}
	return p, nil
}

// dyadVersion reads a version. What came with a release candidate came with its release.
func dyadVersion(s string) (ranges.Version, error) {
	if s == "0" {
		return 0, nil
	}
	base, _, _ := strings.Cut(s, "-rc")
	return ranges.ParseVersion(base)
}

// isCommit says whether s is a commit's ID, or an unambiguous start of one.
func isCommit(s string) bool {
	if len(s) < 7 || len(s) > 40 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
