package equiv

import (
	"regexp"
	"slices"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// FromDiff makes the print of a change that is there as a diff. Files that could not be
// read, and binary ones, are not in it. A change that only moves lines, or changes blanks,
// has the print of the lines that its diff shows: it finds other diffs of the same, but
// not what was made out of contents.
func FromDiff(files []diff.File) Print {
	if p := fromDiff(files, 0); !p.Empty() {
		return p
	}
	return fromDiff(files, movedSalt)
}

// movedSalt keeps the lines that only move from being taken for added or removed ones.
const movedSalt = 0x6d6f766564

// fromDiff counts lines; with a salt those that are added and those that are removed do not
// cancel each other.
func fromDiff(files []diff.File, salt uint64) Print {
	var n net
	for i := range files {
		if files[i].Err != nil {
			continue
		}
		for _, h := range files[i].Hunks {
			for _, l := range h.Lines {
				by := int32(1)
				switch l.Op {
				case ' ':
					continue
				case '-':
					by = -1
				}
				if hash, ok := lineHash(l.Text); ok && salt == 0 {
					n.add(hash, by)
				} else if ok {
					n.add(mix(hash^salt*uint64(2+by)), 1)
				}
			}
		}
	}
	return n.print()
}

// FromPatch makes a Doc of a patch.
func FromPatch(p *patch.Patch) Doc {
	d := Doc{
		Name: p.Name, Subject: p.Subject, Author: p.Author.Email, Date: p.Date,
		Paths: p.Paths(), Upstream: slices.Clone(p.Origin.Commits), Print: FromDiff(p.Files),
	}
	if p.Origin.Release != "" {
		d.Releases = []string{p.Origin.Release}
	}
	d.Fixes, d.Reverts = References(p.Body)
	d.Words = MessageWords(p.Subject + "\n" + p.Body)
	for i := range p.Files {
		for _, h := range p.Files[i].Hunks {
			if f := functionOf(h.Section); f != "" && !slices.Contains(d.Functions, f) {
				d.Functions = append(d.Functions, f)
			}
		}
	}
	return d
}

var (
	fixesLine  = regexp.MustCompile(`(?m)^[ \t]*(?i:fixes):[ \t]*(?:commit[ \t]+)?([0-9a-fA-F]{7,40})\b`)
	revertLine = regexp.MustCompile(`(?i)\bthis reverts commit[ \t\n]+([0-9a-f]{7,40})\b`)
)

// References reads which commits a message says that its change mends, and which it takes
// back.
func References(message string) (fixes, reverts []string) {
	// Most messages have neither, and a plain search is much faster.
	if lower := strings.ToLower(message); strings.Contains(lower, "fixes:") {
		for _, m := range fixesLine.FindAllStringSubmatch(lower, 64) {
			fixes = append(fixes, m[1])
		}
	} else if !strings.Contains(lower, "reverts") {
		return nil, nil
	}
	for _, m := range revertLine.FindAllStringSubmatch(message, 64) {
		reverts = append(reverts, strings.ToLower(m[1]))
	}
	return fixes, reverts
}
