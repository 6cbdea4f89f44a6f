package stack

import (
	"slices"

	"ringside/patch"
	"ringside/patch/equiv"
)

// maxSteps is how far a chain of fixes of fixes is followed.
const maxSteps = 4

// follow looks for later changes that mend, or take back, what a patch was taken from.
func (b *builder) follow(e *Entry, i int, p *patch.Patch) error {
	commits := slices.Clone(p.Origin.Commits)
	if p.Commit != "" {
		commits = append(commits, p.Commit)
	}
	if m := b.matches[i].match; m != nil && m.Kind != equiv.SameSubject {
		commits = append(commits, m.Doc.Name)
		commits = append(commits, m.Doc.Upstream...)
	}
	seen := map[string]bool{}
	for step := 0; step < maxSteps && len(commits) > 0; step++ {
		var next []string
		for _, c := range commits {
			if len(c) < abbrevLen || seen[c[:abbrevLen]] {
				continue
			}
			seen[c[:abbrevLen]] = true
			for _, x := range b.in.Upstream {
				fixes, reverts, err := x.Later(c)
				if err != nil {
					return err
				}
				for _, r := range reverts {
					if step == 0 && !slices.Contains(e.Upstream.Reverted, r) {
						e.Upstream.Reverted = append(e.Upstream.Reverted, r)
					}
				}
				for _, list := range [][]string{fixes, reverts} {
					for _, name := range list {
						f, ok, err := b.missing(x, name, c, seen)
						if err != nil {
							return err
						}
						next = append(next, name)
						if ok {
							f.Revert = slices.Contains(reverts, name)
							e.Missing = append(e.Missing, f)
						}
					}
				}
			}
		}
		commits = next
	}
	return nil
}

// missing makes a follow-up of a change that the stack does not have. The same change on
// another branch of stable is not named twice.
func (b *builder) missing(x *equiv.Index, name, of string, seen map[string]bool) (FollowUp, bool, error) {
	docs, err := x.Named(name)
	if err != nil || len(docs) == 0 {
		return FollowUp{}, false, err
	}
	d := &docs[0]
	subject := equiv.NormalSubject(d.Subject)
	if b.holds(name) || b.holds(subject) || seen["subject "+subject] {
		return FollowUp{}, false, nil
	}
	seen["subject "+subject] = true
	for _, u := range d.Upstream {
		if b.holds(u) {
			return FollowUp{}, false, nil
		}
	}
	return FollowUp{Commit: name, Subject: d.Subject, Fixes: of, Release: d.Releases}, true, nil
}
