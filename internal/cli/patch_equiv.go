package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/patchindex"
	"ringside/internal/render"
	"ringside/patch"
	"ringside/patch/diff"
	"ringside/patch/equiv"
	"ringside/patch/landed"
	"ringside/patch/read"
)

func newPatchEquiv(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var history historyFlags
	var explain, fail bool
	var limit int
	c := &cobra.Command{
		Use:   "equiv --index TREE|DIR|REPO|INDEX FILE|DIR|-...",
		Short: "Find the same change elsewhere: in another version, a history, a tree",
		Long: `Equiv compares what changes add and remove, line by line, without blanks, context,
places and names of files, rare lines counting more. It recognises a change after a
rebase, a rename and small edits:

  identical   the same lines
  equal       all but a few of them
  modified    much is the same, or some and the subject, author or named commit too
  part        one is in the other: folded with more, or split
  said        named as the origin, and the lines do not show it
  subject     the same subject with other lines

Against a source tree without history it says whether the tree has each patch, as
'patch stack' does.`,
		Example: `  ringside patch equiv --index backport-6.6 backport-6.1
  ringside patch equiv --index linux debian/patches/*/*.patch
  ringside patch equiv --index linux-6.6 0001-net-fix-it.patch --explain`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if len(history.where) == 0 {
				return usagef("nothing to search: give --index a folder of patches, a repository, a source tree or an index")
			}
			doc := render.PatchEquiv{Schema: render.PatchEquivSchemaID, Indexes: history.where, Patches: []render.EquivPatch{}, Kinds: map[string]int{}}
			var patches []*patch.Patch
			for _, arg := range args {
				st, err := in.read(c.Context(), s, arg)
				if err != nil {
					return err
				}
				for _, p := range st.Patches {
					x := render.EquivPatch{File: fileOf(arg, p), Subject: p.Subject}
					for _, problem := range p.Problems {
						x.Problems = append(x.Problems, problem.String())
					}
					doc.Patches = append(doc.Patches, x)
					patches = append(patches, p)
				}
				for _, problem := range st.Problems {
					doc.Patches = append(doc.Patches, render.EquivPatch{File: problem.File, Problems: []string{problem.String()}})
					patches = append(patches, &patch.Patch{})
				}
			}
			for _, where := range history.where {
				if patchindex.IsTree(where) {
					err = equivTree(&doc, patches, where)
				} else {
					err = equivIndex(c.Context(), s, &doc, patches, where, &history, limit, explain)
				}
				if err != nil {
					return err
				}
			}
			for i := range doc.Patches {
				m := doc.Patches[i].Match
				switch {
				case m == nil:
					doc.Kinds["none"]++
				case m.Kind != "absent" && m.Kind != "unknown":
					doc.Found++
					fallthrough
				default:
					doc.Kinds[m.Kind]++
				}
			}
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.EquivReport(w, doc, st) })
			if err == nil && fail && doc.Found < len(doc.Patches) {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	in.flags(c)
	history.flags(c, "index", "`WHERE` to search: a folder of patches, a git repository, a source tree, a file that 'patch index' made; may be repeated")
	c.Flags().BoolVar(&fail, "fail-missing", false, "exit with 1 if a patch is found nowhere")
	c.Flags().BoolVar(&explain, "explain", false, "show the hunks side by side")
	c.Flags().IntVarP(&limit, "matches", "n", 1, "how many matches to show of each")
	return c
}

// fileOf names a patch by the argument that it was read from.
func fileOf(arg string, p *patch.Patch) string {
	if p.Name == "" || p.Name == arg || arg == "-" {
		return arg
	}
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return filepath.Join(arg, filepath.FromSlash(p.Name))
	}
	if strings.HasPrefix(p.Name, arg) {
		return p.Name
	}
	return arg + ":" + p.Name
}

func equivTree(doc *render.PatchEquiv, patches []*patch.Patch, where string) error {
	verdicts, err := landed.New(os.DirFS(where)).Stack(patches)
	if err != nil {
		return usage(err)
	}
	for i := range verdicts {
		addMatch(&doc.Patches[i], render.EquivTreeOf(where, &verdicts[i]))
	}
	return nil
}

// addMatch adds a match; the first stays the best.
func addMatch(x *render.EquivPatch, m render.EquivMatch) {
	if x.Match == nil {
		x.Match = &m
		return
	}
	x.Others = append(x.Others, m)
}

func equivIndex(ctx context.Context, s Streams, doc *render.PatchEquiv, patches []*patch.Patch, where string, f *historyFlags, limit int, explain bool) (err error) {
	x, err := patchindex.Open(ctx, where, f.options(s))
	if err != nil {
		return usage(err)
	}
	defer closing(&err, x.Close)
	for i, p := range patches {
		d := equiv.FromPatch(p)
		ms, err := x.Similar(equiv.Query{Doc: &d, Limit: max(limit, 1)})
		if err != nil {
			return usage(err)
		}
		for k := range ms {
			m := render.EquivMatchOf(where, &ms[k])
			if explain {
				if other, err := theirDiff(ctx, where, ms[k].Doc.Name); err == nil {
					m.Hunks = render.PairsOf(equiv.Explain(p.Files, other))
				} else {
					m.Because = append(m.Because, "its diff is not at hand: "+err.Error())
				}
			}
			addMatch(&doc.Patches[i], m)
		}
	}
	return nil
}

// theirDiff reads the diff of a change that was found.
func theirDiff(ctx context.Context, where, name string) ([]diff.File, error) {
	info, err := os.Stat(where)
	if err != nil {
		return nil, err
	}
	if len(name) == 40 && strings.Trim(name, "0123456789abcdef") == "" && info.IsDir() {
		text, err := git(ctx, where, nil, "show", "--no-color", "--no-ext-diff", "--no-textconv", "--format=", name, "--")
		if err != nil {
			return nil, err
		}
		return diff.Parse(string(text))
	}
	file := where
	if info.IsDir() {
		root, err := os.OpenRoot(where)
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }()
		text, err := root.ReadFile(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		st, err := read.File(name, bytes.NewReader(text), read.Options{})
		if err != nil || len(st.Patches) == 0 {
			return nil, usagef("%s: no patch: %w", name, err)
		}
		return st.Patches[0].Files, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := read.File(file, f, read.Options{})
	if err != nil {
		return nil, err
	}
	for _, p := range st.Patches {
		if p.Name == name {
			return p.Files, nil
		}
	}
	return nil, usagef("%s has no %s", where, name)
}
