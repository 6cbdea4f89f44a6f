package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/record"
	"ringside/internal/render"
	"ringside/internal/triage"
)

func newCrashSimilar(s Streams) *cobra.Command {
	var (
		out output
		at  recordAt
	)
	c := &cobra.Command{
		Use:   "similar FILE|DIR|-...",
		Short: "Ask a record whether a crash is known, and what it resembles",
		Long: `Similar asks a server, or the record in a folder, which signature the report that
each log is about belongs to, and which others it resembles: the score, what it
means, and what counted. Nothing of the log is kept.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			ask := func(r io.Reader) (json.RawMessage, error) {
				return at.call(c.Context(), http.MethodPost, "api/v1/similar", "application/octet-stream", r)
			}
			if at.data != "" {
				n, err := at.node(c.Context())
				if err != nil {
					return err
				}
				defer closing(&err, n.close)
				ask = func(r io.Reader) (json.RawMessage, error) {
					a, err := n.record.SimilarTo(c.Context(), r)
					if err != nil {
						return nil, err
					}
					return json.Marshal(a)
				}
			} else if _, err := at.base(); err != nil {
				return err
			}
			ins, cleanup, err := inputs(args, s, stream, walk)
			defer cleanup()
			if err != nil {
				return err
			}
			list := render.Likenesses{Schema: render.SimilarSchemaID, Answers: []render.Likeness{}}
			var bad []error
			for _, in := range ins {
				answer, err := askAbout(in, ask)
				if err != nil {
					bad = append(bad, fmt.Errorf("%s: %w", in.Name, err))
					continue
				}
				list.Answers = append(list.Answers, render.Likeness{File: in.Name, Answer: answer})
			}
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, list)
				}
				return render.Similar(w, list, st)
			})
			return verdict(s, err, bad, false)
		},
	}
	out.flags(c, false)
	at.flags(c)
	return c
}

func askAbout(in triage.Input, ask func(io.Reader) (json.RawMessage, error)) (json.RawMessage, error) {
	f, err := in.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ask(f)
}

func newSignature(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "signature",
		Short: "Manage the signatures of a record",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSignatureBackfill(s), newSignatureSuggestions(s), newSignatureMerge(s), newSignatureKeepApart(s), newSignatureLinks(s), newSignatureUndo(s))
	return c
}

func newSignatureBackfill(s Streams) *cobra.Command {
	var (
		out                                  output
		at                                   recordAt
		status, start, diff, accept, abandon bool
		by                                   string
	)
	c := &cobra.Command{
		Use:   "backfill [--status|--start|--diff|--accept|--abandon]",
		Short: "See what newer signature rules would change, and decide",
		Long: `A record goes on grouping by the rules that it began with. Where the program has
newer ones, the server reads every artefact again in the background and remembers
what the new rules would say, without moving anything.

  --status   which rules group, and how far it is (the default)
  --start    begin; a server does so by itself when it starts with new rules
  --diff     what would be renamed, split and merged, and what is in conflict
  --accept   let the new rules take over: states and links are carried along
  --abandon  forget about them

It exits with 1 while a decision is wanted.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			ask := at.remoteBackfill(c)
			if at.data != "" {
				n, err := at.node(c.Context())
				if err != nil {
					return err
				}
				defer closing(&err, n.close)
				ask = n.localBackfill(c)
			}
			switch {
			case start:
				_, err = ask("start", "")
			case accept:
				_, err = ask("accept", by)
			case abandon:
				_, err = ask("abandon", by)
			}
			b := render.Backfill{Schema: render.BackfillSchemaID}
			if err == nil && diff {
				b.Diff, err = ask("diff", "")
			}
			if err == nil {
				b.Algorithms, err = ask("status", "")
			}
			if err != nil {
				var e *exitError
				if errors.As(err, &e) {
					return err
				}
				return usage(err)
			}
			if err := out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, b)
				}
				return render.BackfillStatus(w, b, st)
			}); err != nil {
				return &exitError{exitInternal, err}
			}
			if strings.Contains(string(b.Algorithms), `"state":"ready"`) {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	at.flags(c)
	f := c.Flags()
	f.BoolVar(&status, "status", false, "say how it stands (the default)")
	f.BoolVar(&start, "start", false, "begin")
	f.BoolVar(&diff, "diff", false, "say what would change")
	f.BoolVar(&accept, "accept", false, "let the new rules take over")
	f.BoolVar(&abandon, "abandon", false, "forget about the new rules")
	f.StringVar(&by, "by", login(), "`NAME` of who decides")
	c.MarkFlagsMutuallyExclusive("status", "start", "diff", "accept", "abandon")
	return c
}

// login is the name that somebody is known by on this machine.
func login() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// remoteBackfill asks a server about its backfill.
func (r *recordAt) remoteBackfill(c *cobra.Command) func(what, by string) (json.RawMessage, error) {
	return func(what, by string) (json.RawMessage, error) {
		switch what {
		case "status":
			return r.call(c.Context(), http.MethodGet, "api/v1/signature-algorithms", "", nil)
		case "diff":
			return r.call(c.Context(), http.MethodGet, "api/v1/backfill/diff", "", nil)
		case "start":
			return r.call(c.Context(), http.MethodPost, "api/v1/backfill", "", nil)
		}
		body, err := json.Marshal(map[string]string{"decision": what, "by": by})
		if err != nil {
			return nil, err
		}
		return r.call(c.Context(), http.MethodPatch, "api/v1/backfill", "application/json", strings.NewReader(string(body)))
	}
}

// localBackfill does the same in a folder, and its work too: no server does it.
func (n *node) localBackfill(c *cobra.Command) func(what, by string) (json.RawMessage, error) {
	ctx := c.Context()
	return func(what, by string) (json.RawMessage, error) {
		var (
			v   any
			err error
		)
		switch what {
		case "status":
			v, err = n.record.Algorithms(ctx)
		case "diff":
			v, err = n.record.BackfillDiff(ctx)
		case "start":
			v, err = n.record.StartBackfill(ctx)
		default:
			var b *record.Backfill
			b, err = n.record.DecideBackfill(ctx, what == "accept", by)
			v = b
		}
		if err == nil && what != "status" && what != "diff" {
			err = n.record.Drain(ctx)
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	}
}
