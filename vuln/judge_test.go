package vuln_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ringside/kbuild"
	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

func version(s string) ranges.Version {
	if s == "0" {
		return 0
	}
	v, err := ranges.ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

// pairs makes pairs out of "5.12:6.5 6.17:0".
func pairs(s string) (list []ranges.Pair) {
	for _, f := range strings.Fields(s) {
		intro, fix, _ := strings.Cut(f, ":")
		list = append(list, ranges.Pair{Intro: version(intro), Fix: version(fix), IntroCommit: "aaaaaaaaaaaaaaaa"})
	}
	return list
}

// claims claims what its fields say.
type claims struct{ kind, brings string }

func (c claims) Fixed(*feed.Record, bool) *vuln.Evidence {
	if c.kind == "" {
		return nil
	}
	return &vuln.Evidence{Kind: c.kind, Says: "claimed"}
}

func (c claims) Brings(commit string) *vuln.Evidence {
	if c.brings != commit {
		return nil
	}
	return &vuln.Evidence{Kind: vuln.EvidenceCommit, Says: "brought"}
}

// loaded is the module that a host has loaded.
type loaded string

func (l loaded) Loaded(modules []string) (in []string, others []vuln.Evidence) {
	for _, m := range modules {
		if m == string(l) {
			in = append(in, m)
		} else {
			others = append(others, vuln.Evidence{Kind: vuln.EvidenceModule, Says: m + " is not loaded"})
		}
	}
	return in, others
}

// build says of files by their names what they are.
func build(file string) kbuild.Presence {
	p := kbuild.Presence{Path: file}
	switch file {
	case "in.c":
		p.State, p.Targets = kbuild.Compiled, []string{kbuild.Vmlinux}
	case "module.c":
		p.State, p.Targets = kbuild.Compiled, []string{"a/m.ko"}
	case "both.c":
		p.State, p.Targets = kbuild.Compiled, []string{"a/m.ko", kbuild.Vmlinux}
	case "off.c", "off.h", "fs/x/off.c", "fs/busy/off.c":
		p.State, p.Why = kbuild.NotCompiled, []kbuild.Step{{File: "Makefile", Line: 7, Symbol: "OFF", Value: "n"}}
	case "moved.c", "fs/x/y/moved.c", "fs/busy/moved.c", "net/moved.c":
		p.State = kbuild.Absent
	}
	return p
}

// movedTo says of every file that it has other names.
func movedTo(whole bool, names ...string) func(string) ([]string, bool) {
	return func(string) ([]string, bool) { return names, whole }
}

// changes has a line in each of some files, and is incomplete with one without a name.
func changes(files ...string) func(*feed.Record) ([]kbuild.Presence, bool) {
	return func(*feed.Record) (list []kbuild.Presence, complete bool) {
		for _, f := range files {
			p := build(f)
			p.Lines = &kbuild.Span{First: 3, Last: 4}
			list = append(list, p)
		}
		return list, !slices.Contains(files, "")
	}
}

// idle has one folder of which nothing is built.
func idle(dir string) bool { return dir == "fs/x" }

func TestJudge(t *testing.T) {
	const in, out = "5.12:6.1.180 5.12:7.1", "6.2:6.5"
	fixed := func(s vuln.ContentState) func(*feed.Record) vuln.Content {
		return func(*feed.Record) vuln.Content {
			return vuln.Content{State: s, Evidence: vuln.Evidence{Kind: vuln.EvidenceContent, Says: "content"}}
		}
	}
	for _, tt := range []struct {
		name  string
		pairs string
		files string
		k     vuln.Kernel
		want  string // verdict, and kinds of evidence
	}{
		{"affected", in, "in.c", vuln.Kernel{}, "affected range"},
		{"no versions", "", "in.c", vuln.Kernel{}, "undetermined record"},
		{"compiled", in, "in.c", vuln.Kernel{Presence: build}, "affected range build"},
		{"not compiled", in, "off.c off.h", vuln.Kernel{Presence: build}, "not_compiled range build build"},
		{"one of two is compiled", in, "off.c in.c", vuln.Kernel{Presence: build}, "affected range build build"},
		{"one of two is not known", in, "off.c unknown.c", vuln.Kernel{Presence: build}, "undetermined range build build"},
		{"moved proves nothing", in, "moved.c", vuln.Kernel{Presence: build}, "undetermined range build"},
		{"moved beside not compiled proves nothing", in, "moved.c off.c", vuln.Kernel{Presence: build}, "undetermined range build build"},
		{"moved within a folder of which nothing is built", in, "fs/x/y/moved.c fs/x/off.c", vuln.Kernel{Presence: build, Idle: idle}, "not_compiled range build build"},
		{"moved within a folder that is built", in, "fs/busy/moved.c fs/busy/off.c", vuln.Kernel{Presence: build, Idle: idle}, "undetermined range build build"},
		{"moved elsewhere", in, "net/moved.c fs/x/off.c", vuln.Kernel{Presence: build, Idle: idle}, "undetermined range build build"},
		{"moved, and nothing else named", in, "fs/x/y/moved.c", vuln.Kernel{Presence: build, Idle: idle}, "undetermined range build"},
		{"moved, compiled there", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(true, "in.c", "off.c")}, "affected range build"},
		{"moved, a module there", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(true, "module.c"), Modules: loaded("x")}, "not_loaded range build module"},
		{"moved, not compiled there", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(true, "off.c", "off.h")}, "not_compiled range build"},
		{"moved, not compiled there, and where most went is not known", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(false, "off.c")}, "undetermined range build build"},
		{"moved, some of it compiled there", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(true, "off.c", "in.c")}, "undetermined range build build"},
		{"moved, some of it not known", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(true, "off.c", "unknown.c")}, "undetermined range build build"},
		{"moved, without other names", in, "moved.c", vuln.Kernel{Presence: build, Moved: movedTo(false)}, "undetermined range build"},
		{"documentation counts for nothing", in, "off.c Documentation/x.rst", vuln.Kernel{Presence: build}, "not_compiled range build"},
		{"documentation alone dismisses nothing", in, "Documentation/x.rst", vuln.Kernel{Presence: build}, "affected range build"},
		{"no files dismiss nothing", in, "", vuln.Kernel{Presence: build}, "affected range"},
		{"not loaded", in, "module.c", vuln.Kernel{Presence: build, Modules: loaded("x")}, "not_loaded range build module"},
		{"loaded", in, "module.c", vuln.Kernel{Presence: build, Modules: loaded("a/m.ko")}, "affected range build module"},
		{"in a module and in vmlinux", in, "both.c", vuln.Kernel{Presence: build, Modules: loaded("x")}, "affected range build"},
		{"in a module, and unknown", in, "module.c unknown.c", vuln.Kernel{Presence: build, Modules: loaded("x")}, "affected range build build"},
		{"every line of the fix is left out", in, "in.c", vuln.Kernel{Presence: build, Lines: changes("off.c", "off.h")}, "not_compiled range build lines lines"},
		{"every line of the fix is left out, of a file that is not known", in, "unknown.c", vuln.Kernel{Presence: build, Lines: changes("off.c")}, "not_compiled range build lines"},
		{"a line of the fix is compiled", in, "in.c", vuln.Kernel{Presence: build, Lines: changes("off.c", "in.c")}, "affected range build"},
		{"a line of the fix is not known", in, "in.c", vuln.Kernel{Presence: build, Lines: changes("off.c", "unknown.c")}, "affected range build"},
		{"a line of the fix was not found", in, "in.c", vuln.Kernel{Presence: build, Lines: changes("off.c", "")}, "affected range build"},
		{"without knowing the modules", in, "module.c", vuln.Kernel{Presence: build}, "affected range build"},
		{"claimed", in, "in.c", vuln.Kernel{Claims: []vuln.Claims{claims{kind: vuln.EvidenceChangelog}}}, "fixed range changelog"},
		{"taken out again", in, "in.c", vuln.Kernel{Claims: []vuln.Claims{claims{kind: vuln.EvidenceRevert}}}, "affected range revert"},
		{"found in the sources", in, "in.c", vuln.Kernel{Content: fixed(vuln.ContentFixed)}, "fixed range content"},
		{"not found in the sources", in, "in.c", vuln.Kernel{Content: fixed(vuln.ContentUnfixed)}, "affected range content"},
		{"claimed and not there", in, "in.c", vuln.Kernel{Claims: []vuln.Claims{claims{kind: vuln.EvidenceChangelog}}, Content: fixed(vuln.ContentUnfixed)}, "undetermined range changelog content alarm"},
		{"claimed and there", in, "in.c", vuln.Kernel{Claims: []vuln.Claims{claims{kind: vuln.EvidenceChangelog}}, Content: fixed(vuln.ContentFixed)}, "fixed range changelog content"},
		{"not in range", out, "in.c", vuln.Kernel{Presence: build}, "not_in_range range"},
		{"brought from a later version", out, "in.c", vuln.Kernel{Claims: []vuln.Claims{claims{brings: "aaaaaaaaaaaaaaaa"}}}, "affected range commit"},
		{"contradiction", "4.12:4.18 5.8:6.5", "in.c", vuln.Kernel{}, "undetermined range record"},
		{"contradiction, not compiled", "4.12:4.18 5.8:6.5", "off.c", vuln.Kernel{Presence: build}, "not_compiled range record build"},
		{"vague", "5.12:6.1.42 5.12:6.5", "in.c", vuln.Kernel{Base: ranges.Span{From: version("6.1"), To: version("6.1").With(ranges.Latest), Vague: "vague"}}, "undetermined range"},
	} {
		r := feed.Record{ID: "CVE-2026-0001", Title: "a: b", Files: strings.Fields(tt.files)}
		if tt.pairs != "" {
			r.Sources = []feed.Source{{Kind: feed.Dyad, Pairs: pairs(tt.pairs)}}
		}
		db, err := vuln.New(&feed.Feed{Records: []feed.Record{r}})
		if err != nil {
			t.Fatal(err)
		}
		if tt.k.Base == (ranges.Span{}) {
			tt.k.Base = ranges.Exactly(version("6.1.176"))
		}
		v := db.Scan(tt.k)[0]
		got := v.Verdict.String()
		for _, e := range v.Evidence {
			got += " " + e.Kind
		}
		if v.Alarm != "" {
			got += " alarm"
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		one, ok := db.Judge("CVE-2026-0001", tt.k)
		if !ok || !reflect.DeepEqual(one, v) {
			t.Errorf("%s: Judge says %v, Scan %v", tt.name, one, v)
		}
	}
}

// Two files of the same rank that say different things leave it undetermined; the CNA's
// own list of pairs goes before what is made of it.
func TestDisagreement(t *testing.T) {
	for _, tt := range []struct {
		kinds [2]string
		want  vuln.State
	}{{[2]string{feed.Affected, feed.Affected}, vuln.Undetermined}, {[2]string{feed.Dyad, feed.Affected}, vuln.Affected}, {[2]string{feed.Affected, feed.OSV}, vuln.Affected}} {
		db, err := vuln.New(&feed.Feed{Records: []feed.Record{{ID: "CVE-2026-0001", Sources: []feed.Source{{Kind: tt.kinds[0], Pairs: pairs("5.12:6.1.180")}, {Kind: tt.kinds[1], Pairs: pairs("5.12:6.1.150")}}}}})
		if err != nil {
			t.Fatal(err)
		}
		v := db.Scan(vuln.Kernel{Base: ranges.Exactly(version("6.1.176"))})[0]
		if v.Verdict != tt.want || len(v.Evidence) != 2 || v.Evidence[1].Kind != vuln.EvidenceRecord {
			t.Errorf("%v: %s, %+v", tt.kinds, v.Verdict, v.Evidence)
		}
	}
}

func TestCompare(t *testing.T) {
	make := func(base string, inputs map[string]string, records ...feed.Record) *vuln.Report {
		db, err := vuln.New(&feed.Feed{Records: records})
		if err != nil {
			t.Fatal(err)
		}
		return db.Report(vuln.Kernel{Release: base, Base: ranges.Exactly(version(base)), Inputs: inputs})
	}
	rec := func(id, p string) feed.Record {
		return feed.Record{ID: id, Title: "a: b", Sources: []feed.Source{{Kind: feed.Dyad, Pairs: pairs(p)}}}
	}
	a, b := rec("CVE-2026-0001", "5.12:6.1.180"), rec("CVE-2026-0002", "5.12:6.1.150")
	old := make("6.1.176", nil, a, b)

	if d := vuln.Compare(old, make("6.1.176", nil, a, b)); d.Expired != 0 || len(d.Changes) != 0 || len(d.Inputs) != 0 {
		t.Errorf("the same scan differs: %+v", d)
	}
	// A record moves: its own verdict expires, the other's does not.
	d := vuln.Compare(old, make("6.1.176", nil, rec("CVE-2026-0001", "5.12:6.1.170"), b))
	if d.Expired != 1 || d.Records != 1 || len(d.Changes) != 1 || d.Changes[0].Old != "affected" || d.Changes[0].New != "fixed" ||
		fmt.Sprint(d.Changes[0].Why) != "[the record was changed no longer: introduced in 5.12, no fix is in 6.1.176; fixed in 6.1.180 now: introduced in 5.12, fixed in 6.1.170]" {
		t.Errorf("%+v", d)
	}
	// The kernel moves: all expire, one comes out as it was.
	d = vuln.Compare(old, make("6.1.180", map[string]string{"config": "x"}, a, b))
	if d.Expired != 2 || d.Records != 0 || len(d.Changes) != 1 || len(d.Inputs) != 2 || d.Inputs[0].Name != "config" || d.Inputs[1].New != "6.1.180" {
		t.Errorf("%+v", d)
	}
	// One comes, one goes.
	d = vuln.Compare(old, make("6.1.176", nil, b, rec("CVE-2026-0003", "5.12:0")))
	if len(d.Changes) != 2 || d.Changes[0].New != "" || d.Changes[1].Old != "" || d.Changes[1].New != "affected" {
		t.Errorf("%+v", d)
	}
}
