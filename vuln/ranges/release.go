package ranges

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Span is what is known of the upstream version that a kernel was built from: at least
// From and at most To. They are the same where it is known exactly.
type Span struct {
	From Version `json:"from"`
	To   Version `json:"to"`
	// Vague says why they are not the same.
	Vague string `json:"vague,omitempty"`
}

// Exactly is the span of one version.
func Exactly(v Version) Span { return Span{From: v, To: v} }

// Exact says whether the version is known.
func (s Span) Exact() bool { return s.From == s.To }

// String writes one version, or both with a dash.
func (s Span) String() string {
	if s.Exact() {
		return s.From.String()
	}
	return s.From.String() + "–" + s.To.String()
}

// release cuts a release string: version, candidate, and the rest. A fourth number is a
// vendor's own, as in 6.6.87.2-microsoft-standard-WSL2.
var release = regexp.MustCompile(`^v?(2\.\d{1,5}(?:\.\d{1,5}){0,2}|\d{1,5}\.\d{1,5}(?:\.\d{1,5})?)(?:\.\d{1,5})?(?:-rc(\d{1,3}))?([-+_~][^\s]*)?$`)

// abi is the start of a distribution's own numbering after the version: the 56 of
// 6.1.0-56-amd64, the 427.13.1.el9 of 5.14.0-427.13.1.el9_4.
var abi = regexp.MustCompile(`^-\d`)

// Release reads what uname -r prints, or a version. A distribution that calls all its
// kernels of a branch 6.1.0-N or 5.15.0-N hides what they are built from, and a release
// candidate is between two versions: both give a span.
func Release(s string) (Span, error) {
	m := release.FindStringSubmatch(s)
	if m == nil {
		return Span{}, fmt.Errorf("%.60q is no kernel release: a release is as uname -r prints it, 6.1.192 or 6.1.0-56-amd64", s)
	}
	v, err := ParseVersion(m[1])
	if err != nil {
		return Span{}, err
	}
	if m[2] != "" {
		if v.Stable() != 0 {
			// The candidate of a stable release: some of its changes are in.
			return Span{From: v.With(v.Stable() - 1), To: v, Vague: s + " is a release candidate: it has a part of what its release has"}, nil
		}
		return Span{From: before(v), To: v, Vague: s + " is a release candidate: it has a part of what its release has"}, nil
	}
	if strings.HasSuffix(m[1], ".0") && abi.MatchString(m[3]) {
		return Span{From: v, To: v.With(Latest), Vague: s + " does not say which stable release it is built from: give --base, its source tree, or its changelog"}, nil
	}
	return Exactly(v), nil
}

// before is a version that has everything of the branches before v's and nothing of v's.
func before(v Version) Version {
	if v>>48 < 3 {
		return v.Branch() - 1<<16
	}
	if v>>32&0xffff == 0 {
		return Version(uint64(v>>48-1)<<48 | 0xfffe<<32)
	}
	return v.Branch() - 1<<32
}

// Makefile reads the version out of the start of a kernel tree's top Makefile.
func Makefile(text []byte) (Span, error) {
	if len(text) > 4096 {
		text = text[:4096]
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok {
			if name = strings.TrimSpace(name); values[name] == "" {
				values[name] = strings.TrimSpace(value)
			}
		}
	}
	if values["VERSION"] == "" || values["PATCHLEVEL"] == "" {
		return Span{}, fmt.Errorf("the tree's Makefile does not begin with VERSION and PATCHLEVEL: is this the top of a kernel tree?")
	}
	s := values["VERSION"] + "." + values["PATCHLEVEL"]
	if sub := values["SUBLEVEL"]; sub != "" && (sub != "0" || values["VERSION"] == "2") {
		s += "." + sub
	}
	if extra := values["EXTRAVERSION"]; strings.HasPrefix(extra, "-rc") {
		if _, err := strconv.Atoi(extra[3:]); err == nil {
			s += extra
		}
	} else if values["VERSION"] == "2" && strings.HasPrefix(extra, ".") {
		s += extra
	}
	return Release(s)
}
