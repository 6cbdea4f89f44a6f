package content

import (
	"path"
	"slices"

	"ringside/kbuild"
	"ringside/patch/diff"
	"ringside/patch/present"
	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

// Lines returns what tells, for vuln.Kernel, where in a build the lines are that the fix of
// a record changes. Lines of sources that the tree has several times, that were found
// with too little around them, or that are directives themselves, are not told: then the
// answer is incomplete, as it is where the fix adds or moves files, or changes a Makefile
// or a Kconfig. It is not for several goroutines.
func (s *Searcher) Lines(build func(file string, lines kbuild.Span) kbuild.Presence) func(r *feed.Record) (list []kbuild.Presence, complete bool) {
	return func(r *feed.Record) (list []kbuild.Presence, complete bool) {
		fixes, all := s.fixes.all(r, s.base.To)
		if !all {
			return nil, false
		}
		for _, x := range fixes {
			more, ok := s.lines(x, r.Files, build)
			if !ok {
				return nil, false
			}
			list = append(list, more...)
		}
		return list, len(list) > 0
	}
}

// lines locates one diff.
func (s *Searcher) lines(x *fix, named []string, build func(string, kbuild.Span) kbuild.Presence) (list []kbuild.Presence, complete bool) {
	files := x.parse()
	changed := map[string]bool{}
	for i := range files {
		d := &files[i]
		changed[d.Old], changed[d.New] = true, true
		switch {
		case beside(d.Path()):
			continue
		case d.Err != nil || d.Binary || d.Op != diff.Modify || !source(d.Path()):
			return nil, false
		}
	}
	for _, f := range named {
		if !beside(f) && !changed[f] && !s.elsewhere(f, changed) {
			return nil, false // the record knows of more than the diff
		}
	}
	res, err := s.finder.Check(files, nil)
	if err != nil || len(res.Missing) > 0 {
		return nil, false
	}
	for _, c := range res.Changes {
		if beside(c.File) {
			continue
		}
		if c.State == present.Unknown || c.Places != 1 || c.Context < 1 || c.Directive {
			return nil, false
		}
		p := build(c.File, kbuild.Span{First: c.Begin, Last: c.Begin + c.Count - 1})
		if n := len(list); n == 0 || p.Lines != nil || list[n-1].Path != p.Path {
			list = append(list, p)
		}
	}
	return list, len(list) > 0
}

// elsewhere says whether a file is among others by another name.
func (s *Searcher) elsewhere(file string, others map[string]bool) bool {
	return s.finder.Moved != nil && slices.ContainsFunc(s.finder.Moved(file), func(n string) bool { return others[n] })
}

// beside says whether a file is not part of the kernel's code, whatever it has.
func beside(file string) bool { return len(vuln.Code([]string{file})) == 0 }

func source(file string) bool {
	switch path.Ext(file) {
	case ".c", ".h", ".S":
		return true
	}
	return false
}

// all returns the diffs of every commit that fixes a record, for the branch of the version
// or for mainline, and whether each of them is at hand.
func (f *Fixes) all(r *feed.Record, base ranges.Version) (list []*fix, all bool) {
	var own, mainline []string
	for _, s := range r.Sources {
		for _, p := range s.Pairs {
			switch {
			case len(p.FixCommit) < 12:
			case p.Fix.Branch() == base.Branch():
				own = append(own, p.FixCommit[:12])
			case p.Fix.Stable() == 0:
				mainline = append(mainline, p.FixCommit[:12])
			}
		}
	}
	for _, commits := range [][]string{own, mainline} {
		slices.Sort(commits)
		list = nil
		for _, c := range slices.Compact(commits) {
			if x := f.byCommit[c]; x != nil {
				list = append(list, x)
			} else {
				list = nil
				break
			}
		}
		if len(list) > 0 {
			return list, true
		}
	}
	return nil, false
}
