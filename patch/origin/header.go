package origin

import (
	"regexp"
	"strings"

	"ringside/patch"
)

var (
	version = regexp.MustCompile(`\bv?(\d+\.\d+(?:\.\d+)?(?:-rc\d+)?)\b`)
	commit  = regexp.MustCompile(`\b([0-9a-f]{12,40})\b`)
)

// headers reads the fields of DEP-3 and of SUSE's patches.
func (o *found) headers(fields []patch.Trailer) {
	for _, f := range fields {
		value := strings.TrimSpace(f.Value)
		low := strings.ToLower(value)
		text := f.Key + ": " + value
		switch strings.ToLower(f.Key) {
		case "git-commit", "upstream-commit", "commit":
			if id, kind, ok := Commit(text); ok {
				o.commit(id)
				o.kinds[kind] = true
				o.say(text, f.Line)
			}
		case "git-repo":
			o.Tree = value
			o.say(text, f.Line)
		case "origin":
			o.origin(low, text, f.Line)
		case "patch-mainline":
			o.mainline(low, value)
			o.say(text, f.Line)
		case "forwarded":
			o.forwarded(low, value)
			o.say(text, f.Line)
		case "applied-upstream":
			o.kinds[patch.Upstream] = true
			if m := commit.FindStringSubmatch(low); m != nil {
				o.commit(m[1])
			}
			if m := version.FindStringSubmatch(low); m != nil && o.Release == "" {
				o.Release = "v" + m[1]
			}
			o.say(text, f.Line)
		}
	}
}

// origin reads DEP-3's field: "upstream, URL", "backport, URL", "vendor", "other", or a
// URL alone.
func (o *found) origin(low, text string, line int) {
	id, kind, ok := Commit(text)
	if ok {
		o.commit(id)
		o.kinds[kind] = true
		if kind == patch.FromTree {
			o.Tree = Tree(text)
		}
	} else {
		head, _, _ := strings.Cut(low, ",")
		switch strings.TrimSpace(head) {
		case "upstream":
			o.kinds[patch.Upstream] = true
		case "backport":
			o.kinds[patch.Backport] = true
		case "vendor", "other":
			o.kinds[patch.Downstream] = true
		default:
			if t := Tree(text); t != "" {
				o.weak = patch.FromList
				if o.Link == "" {
					o.Link = t
				}
			}
		}
	}
	o.say(text, line)
}

// mainline reads SUSE's field: a release, "Queued in …", "Submitted, …", "Never, …".
func (o *found) mainline(low, value string) {
	switch {
	case strings.HasPrefix(low, "queued"), strings.HasPrefix(low, "in maintainer"):
		o.kinds[patch.FromTree] = true
	case strings.HasPrefix(low, "submitted"):
		o.kinds[patch.FromList] = true
		if t := Tree(value); t != "" && o.Link == "" {
			o.Link = t
		}
	case strings.HasPrefix(low, "never"), strings.HasPrefix(low, "no"): // also "not yet"
		o.kinds[patch.Downstream] = true
	default:
		if m := version.FindStringSubmatch(low); m != nil {
			o.Release = "v" + m[1]
			o.kinds[patch.Upstream] = true
		}
	}
}

// forwarded reads DEP-3's field: "not-needed", "no", "yes", or a URL.
func (o *found) forwarded(low, value string) {
	switch {
	case strings.HasPrefix(low, "no"):
		o.weak = patch.Downstream
	case strings.HasPrefix(low, "yes"):
		o.weak = patch.FromList
	default:
		if t := Tree(value); t != "" {
			o.weak = patch.FromList
			if o.Link == "" {
				o.Link = t
			}
		}
	}
}
