// Command flawrecall asks of real security fixes whether patch/flaw sees the bug: for each
// record of a CVE of the asked classes, the file before the stable release that fixed it
// must have a finding that the file after it has not.
//
//	go run ./bench/flawrecall REPOSITORY CVES
//
// REPOSITORY has one commit a stable release, "up to 6.1.N", as unifreq/linux-6.1.y; CVES
// is the folder of the kernel CNA's records.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ringside/patch/csource"
	"ringside/patch/flaw"
)

// classes of bugs by the title of the fix; the first that fits counts.
var classes = []struct {
	name  string
	title *regexp.Regexp
	rules []string
}{
	{"unlock", regexp.MustCompile(`(?i)(missing|missed|forgotten).{0,20}unlock|unlock.{0,25}(error|path|fail)|(unbalanced|imbalance|leak)[a-z ]{0,12} (un)?lock|\\b(un)?lock(ing)? (leak|imbalance)|double[ -](un)?lock`), []string{"missing-unlock", "double-unlock", "double-lock"}},
	{"sleep", regexp.MustCompile(`(?i)sleep(ing)?[ -](in|from|function|while|under)|atomic context|scheduling while atomic|might_sleep|GFP_ATOMIC|GFP_KERNEL`), []string{"sleep-in-atomic"}},
	{"double free", regexp.MustCompile(`(?i)double[ -]free`), []string{"double-free", "use-after-free"}},
	{"use after free", regexp.MustCompile(`(?i)use[ -]after[ -]free|\buaf\b`), []string{"use-after-free", "double-free", "use-after-rcu", "freed-cursor"}},
	{"reference leak", regexp.MustCompile(`(?i)(ref|reference|refcount|of_node|node|device|module|clk|clock|runtime)[a-z_ -]{0,20}leak|leak.{0,20}(ref|node)|missing (of_node_put|put_device|clk_disable|pm_runtime|fwnode)|imbalance`), []string{"refcount-leak", "iterator-leak", "missing-undo", "leak"}},
	{"memory leak", regexp.MustCompile(`(?i)leak`), []string{"leak", "missing-undo", "refcount-leak", "iterator-leak"}},
	{"unchecked allocation", regexp.MustCompile(`(?i)(check|test|handle|missing|unchecked).{0,40}(alloc|kstrdup|kasprintf|kmemdup|ioremap|return value|skb_clone)|NULL check.{0,20}(alloc|after)|null.{0,12}pointer.{0,30}alloc`), []string{"unchecked-alloc", "err-ptr-mixup"}},
	{"error pointer", regexp.MustCompile(`(?i)IS_ERR|error pointer|ERR_PTR|PTR_ERR`), []string{"err-ptr-mixup"}},
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: flawrecall REPOSITORY CVES")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type record struct {
	Containers struct {
		CNA struct {
			Title    string `json:"title"`
			Affected []struct {
				ProgramFiles []string `json:"programFiles"`
			} `json:"affected"`
		} `json:"cna"`
	} `json:"containers"`
}

func run(ctx context.Context, repo, cves string) error {
	releases, err := releases(ctx, repo)
	if err != nil {
		return err
	}
	list, err := filepath.Glob(filepath.Join(cves, "published", "*", "*.dyad"))
	if err != nil {
		return err
	}
	type score struct{ n, seen, other int }
	scores := map[string]*score{}
	for _, dyad := range list {
		commit := fixedBy(dyad, releases)
		if commit == "" {
			continue
		}
		text, err := os.ReadFile(strings.TrimSuffix(dyad, ".dyad") + ".json")
		if err != nil {
			return err
		}
		var r record
		if json.Unmarshal(text, &r) != nil || len(r.Containers.CNA.Affected) == 0 {
			continue
		}
		title := r.Containers.CNA.Title
		for _, c := range classes {
			if !c.title.MatchString(title) {
				continue
			}
			found, any, read := compare(ctx, repo, commit, r.Containers.CNA.Affected[0].ProgramFiles, c.rules)
			if !read {
				break
			}
			if scores[c.name] == nil {
				scores[c.name] = &score{}
			}
			s := scores[c.name]
			s.n++
			switch {
			case found != "":
				s.seen++
			case any != "":
				s.other++
			}
			id := strings.TrimSuffix(filepath.Base(dyad), ".dyad")
			fmt.Printf("%s\t%s\t%s\t%s\n", c.name, id, title, found+any)
			break
		}
	}
	for _, c := range classes {
		if s := scores[c.name]; s != nil {
			fmt.Fprintf(os.Stderr, "%-22s %3d fixes, %3d seen (%.0f %%), %d more by another rule\n", c.name, s.n, s.seen, 100*float64(s.seen)/float64(s.n), s.other)
		}
	}
	return nil
}

// releases are the commits of a repository that bring it to a stable release.
func releases(ctx context.Context, repo string) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", repo, "log", "--format=%H %s").Output()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", repo, err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if id, version, ok := strings.Cut(strings.TrimSpace(line), " up to "); ok {
			m[version] = id
		}
	}
	return m, nil
}

func fixedBy(dyad string, releases map[string]string) string {
	text, err := os.ReadFile(dyad)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 4 && releases[f[2]] != "" {
			return releases[f[2]]
		}
	}
	return ""
}

// compare gives a finding that went with a release: one of the rules, or of any other.
func compare(ctx context.Context, repo, commit string, files, rules []string) (found, other string, read bool) {
	for _, name := range files {
		if !strings.HasSuffix(name, ".c") {
			continue
		}
		before, err := exec.CommandContext(ctx, "git", "-C", repo, "show", commit+"^:"+name).Output()
		if err != nil {
			continue
		}
		after, err := exec.CommandContext(ctx, "git", "-C", repo, "show", commit+":"+name).Output()
		if err != nil {
			continue
		}
		read = true
		list, _ := flaw.New(csource.Parse(string(after)), csource.Parse(string(before)), nil)
		for _, f := range list {
			text := fmt.Sprintf("%s:%d: %s: %s(): %s", name, f.Line, f.Rule, f.Func, f.Text)
			if slices.Contains(rules, f.Rule) {
				return text, "", true
			}
			other = text
		}
	}
	return "", other, read
}
