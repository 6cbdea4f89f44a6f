package origin_test

import (
	"fmt"
	"strings"
	"testing"

	"ringside/patch"
	"ringside/patch/origin"
)

const id = "8c20e2eb5f2a0175b774134685e4d7bd93e85ff8"

func TestOf(t *testing.T) {
	for name, tt := range map[string]struct {
		file, subject, tags, headers, body string
		want                               string // kind, commits, release, tree, link
	}{
		"stable":                  {body: "commit " + id + " upstream.\n\nWhy.", want: "upstream " + id},
		"stable, the other way":   {body: "[ Upstream commit " + id + " ]", want: "upstream " + id},
		"cherry-pick":             {body: "(cherry picked from commit " + id[:12] + ")", want: "upstream " + id[:12]},
		"cherry-pick from a tree": {body: "(cherry picked from commit " + id + "\n https://git.kernel.org/x for-next)\n(cherry picked from commit " + id + " https://git.kernel.org/pub/scm/linux/kernel/git/x/x.git for-next)", want: "from-tree " + id + " https://git.kernel.org/pub/scm/linux/kernel/git/x/x.git"},
		"cherry-pick of Linus":    {body: "(cherry picked from commit " + id + " https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git master)", want: "upstream " + id + " https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git"},
		"backported":              {body: "(backported from commit " + id + ")", want: "backport " + id},
		"what it is about":        {body: "Fixes: " + id[:12] + " (\"x\")\nSince commit " + id + " it is slow.", want: "unsaid"},
		"UPSTREAM":                {tags: "UPSTREAM:", file: "backport-6.1/020-v6.3-01-x.patch", want: "upstream v6.3"},
		"BACKPORT: FROMGIT":       {tags: "BACKPORT: FROMGIT(net-next):", want: "from-tree net-next"},
		"FROMLIST":                {tags: "FROMLIST:", body: "Link: https://lore.kernel.org/r/x", want: "from-list https://lore.kernel.org/r/x"},
		"ANDROID":                 {tags: "ANDROID:", want: "downstream"},
		"UBUNTU: SAUCE":           {tags: "UBUNTU: SAUCE:", want: "downstream"},
		"revert":                  {subject: "Revert \"x\"", body: "This reverts commit " + id + ".", want: "revert reverts " + id},
		"revert upstream":         {subject: "Revert \"x\"", body: "commit " + strings.Repeat("1", 40) + " upstream.\n\nThis reverts commit " + id + ".", want: "upstream " + strings.Repeat("1", 40) + " reverts " + id},
		"DEP-3, upstream":         {headers: "Origin: upstream, https://git.kernel.org/linus/" + id + "\nForwarded: not-needed", want: "upstream " + id},
		"DEP-3, a commit":         {headers: "Origin: upstream, commit:" + id[:12], want: "upstream " + id[:12]},
		"Debian":                  {headers: "Origin: https://git.kernel.org/linus/" + id, want: "upstream " + id},
		"DEP-3, backport":         {headers: "Origin: backport, https://git.kernel.org/cgit/linux.git/commit/?id=" + id, want: "backport " + id},
		"DEP-3, applied":          {headers: "Origin: https://lore.kernel.org/r/x\nApplied-Upstream: 6.5-rc1", want: "upstream v6.5-rc1 https://lore.kernel.org/r/x"},
		"DEP-3, not needed":       {headers: "Forwarded: not-needed", want: "downstream"},
		"DEP-3, sent":             {headers: "Forwarded: https://lore.kernel.org/r/x", want: "from-list https://lore.kernel.org/r/x"},
		"DEP-3, vendor":           {headers: "Origin: vendor, https://x.example/y", want: "downstream"},
		"SUSE":                    {headers: "Git-commit: " + id + "\nPatch-mainline: v6.5-rc1\nReferences: bsc#1", want: "upstream " + id + " v6.5-rc1"},
		"SUSE, queued":            {headers: "Git-repo: git://git.kernel.org/x.git\nGit-commit: " + id + "\nPatch-mainline: Queued in subsystem maintainer repository", want: "from-tree " + id + " git://git.kernel.org/x.git"},
		"SUSE, never":             {headers: "Patch-mainline: Never, SUSE specific", want: "downstream"},
		"SUSE, sent":              {headers: "Patch-mainline: Submitted, https://lore.kernel.org/r/x", want: "from-list https://lore.kernel.org/r/x"},
		"OpenWrt, pending":        {file: "target/linux/generic/pending-6.1/1-x.patch", want: "from-list"},
		"OpenWrt, hack":           {file: "hack-6.1/1-x.patch", want: "downstream"},
		"OpenWrt, by its name":    {file: "100-v6.5-x.patch", want: "upstream v6.5"},
	} {
		t.Run(name, func(t *testing.T) {
			s := origin.Source{Name: tt.file, Subject: tt.subject, Tagline: 1}
			for rest, ok := tt.tags, true; ok && rest != ""; {
				var tag string
				tag, rest, ok = origin.Marker(rest)
				s.Tags = append(s.Tags, tag)
			}
			for i, line := range strings.Split(tt.headers, "\n") {
				key, value, _ := strings.Cut(line, ": ")
				s.Headers = append(s.Headers, patch.Trailer{Key: key, Value: value, Line: i + 2})
			}
			for i, line := range strings.Split(tt.body, "\n") {
				s.Body = append(s.Body, origin.Line{Text: line, N: i + 5})
			}
			o := origin.Of(s)
			got := o.Kind.String()
			for _, x := range append(o.Commits, o.Release, o.Tree, o.Link) {
				if x != "" {
					got += " " + x
				}
			}
			if len(o.Reverts) > 0 {
				got += fmt.Sprint(" reverts ", strings.Join(o.Reverts, " "))
			}
			if got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
			if (o.Kind == patch.Unsaid) != (len(o.Evidence) == 0) {
				t.Errorf("evidence %v", o.Evidence)
			}
		})
	}
}

func FuzzCommit(f *testing.F) {
	f.Add("[ Upstream commit " + id + " ]")
	f.Add("Origin: backport, https://git.kernel.org/linus/" + id)
	f.Fuzz(func(t *testing.T, line string) {
		if got, _, ok := origin.Commit(line); ok && !strings.Contains(line, got) {
			t.Errorf("%q is not in the line", got)
		}
	})
}
