package commitref_test

import (
	"strings"
	"testing"

	"ringside/vuln"
	"ringside/vuln/commitref"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

const (
	a = "0a5e0bc8e8618e32a6ca64450867628eb0a627bf"
	b = "17b17fcd6d446b95904a6929c40012ee7f0afc0c"
	c = "32443de3382be98c0a8b8f6f50d23da2e10c4117"
)

func TestFixed(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		kind       string // "" for nothing
		line       int
	}{
		{"git log", "commit " + a + "\nAuthor: x\n\n    btrfs: y\n", vuln.EvidenceCommit, 1},
		{"oneline", a[:12] + " btrfs: y\n", vuln.EvidenceCommit, 1},
		{"stable", "x\n    commit " + b + " upstream.\n", vuln.EvidenceCommit, 2},
		{"stable, the other way", "    [ Upstream commit " + b + " ]\n", vuln.EvidenceCommit, 1},
		{"cherry-pick", "(cherry picked from commit " + b + ")\n", vuln.EvidenceCommit, 1},
		{"format-patch", "From " + a + " Mon Sep 17 00:00:00 2001\n", vuln.EvidenceCommit, 1},
		{"SUSE", "Git-commit: " + b + "\n", vuln.EvidenceCommit, 1},
		{"Debian", "Origin: upstream, https://git.kernel.org/linus/" + b + "\n", vuln.EvidenceCommit, 1},
		{"Debian, with an id", "Origin: backport, https://git.kernel.org/cgit/linux.git/commit/?id=" + b + "\n", vuln.EvidenceCommit, 1},
		{"a subject", "Subject: [PATCH 6.1 3/7] btrfs: set x\n", vuln.EvidenceSubject, 1},
		{"what it is about", "Fixes: " + b[:12] + " (\"btrfs: set x\")\n", "", 0},
		{"another commit", "commit " + strings.Repeat("1", 40) + "\n", "", 0},
		{"reverted", "This reverts commit " + b + ".\n\ncommit " + b + "\n", "", 0},
		{"another with the same start", "commit " + b[:12] + strings.Repeat("0", 28) + "\n", "", 0},
		{"what introduces it", "commit " + c + "\n", "", 0},
	} {
		var s commitref.Set
		if err := s.Read("log", strings.NewReader(tt.text)); err != nil {
			t.Fatal(err)
		}
		r := feed.Record{ID: "CVE-2023-53247", Title: "btrfs: set x", Commits: []string{a, b, c}, Sources: []feed.Source{{Kind: feed.Dyad, Pairs: []ranges.Pair{{IntroCommit: c, FixCommit: b}}}}}
		e := s.Fixed(&r, true)
		kind, line := "", 0
		if e != nil {
			kind, line = e.Kind, e.Line
		}
		if kind != tt.kind || line != tt.line {
			t.Errorf("%s: %q in line %d, want %q in %d", tt.name, kind, line, tt.kind, tt.line)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("commit " + a + "\n    [ Upstream commit " + b + " ]\nThis reverts commit " + c + ".\nSubject: [PATCH] x\n")
	f.Fuzz(func(t *testing.T, text string) {
		var s commitref.Set
		if err := s.Read("log", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if e := s.Brings(b); e != nil && (e.Line == 0 || !strings.Contains(text, b[:12])) {
			t.Errorf("%+v is not in the text", e)
		}
	})
}
