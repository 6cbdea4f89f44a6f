package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/owner"
)

func newOwner(s Streams) *cobra.Command {
	var (
		out     output
		overlay string
		tree    string
		release string
		module  string
		arch    string
		kind    string
	)
	c := &cobra.Command{
		Use:   "owner FILE|FUNCTION|MODULE...",
		Short: "Say who looks after a file, a function or a module of the kernel",
		Long: `Owner answers from an index of the kernel that is built into the program: its
MAINTAINERS file, which file defines which function, which sources make which
module. It needs no tree and no network.

An argument with a slash is a file, one that names a module of the kernel is a
module, anything else a function; --as decides otherwise.`,
		Example: `  ringside owner fs/ext4/inode.c
  ringside owner ext4_writepages
  ringside owner --module nvme nvme_timeout`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			idx, err := ownerIndex(overlay)
			if tree != "" {
				idx, err = treeIndex(c.Context(), tree, release, overlay)
			}
			if err != nil {
				return usage(err)
			}
			answers := render.Ownership{Schema: render.OwnerSchemaID, Index: idx.Provenance(), Answers: []render.OwnerAnswer{}}
			missing := false
			for _, arg := range args {
				q, err := ownerQuery(idx, arg, kind, module, arch)
				if err != nil {
					return usage(err)
				}
				ms := idx.Lookup(q)
				if len(ms) == 0 {
					missing = true
					fmt.Fprintf(s.Err, "ringside: %s: nobody is named for it; it may be newer than the index (%s) or from outside the tree (--owners FILE)\n", arg, idx.Provenance().Version)
				}
				answers.Answers = append(answers.Answers, render.NewOwnerAnswer(arg, q, ms))
			}
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, answers)
				}
				return render.Owners(w, answers, st)
			})
			if err != nil {
				return &exitError{exitInternal, err}
			}
			if missing {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&overlay, "owners", os.Getenv("RINGSIDE_OWNERS"), "`FILE` in MAINTAINERS syntax whose entries win over the kernel's (env RINGSIDE_OWNERS)")
	c.Flags().StringVar(&tree, "tree", "", "`DIR` of a kernel tree or its git repository, whose MAINTAINERS is asked instead")
	c.Flags().StringVar(&release, "release", "", "`RELEASE` of the kernel, as uname -r says it: which tag of --tree to ask")
	c.Flags().StringVar(&module, "module", "", "`NAME` of the module that the function was printed with")
	c.Flags().StringVar(&arch, "arch", "", "`ARCH` that decides between functions of the same name")
	c.Flags().StringVar(&kind, "as", "", "what the arguments are: file, function or module")
	return c
}

// ownerQuery decides what arg is.
func ownerQuery(idx *owner.Index, arg, kind, module, arch string) (owner.Query, error) {
	q := owner.Query{Module: module, Arch: arch}
	if kind == "" {
		switch {
		case strings.ContainsRune(arg, '/'):
			kind = "file"
		case module == "" && len(idx.Definitions(arg, "")) == 0 && len(idx.ModuleFiles(arg)) > 0:
			kind = "module"
		default:
			kind = "function"
		}
	}
	switch kind {
	case "file":
		q.File = arg
	case "function":
		q.Function = arg
	case "module":
		q.Module = arg
	default:
		return q, fmt.Errorf("--as %s: use file, function or module", kind)
	}
	return q, nil
}
