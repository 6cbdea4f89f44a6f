package origin

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/patch"
)

// A Source is what a patch says, as far as it can tell of its origin.
type Source struct {
	Name    string // with the folders that it lies in
	Subject string // without tags
	Tags    []string
	Tagline int // line of the subject
	Headers []patch.Trailer
	Body    []Line
}

// A Line is a line of a message.
type Line struct {
	Text string
	N    int
}

// Of sums up what a source says. Where it says several things, the one that claims least
// of upstream wins: "BACKPORT: FROMGIT:" is not in upstream yet, "UPSTREAM:" in a folder of
// backports is an upstream change.
func Of(s Source) patch.Origin {
	var o found
	o.headers(s.Headers)
	for _, l := range s.Body {
		o.line(l)
	}
	for _, t := range s.Tags {
		o.tag(t, s.Tagline)
	}
	if strings.HasPrefix(s.Subject, "Revert \"") {
		o.revert = true
		o.say(s.Subject, s.Tagline)
	}
	o.name(s.Name)
	return o.settle()
}

type found struct {
	patch.Origin
	kinds  [patch.Revert + 1]bool // what lines say
	weak   patch.Kind             // what was done with it, not what it is: sent, not sent
	folder patch.Kind             // what only the place says
	revert bool
}

func (o *found) say(text string, line int) {
	if len(text) > 200 {
		text = text[:200]
	}
	e := patch.Evidence{Text: strings.TrimSpace(text), Line: line}
	if len(o.Evidence) < 64 && !slices.Contains(o.Evidence, e) {
		o.Evidence = append(o.Evidence, e)
	}
}

func (o *found) commit(id string) {
	id = strings.ToLower(id)
	for i, c := range o.Commits {
		switch {
		case strings.HasPrefix(c, id):
			return
		case strings.HasPrefix(id, c):
			o.Commits[i] = id
			return
		}
	}
	if len(o.Commits) < 64 {
		o.Commits = append(o.Commits, id)
	}
}

func (o *found) line(l Line) {
	if id, ok := Reverts(l.Text); ok {
		o.revert = true
		o.Reverts = append(o.Reverts, id)
		o.say(l.Text, l.N)
		return
	}
	if id, kind, ok := Commit(l.Text); ok {
		o.commit(id)
		o.kinds[kind] = true
		if t := Tree(l.Text); t != "" && o.Tree == "" {
			o.Tree = t
		}
		o.say(l.Text, l.N)
		return
	}
	if key, value, ok := strings.Cut(l.Text, ":"); ok {
		switch {
		case strings.EqualFold(key, "Link") && o.Link == "":
			o.Link = strings.TrimSpace(value)
		case strings.EqualFold(key, "Git-repo"), strings.EqualFold(key, "Patch-mainline"),
			strings.EqualFold(key, "Forwarded"), strings.EqualFold(key, "Applied-Upstream"), strings.EqualFold(key, "Origin"):
			o.headers([]patch.Trailer{{Key: key, Value: strings.TrimSpace(value), Line: l.N}})
		}
	}
}

// markers are the words before a subject.
var markers = map[string]patch.Kind{
	"UPSTREAM": patch.Upstream, "BACKPORT": patch.Backport, "FROMGIT": patch.FromTree, "FROMTREE": patch.FromTree,
	"FROMLIST": patch.FromList, "FROMPULL": patch.FromList, "ANDROID": patch.Downstream, "CHROMIUM": patch.Downstream,
	"UBUNTU": patch.Downstream, "SAUCE": patch.Downstream, "RHEL": patch.Downstream, "VENDOR": patch.Downstream,
	"HACK": patch.Downstream, "NOUPSTREAM": patch.Downstream, "NOUP": patch.Downstream, "DOWNSTREAM": patch.Downstream,
	"RHEL-ONLY": patch.Downstream, "RHEL ONLY": patch.Downstream,
}

// Marker reads the marker of a tree at the beginning of a subject: "FROMGIT(tree):". It
// gives the marker with its colon and what follows.
func Marker(subject string) (marker, rest string, ok bool) {
	i := strings.IndexByte(subject, ':')
	if i <= 0 || i > 60 {
		return "", subject, false
	}
	if word(subject[:i]) == patch.Unsaid {
		return "", subject, false
	}
	return subject[:i+1], strings.TrimLeft(subject[i+1:], " "), true
}

func word(s string) patch.Kind {
	s, _, _ = strings.Cut(s, "(")
	return markers[strings.ToUpper(strings.TrimSpace(s))]
}

func (o *found) tag(tag string, line int) {
	if strings.HasPrefix(tag, "[") {
		return
	}
	if kind := word(strings.TrimSuffix(tag, ":")); kind != patch.Unsaid {
		o.kinds[kind] = true
		if _, in, ok := strings.Cut(tag, "("); ok && kind == patch.FromTree && o.Tree == "" {
			o.Tree, _, _ = strings.Cut(in, ")")
		}
		o.say(tag, line)
	}
}

// The names of files and folders in OpenWrt's trees.
var (
	release = regexp.MustCompile(`^(?:\d+[a-z]?-)*(v\d+\.\d+(?:\.\d+)?(?:-rc\d+)?)-`)
	folder  = regexp.MustCompile(`^(backport|pending|hack)(?:-[0-9.]+)?$`)
)

func (o *found) name(name string) {
	base := path.Base(name)
	if m := release.FindStringSubmatch(base); m != nil {
		if o.Release == "" {
			o.Release = m[1]
		}
		o.folder = patch.Upstream
		o.say(name, 0)
	}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		m := folder.FindStringSubmatch(part)
		if m == nil {
			continue
		}
		o.say(name, 0)
		switch m[1] {
		case "backport":
			o.folder = patch.Backport
		case "pending":
			o.folder = patch.FromList
		case "hack":
			o.folder = patch.Downstream
		}
	}
}

func (o *found) settle() patch.Origin {
	for _, k := range []patch.Kind{patch.FromList, patch.FromTree, patch.Backport, patch.Upstream, patch.Downstream} {
		if o.kinds[k] {
			o.Kind = k
			break
		}
	}
	if o.Kind == patch.Unsaid {
		o.Kind = o.weak
	}
	if o.Kind == patch.Unsaid {
		o.Kind = o.folder
	}
	if o.Kind == patch.Unsaid && o.revert {
		o.Kind = patch.Revert
	}
	return o.Origin
}
