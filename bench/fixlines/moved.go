package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"ringside/kbuild/moved"
	"ringside/vuln"
	"ringside/vuln/feed"
)

// checkMoved holds the table of moved files against the branch's own fixes: where a record
// names a file that the tree does not have, the release with its fix changed one of those
// in which the table says that its code is.
func checkMoved(ctx context.Context, records []feed.Record, r *releases, tree string, verbose bool) error {
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(tree, name))
		return err == nil
	}
	absent, named, right := 0, 0, 0
	for _, rec := range records {
		for _, s := range rec.Sources {
			for _, p := range s.Pairs {
				commit := r.commits[p.Fix.String()]
				if commit == "" {
					continue
				}
				if _, err := r.diff(ctx, commit, nil); err != nil {
					return err
				}
				for _, f := range vuln.Code(rec.Files) {
					if exists(f) || r.parts[commit][f] != "" {
						continue
					}
					absent++
					names, whole := moved.Names(f, exists)
					if len(names) == 0 {
						continue
					}
					named++
					if slices.ContainsFunc(names, func(n string) bool { return r.parts[commit][n] != "" }) {
						right++
					} else if verbose {
						fmt.Printf("%s: %s is said to be in %v (most of it: %v), which %s does not change\n", rec.ID, f, names, whole, p.Fix)
					}
				}
			}
		}
	}
	fmt.Printf("of %d files that fixes of this branch name and the tree lacks, %d have other names in it; %d of them the release with the fix changes\n", absent, named, right)
	return nil
}
