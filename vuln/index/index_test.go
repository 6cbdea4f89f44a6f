package index_test

import (
	"reflect"
	"testing"

	"ringside/vuln/feed"
	"ringside/vuln/impact"
	"ringside/vuln/index"
	"ringside/vuln/internal/cvetest"
	"ringside/vuln/ranges"
)

func sample() *feed.Feed {
	return &feed.Feed{
		Records: []feed.Record{
			{ID: "CVE-2024-0001", Title: "a: b", Files: []string{"a/b.c"}, File: "x.json", Commits: []string{"0123456789abcdef0123456789abcdef01234567"},
				Impact:  impact.Impact{Class: impact.Crash, Phrase: "oops"},
				Metrics: []feed.Metric{{Version: "3.1", Vector: "v", Score: 7.8, Severity: "high", Source: "CNA"}},
				Sources: []feed.Source{{Kind: feed.Dyad, File: "x.dyad", Pairs: []ranges.Pair{{Intro: 6 << 48, IntroCommit: "aaaaaaa", Fix: 6<<48 | 1<<32 | 3, FixCommit: "0123456789abcdef0123456789abcdef01234567"}, {Fix: 1}}}}},
			{ID: "CVE-2024-10000", Rejected: true, File: "y.json"},
		},
		Problems: []feed.Problem{{File: "z", Line: 3, Offset: 9, CVE: "CVE-2024-0003", Text: "broken"}},
		Foreign:  7,
	}
}

func TestRoundTrip(t *testing.T) {
	f := sample()
	b := index.Encode(f, "the key")
	if key, err := index.Key(b); key != "the key" || err != nil {
		t.Errorf("key %q, %v", key, err)
	}
	x, err := index.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	check(t, f, x)
	if i, ok := x.Find("CVE-2024-10000"); !ok || i != 1 {
		t.Errorf("found at %d, %v", i, ok)
	}
	if _, ok := x.Find("CVE-2024-2"); ok {
		t.Error("found what is not there")
	}
	if x.Foreign != 7 || !reflect.DeepEqual(x.Problems, f.Problems) {
		t.Errorf("%+v", x.Problems)
	}
}

func TestStale(t *testing.T) {
	b := index.Encode(sample(), "k")
	for i := range b {
		c := append([]byte(nil), b...)
		c[i] ^= 0x40
		if _, err := index.Parse(c); err == nil {
			t.Fatalf("byte %d was changed and nobody noticed", i)
		}
		if _, err := index.Parse(b[:i]); err == nil {
			t.Fatalf("cut at %d and nobody noticed", i)
		}
	}
}

// Two feeds that say the same have one digest, wherever they were read from.
func TestDigest(t *testing.T) {
	a, _ := index.Parse(index.Encode(sample(), "a"))
	f := sample()
	f.Records[0].File = "moved/x.json"
	b, _ := index.Parse(index.Encode(f, "b"))
	f = sample()
	f.Records[0].Title = "another"
	c, _ := index.Parse(index.Encode(f, "a"))
	if a.Digest() != b.Digest() || a.Digest() == c.Digest() {
		t.Errorf("digests %s %s %s", a.Digest(), b.Digest(), c.Digest())
	}
	if a.Fingerprint(0) == c.Fingerprint(0) || a.Fingerprint(1) != c.Fingerprint(1) {
		t.Error("fingerprints do not follow the records")
	}
}

func TestCorpus(t *testing.T) {
	f, _ := cvetest.Corpus(t)
	b := index.Encode(f, "")
	t.Logf("%d records in %d bytes", len(f.Records), len(b))
	x, err := index.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	check(t, f, x)
}

func check(t *testing.T, f *feed.Feed, x *index.Index) {
	t.Helper()
	if x.Len() != len(f.Records) {
		t.Fatalf("%d records, want %d", x.Len(), len(f.Records))
	}
	for i, want := range f.Records {
		got := x.Record(i)
		if len(got.Commits) == 0 && len(want.Commits) == 0 {
			got.Commits, want.Commits = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("record %d:\n%+v, want\n%+v", i, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(index.Encode(sample(), "k"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := index.Parse(b)
		if err != nil {
			return
		}
		for i := range x.Len() {
			x.Record(i)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	f, _ := cvetest.Corpus(b)
	for b.Loop() {
		index.Encode(f, "")
	}
}

func BenchmarkLoad(b *testing.B) {
	f, _ := cvetest.Corpus(b)
	enc := index.Encode(f, "")
	for b.Loop() {
		if _, err := index.Parse(enc); err != nil {
			b.Fatal(err)
		}
	}
}
