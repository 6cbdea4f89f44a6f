package probe

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed recipes/*.yaml
var builtin embed.FS

// Builtin returns the recipes that come with Ringside.
func Builtin() ([]*Recipe, error) {
	sub, err := fs.Sub(builtin, "recipes")
	if err != nil {
		return nil, err
	}
	return Catalogue(sub)
}

// Catalogue reads every .yaml file of a folder, sorted by group and name. What
// is wrong with one does not hide the others.
func Catalogue(dir fs.FS) ([]*Recipe, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	var list []*Recipe
	var errs []error
	for _, name := range names {
		r, err := readFile(dir, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b *Recipe) int {
		return cmp.Or(cmp.Compare(slices.Index(groups, a.Group), slices.Index(groups, b.Group)), cmp.Compare(a.Name, b.Name))
	})
	return list, errors.Join(errs...)
}

func readFile(dir fs.FS, name string) (*Recipe, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, err
	}
	if want := strings.TrimSuffix(path.Base(name), ".yaml"); r.Name != want {
		return nil, fmt.Errorf("the recipe is called %s and the file %s: give them one name", r.Name, want)
	}
	return r, nil
}
