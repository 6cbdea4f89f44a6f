// Package origin reads where a change says it comes from: the lines that kernel trees have
// agreed on ("commit … upstream.", "(cherry picked from commit …)"), the markers that
// Android, ChromeOS and Ubuntu put before subjects, the headers of Debian (DEP-3) and SUSE,
// and OpenWrt's names of files and folders.
//
// A line counts where it says what a change is. What a change is about ("Fixes: …") is no
// origin, and a revert names what it takes back, not what it is.
package origin

import (
	"regexp"
	"strings"

	"ringside/patch"
)

const hex = `([0-9a-f]{7,40})\b`

// forms are lines that name an upstream commit. What is written for machines may have a
// short ID; prose needs twelve digits to be believed.
var forms = []struct {
	kind patch.Kind
	re   *regexp.Regexp
}{
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*\[?\s*(?:upstream )?commit ([0-9a-f]{12,40})\b,? upstream\b`)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*\[\s*upstream commit ` + hex + `\s*\]`)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*upstream commit:? ([0-9a-f]{12,40})\b`)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*\(?\s*cherry[- ]picked from (?:upstream )?(?:commit )?` + hex)},
	{patch.Backport, regexp.MustCompile(`(?i)^\s*\(?\s*back-?ported from (?:upstream )?(?:commit )?` + hex)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*(?:upstream[-_ ]commit|git-commit|upstream[- ]status|upstream):? .*?\b([0-9a-f]{12,40})\b`)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*(?:upstream-commit|git-commit|commit): ` + hex)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*origin: upstream, .*?(?:/linus/|/stable/c/|[?&;]id=|/c/|/commit/|commit:)` + hex)},
	{patch.Backport, regexp.MustCompile(`(?i)^\s*origin: backport, .*?(?:/linus/|/stable/c/|[?&;]id=|/c/|/commit/|commit:)` + hex)},
	{patch.Upstream, regexp.MustCompile(`(?i)^\s*origin: \S*(?:/linus/|/stable/c/|/torvalds/linux\S*?(?:[?&;]id=|/c/|/commit/))` + hex)},
	{patch.FromTree, regexp.MustCompile(`(?i)^\s*origin: \S*(?:[?&;]id=|/c/|/commit/)` + hex)},
}

var reverts = regexp.MustCompile(`(?i)^\s*this reverts (?:upstream )?commit ` + hex)

// Commit reads a line that says which commit a change is, or is made from.
func Commit(line string) (id string, kind patch.Kind, ok bool) {
	if !mayName(line) {
		return "", patch.Unsaid, false
	}
	for _, f := range forms {
		if m := f.re.FindStringSubmatch(line); m != nil {
			kind = f.kind
			if tree := Tree(line); kind == patch.Upstream && tree != "" && !mainline(tree) {
				kind = patch.FromTree
			}
			return m[1], kind, true
		}
	}
	return "", patch.Unsaid, false
}

// Reverts reads a line that says which commit a change takes back.
func Reverts(line string) (id string, ok bool) {
	if m := reverts.FindStringSubmatch(line); m != nil {
		return m[1], true
	}
	return "", false
}

// mayName tells quickly that a line is none of the forms: each has one of these words.
func mayName(line string) bool {
	for i := 0; i+6 <= len(line); i++ {
		switch line[i] | 0x20 {
		case 'c':
			if strings.EqualFold(line[i:i+6], "commit") || strings.EqualFold(line[i:i+6], "cherry") {
				return true
			}
		case 'u':
			if strings.EqualFold(line[i:i+6], "upstre") {
				return true
			}
		case 'b':
			if strings.EqualFold(line[i:i+6], "backpo") || strings.EqualFold(line[i:i+6], "back-p") {
				return true
			}
		case 'o':
			if strings.EqualFold(line[i:i+6], "origin") {
				return true
			}
		}
	}
	return false
}

// Tree finds the address of a tree in a line.
func Tree(line string) string {
	for _, scheme := range []string{"https://", "http://", "git://", "ssh://"} {
		if i := strings.Index(line, scheme); i >= 0 {
			end := strings.IndexAny(line[i:], " \t\r\n)>,")
			if end < 0 {
				return line[i:]
			}
			return line[i : i+end]
		}
	}
	return ""
}

// mainline tells whether a tree is Linus's, or the stable tree that takes from it.
func mainline(tree string) bool {
	return strings.Contains(tree, "torvalds/linux") || strings.Contains(tree, "/stable/") || strings.Contains(tree, "/linus/")
}
