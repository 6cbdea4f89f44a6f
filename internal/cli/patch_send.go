package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/owner"
	"ringside/patch"
	"ringside/patch/send"
)

// sendFlags say how to prepare a series.
type sendFlags struct {
	dir, prefix, previous, base, sender string
	tree, history, cover, id, date      string
	prerequisites                       []string
	version                             int
}

func newPatchSendPrep(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var f sendFlags
	c := &cobra.Command{
		Use:   "send-prep FILE|DIR|RANGE",
		Short: "Prepare patches to be sent; nothing is sent",
		Long: `Send-prep writes the mails of a series into a folder: a cover letter with the shortlog,
the diffstat and what has changed since the version before (--previous), and one mail for
each patch below it in the thread. Maintainers are in To:, lists, reviewers, those that
trailers name and, with --history, the authors of what is fixed in Cc:. The trailers
base-commit, change-id and prerequisite-patch-id say what the series is built on.

The mails go out with 'git send-email DIR/*.patch'; series.mbox holds all of them, for
'b4 am -m'; 'git am' takes the files of the patches. Nothing is sent.`,
		Example: `  ringside patch send-prep --git linux v6.12..topic --prefix 'PATCH net-next' -d outgoing
  ringside patch send-prep patches/ --tree linux --previous outgoing-v1/ --sender 'A B <a@b.example>' -d outgoing-v2`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			stack, err := in.read(c.Context(), s, args[0])
			if err != nil {
				return err
			}
			o, err := f.options(c.Context(), s, &in, stack, args[0])
			if err != nil {
				return err
			}
			series, err := send.Prepare(stack, o)
			if err != nil {
				return usage(err)
			}
			if err := writeMails(f.dir, series); err != nil {
				return err
			}
			doc := render.SendPrepOf(f.dir, series)
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.SendPrep(w, doc, st) })
		},
	}
	out.flags(c, false)
	in.flags(c)
	c.Flags().StringVarP(&f.dir, "output-dir", "d", "", "new or empty `DIR` for the mails")
	c.Flags().StringVar(&f.prefix, "prefix", "PATCH", "what stands in the brackets: 'PATCH net-next', 'RFC PATCH'")
	c.Flags().IntVarP(&f.version, "reroll-count", "v", 0, "version `N` (default: 1, or one more than that of --previous)")
	c.Flags().StringVar(&f.previous, "previous", "", "the version before: `FILE` or folder")
	c.Flags().StringVar(&f.base, "base", "", "`COMMIT` that the series applies to (default: the beginning of the range)")
	c.Flags().StringSliceVar(&f.prerequisites, "prerequisite", nil, "`FILE` or folder of patches that come before")
	c.Flags().StringVar(&f.sender, "sender", "", "`WHO` sends: \"Name <address>\" (default: git's user)")
	c.Flags().StringVar(&f.tree, "tree", "", "source `TREE` whose MAINTAINERS to ask")
	c.Flags().StringVar(&f.history, "history", "", "git repository `DIR` to look up the authors of what is fixed")
	c.Flags().StringVar(&f.cover, "cover", "", "`FILE` with the subject and the text of the cover letter")
	c.Flags().StringVar(&f.id, "change-id", "", "`ID` of the series over all its versions")
	c.Flags().StringVar(&f.date, "date", "", "`DAY` of the mails, as 2026-12-01 (default: now)")
	if err := c.MarkFlagRequired("output-dir"); err != nil {
		panic(err) // the flag is there
	}
	return c
}

func (f *sendFlags) options(ctx context.Context, s Streams, in *stackFlags, stack *patch.Stack, arg string) (send.Options, error) {
	o := send.Options{Prefix: f.prefix, Version: f.version, Base: f.base, ChangeID: f.id, Date: time.Now(), Sender: person(f.sender)}
	if f.date != "" {
		t, err := time.Parse(time.DateOnly, f.date)
		if err != nil {
			return o, usagef("--date: %w", err)
		}
		o.Date = t
	}
	repo := in.git
	if o.Sender.Email == "" {
		o.Sender = gitUser(ctx, repo)
	}
	if o.Base == "" {
		o.Base = stack.Base
	}
	if from, _, ok := strings.Cut(arg, ".."); o.Base == "" && repo != "" && ok && from != "" {
		if text, err := git(ctx, repo, nil, "rev-parse", "--verify", "--end-of-options", from+"^{commit}"); err == nil {
			o.Base = strings.TrimSpace(string(text))
		}
	}
	plain := *in
	plain.git = ""
	if f.previous != "" {
		prior, err := plain.read(ctx, s, f.previous)
		if err != nil {
			return o, err
		}
		o.Prior = prior
	}
	for _, name := range f.prerequisites {
		before, err := plain.read(ctx, s, name)
		if err != nil {
			return o, err
		}
		o.Prerequisites = append(o.Prerequisites, before.Patches...)
	}
	if f.cover != "" {
		text, err := os.ReadFile(f.cover)
		if err != nil {
			return o, usage(err)
		}
		o.Subject, o.Blurb, _ = strings.Cut(strings.TrimSpace(string(text)), "\n")
	}
	base, err := owner.Default()
	if err != nil {
		return o, &exitError{exitInternal, err}
	}
	o.Owners = base
	if f.tree != "" {
		if o.Owners, err = owner.ParseTree(f.tree, os.DirFS(f.tree), base); err != nil {
			return o, usagef("--tree %s: %w", f.tree, err)
		}
	}
	if f.history == "" {
		f.history = repo
	}
	if f.history != "" {
		o.Author = author(ctx, f.history)
	}
	return o, nil
}

// gitUser is who git says commits are from; empty if it does not know.
func gitUser(ctx context.Context, dir string) patch.Person {
	if dir == "" {
		dir = "."
	}
	name, err := git(ctx, dir, nil, "config", "user.name")
	if err != nil {
		return patch.Person{}
	}
	address, err := git(ctx, dir, nil, "config", "user.email")
	if err != nil {
		return patch.Person{}
	}
	return patch.Person{Name: strings.TrimSpace(string(name)), Email: strings.TrimSpace(string(address))}
}

// author looks up who wrote a commit.
func author(ctx context.Context, dir string) func(string) (patch.Person, bool) {
	return func(id string) (patch.Person, bool) {
		if id == "" || strings.Trim(id, "0123456789abcdef") != "" {
			return patch.Person{}, false
		}
		text, err := git(ctx, dir, nil, "log", "-1", "--format=%an <%ae>", id, "--")
		p := person(strings.TrimSpace(string(text)))
		return p, err == nil && p.Email != ""
	}
}

// writeMails writes the mails into a folder, each as a file, and all as a mailbox.
func writeMails(dir string, series *send.Series) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usage(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return usage(err)
	}
	if len(entries) > 0 {
		return usagef("%s is not empty: mails of another version would be sent, too", dir)
	}
	var box bytes.Buffer
	var errs []error
	for i := range series.Mails {
		text := series.Mails[i].Bytes()
		box.Write(text)
		errs = append(errs, os.WriteFile(filepath.Join(dir, series.Mails[i].Name), text, 0o600))
	}
	errs = append(errs, os.WriteFile(filepath.Join(dir, "series.mbox"), box.Bytes(), 0o600))
	if err := errors.Join(errs...); err != nil {
		return usage(err)
	}
	return nil
}
