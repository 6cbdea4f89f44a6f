package kbuild

import (
	"io/fs"
	"path"
	"strings"

	"ringside/kbuild/gmake"
)

// topGoals follows the top Makefile's rules from what a plain make builds to the makes
// that their recipes start: boot images, vDSOs, offsets.
func (w *walk) topGoals() {
	o := w.b.top
	f := &folder{dir: ".", env: o.env, rules: map[string][]*gmake.Rule{}, host: map[string]bool{}}
	f.index()
	f.patterns = nil // "%: …" passes goals on; what they name is followed by name
	seen := map[string]bool{}
	queue := []string{"all", "vmlinux", "prepare", "archprepare"}
	for len(queue) > 0 && len(seen) < maxDirs {
		t := queue[0]
		queue = queue[1:]
		if seen[t] {
			continue
		}
		seen[t] = true
		for _, r := range f.rules[t] {
			for _, p := range r.Prereqs {
				queue = append(queue, clean(p))
			}
			for _, line := range r.Recipe {
				w.recipe(f, t, "", r, line)
			}
		}
	}
}

// recipe looks for "$(MAKE) $(build)=folder goals" in a line of a recipe.
func (w *walk) recipe(f *folder, target, stem string, r *gmake.Rule, line string) {
	if !strings.Contains(line, "(build)") && !strings.Contains(line, "Makefile.build") && !strings.Contains(line, "obj=") {
		return
	}
	auto := map[string]string{"@": target, "*": stem, "^": strings.Join(r.Prereqs, " ")}
	if len(r.Prereqs) > 0 {
		auto["<"] = strings.Replace(r.Prereqs[0], "%", stem, 1)
	}
	words, _ := gmake.Words(f.env.Expand(line, auto))
	for i, word := range words {
		dir, ok := strings.CutPrefix(word.Text, "obj=")
		if !ok || i == 0 || !strings.HasSuffix(words[i-1].Text, "Makefile.build") {
			continue
		}
		dir = clean(dir)
		if !w.follows(dir) {
			continue
		}
		v := visit{dir: dir, side: dir, from: f.dir, goals: map[string]bool{}}
		for _, g := range words[i+1:] {
			if strings.HasSuffix(g.Text, ";") || g.Text == "&&" || g.Text == "||" {
				break
			}
			switch {
			case strings.HasPrefix(g.Text, "-"):
			case g.Text == "need-builtin=1":
				v.builtin, v.side = true, ""
			case g.Text == "need-modorder=1":
				v.modules, v.side = true, ""
			case strings.ContainsAny(g.Text, "=&|><"):
			default:
				v.goals[clean(g.Text)] = true
			}
		}
		w.descend(v)
	}
}

// linked adds the objects that the script that links vmlinux has made: the time stamp.
func (w *walk) linked() {
	script, err := fs.ReadFile(w.b.tree.fsys, "scripts/link-vmlinux.sh")
	if err != nil || len(script) > 1<<20 {
		return
	}
	for line := range strings.Lines(string(script)) {
		_, rest, ok := strings.Cut(line, "Makefile.build")
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		for i, word := range words {
			dir, ok := strings.CutPrefix(word, "obj=")
			if ok && i+1 < len(words) && strings.HasSuffix(words[i+1], ".o") {
				w.descend(visit{dir: clean(dir), goals: map[string]bool{clean(words[i+1]): true}, linked: true})
			}
		}
	}
}

// follows says whether a folder that a recipe descends into is of the kernel: scripts/
// and tools/ are programs for the building machine.
func (w *walk) follows(dir string) bool {
	first, _, _ := strings.Cut(dir, "/")
	switch first {
	case "scripts", "tools", "Documentation":
		return false
	case ".":
		return len(w.b.top.roots) > 0
	}
	return !path.IsAbs(dir)
}
