package kconfig_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// effort says how many cases of a kind to compare with conf: a few in the tests, all
// that were asked for by bench/kconfig.sh.
func effort(t testing.TB, few int) int {
	t.Helper()
	if s := os.Getenv("RINGSIDE_KCONFIG_CASES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return few
}

// equal compares all that conf and we make of one .config, and gives how many
// comparisons that were.
func (p *peer) equal(t testing.TB, tree *kconfig.Tree, what string, input []byte) int {
	t.Helper()
	f := parseConfig(t, input)
	want, _, _, _ := p.run(t, input, []string{"--olddefconfig"})
	same(t, what+": olddefconfig", written(t, tree, kconfig.OldDefConfig, f), want)
	want, _, _, _ = p.run(t, input, []string{"--savedefconfig=defconfig"})
	same(t, what+": savedefconfig", written(t, tree, kconfig.SaveDefConfig, f), want)
	_, out, _, _ := p.run(t, input, []string{"--listnewconfig"})
	// conf prints its remarks on the files there, too.
	var list bytes.Buffer
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "CONFIG_") {
			list.WriteString(line)
		}
	}
	same(t, what+": listnewconfig", written(t, tree, kconfig.ListNewConfig, f), list.Bytes())
	return 3
}

// Each of Debian's configurations, on the tree that it is for and on the other.
func TestDebianConfigs(t *testing.T) {
	for _, version := range []string{"6.1", "6.12"} {
		t.Run(version, func(t *testing.T) {
			p := newPeer(t, version, "x86")
			tree := p.parse(t)
			for _, of := range []string{"6.1", "6.12"} {
				for i, flavour := range []string{"none_amd64", "none_cloud-amd64", "rt_amd64"} {
					if i < effort(t, 1) {
						p.equal(t, tree, of+" "+flavour, debian(t, of, flavour))
					}
				}
			}
		})
	}
}

// The defconfigs of all architectures.
func TestDefconfigs(t *testing.T) {
	for _, version := range []string{"6.1", "6.12"} {
		t.Run(version, func(t *testing.T) {
			root := linux(t, version)
			all, err := filepath.Glob(filepath.Join(root, "arch/*/configs/*"))
			if err != nil || len(all) < 100 {
				t.Fatalf("%d defconfigs: %v", len(all), err)
			}
			step := max(1, len(all)/effort(t, 4))
			n := 0
			byArch := map[string][]string{}
			for i, file := range all {
				rel, _ := filepath.Rel(root, file)
				if arch := strings.Split(rel, "/")[1]; i%step == 0 {
					byArch[arch] = append(byArch[arch], file)
				}
			}
			for arch, files := range byArch {
				p := newPeer(t, version, arch)
				tree := p.parse(t)
				for _, file := range files {
					b, err := os.ReadFile(file)
					if err != nil || !bytes.Contains(b, []byte("CONFIG_")) || strings.HasSuffix(file, "Makefile") {
						continue
					}
					want, _, _, _ := p.run(t, nil, []string{"--defconfig=" + file})
					same(t, file, written(t, tree, kconfig.DefConfig, parseConfig(t, b)), want)
					n++
				}
			}
			t.Logf("%d defconfigs of %d architectures", n, len(byArch))
		})
	}
}

// Random configurations, and parts of them, as they are and changed at random.
func TestRandomConfigs(t *testing.T) {
	for _, version := range []string{"6.1", "6.12"} {
		t.Run(version, func(t *testing.T) {
			p := newPeer(t, version, "x86")
			tree := p.parse(t)
			n := 0
			for seed := range effort(t, 1) {
				random, _, _, _ := p.run(t, nil, []string{"--randconfig"}, fmt.Sprintf("KCONFIG_SEED=%d", seed+1))
				if len(random) == 0 {
					t.Fatal("conf --randconfig left nothing")
				}
				n += p.equal(t, tree, fmt.Sprintf("seed %d", seed), random)
				n += p.equal(t, tree, fmt.Sprintf("seed %d, changed", seed), perturb(random, uint64(seed)))
			}
			t.Logf("%d comparisons", n)
		})
	}
}

// perturb drops lines of a .config, changes others, and puts some twice.
func perturb(config []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for line := range strings.Lines(string(config)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "# "), "=")
		name, _, _ = strings.Cut(name, " ")
		switch r.IntN(12) {
		case 0, 1, 2:
			continue
		case 3:
			if strings.HasPrefix(name, "CONFIG_") {
				b.WriteString(name + "=" + [...]string{"y", "m", "n", "7", "0x1f", "99999999", `"text"`}[r.IntN(7)] + "\n")
				continue
			}
		case 4:
			b.WriteString(line)
		}
		b.WriteString(line)
	}
	return b.Bytes()
}

// What a .config is read into is what is written: evaluating twice changes nothing.
func TestStable(t *testing.T) {
	p := newPeer(t, "6.12", "x86")
	tree := p.parse(t)
	once := written(t, tree, kconfig.OldDefConfig, parseConfig(t, debian(t, "6.12", "none_amd64")))
	twice := written(t, tree, kconfig.OldDefConfig, parseConfig(t, once))
	same(t, "a second olddefconfig", twice, once)
	var again *dotconfig.File
	c, err := tree.Eval(parseConfig(t, once))
	if err != nil {
		t.Fatal(err)
	}
	again = c.File()
	if again.Len() < 5000 {
		t.Errorf("%d symbols", again.Len())
	}
}
