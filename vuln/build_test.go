package vuln_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/kbuild"
	"ringside/kbuild/moved"
	"ringside/kconfig/dotconfig"
	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/internal/cvetest"
	"ringside/vuln/ranges"
)

// debian evaluates Debian's 6.1 sources under one of its configurations.
func debian(t *testing.T, flavour string) *kbuild.Build {
	t.Helper()
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	if tree == "" {
		t.Skip("RINGSIDE_LINUX_6_1 is not set: the kernel's sources are not at hand")
	}
	f, err := os.Open("/usr/src/linux-config-6.1/config." + flavour + ".xz")
	if err != nil {
		t.Skipf("Debian's configurations are not at hand: %v", err)
	}
	defer f.Close()
	z, err := xz.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	config, err := dotconfig.Parse(z)
	if err != nil {
		t.Fatal(err)
	}
	b, err := kbuild.Load(os.DirFS(tree), config, kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Of those that 6.1.176 has by version, the configuration dismisses a fifth on a
// distribution's kernel and half on its kernel for clouds.
func TestDismissed(t *testing.T) {
	db, _ := corpus(t)
	for _, tt := range []struct {
		flavour string
		atLeast float64
	}{{"amd64_none_amd64", 21}, {"amd64_none_cloud-amd64", 51}} {
		k := vuln.Kernel{Release: "6.1.176", Base: ranges.Exactly(6<<48 | 1<<32 | 176), Presence: debian(t, tt.flavour).Presence}
		n, dismissed := 0, 0
		for _, v := range db.Scan(k) {
			if v.Range == ranges.Affected {
				n++
			}
			if v.Verdict == vuln.NotCompiled {
				dismissed++
				if e := v.Evidence[len(v.Evidence)-1]; e.Presence == nil || len(e.Presence.Why) == 0 {
					t.Errorf("%s is dismissed without a chain: %+v", v.CVE, e)
				}
			}
		}
		share := 100 * float64(dismissed) / float64(n)
		t.Logf("%s: %d of %d are not compiled in, %.1f %%", tt.flavour, dismissed, n, share)
		if n != 1903 || share < tt.atLeast {
			t.Errorf("%s: %.1f %%, want at least %.0f %%", tt.flavour, share, tt.atLeast)
		}
	}
}

// No CVE is dismissed of which a file is in the kernel by its own debug information,
// whatever its versions.
func TestNoneFalselyDismissed(t *testing.T) {
	f, _ := cvetest.Corpus(t)
	compiled := map[string]bool{}
	g, err := os.Open(filepath.Join(os.Getenv("RINGSIDE_CORPUS"), "kbuild", "compiled-units-6.1.192-cloud-amd64.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	z, err := gzip.NewReader(g)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(z); s.Scan(); {
		_, unit, _ := strings.Cut(s.Text(), "\t")
		if _, below, ok := strings.Cut(unit, "/linux-6.1.192/"); ok {
			unit = below
		}
		compiled[unit] = true
	}
	all := &feed.Feed{}
	for _, r := range f.Records {
		if !r.Rejected {
			r.Sources = []feed.Source{{Kind: feed.Dyad, Pairs: []ranges.Pair{{}}}}
			all.Records = append(all.Records, r)
		}
	}
	db, err := vuln.New(all)
	if err != nil {
		t.Fatal(err)
	}
	in, dismissed, elsewhere := 0, 0, 0
	b := debian(t, "amd64_none_cloud-amd64")
	names := func(file string) ([]string, bool) { return moved.Names(file, b.Exists) }
	for _, v := range db.Scan(vuln.Kernel{Base: ranges.Exactly(6<<48 | 1<<32 | 192), Presence: b.Presence, Idle: b.Idle, Moved: names}) {
		has := slices.ContainsFunc(v.Files, func(f string) bool {
			if b.Exists(f) {
				return compiled[f]
			}
			// Its code is in files with other names.
			list, _ := names(f)
			if len(list) > 0 {
				elsewhere++
			}
			return slices.ContainsFunc(list, func(n string) bool { return compiled[n] })
		})
		if has {
			in++
		}
		if v.Verdict == vuln.NotCompiled {
			dismissed++
			if has {
				t.Errorf("%s is dismissed, and is compiled: %v", v.CVE, v.Files)
			}
		}
	}
	t.Logf("%d CVEs have compiled files; of all %d, %d are dismissed; %d files have other names", in, len(all.Records), dismissed, elsewhere)
	if in < 5000 || dismissed < 5000 || elsewhere < 300 {
		t.Errorf("%d compiled, %d dismissed, %d files with other names", in, dismissed, elsewhere)
	}
}
