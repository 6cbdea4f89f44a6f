package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/record"
	"ringside/internal/render"
)

// pairVerb is what the verbs about pairs of signatures have in common: where the
// record is, how to answer, and who decides.
type pairVerb struct {
	out        output
	at         recordAt
	by, reason string
	limit      int
}

// run asks the record and writes the answer. remote is the request to a server,
// local the same to a folder's record.
func (v *pairVerb) run(c *cobra.Command, s Streams, method, path string, body any, local func(*record.Service) (any, error), fill func(*render.Pairs, json.RawMessage)) (err error) {
	var answer json.RawMessage
	if v.at.data != "" {
		n, err := v.at.node(c.Context())
		if err != nil {
			return err
		}
		defer closing(&err, n.close)
		a, err := local(n.record)
		if err == nil && method != http.MethodGet {
			err = n.record.Drain(c.Context()) // no server does what follows from it
		}
		if err != nil {
			return usage(err)
		}
		if answer, err = json.Marshal(a); err != nil {
			return &exitError{exitInternal, err}
		}
	} else {
		var (
			r    io.Reader
			kind string
		)
		if body != nil {
			text, err := json.Marshal(body)
			if err != nil {
				return &exitError{exitInternal, err}
			}
			r, kind = strings.NewReader(string(text)), "application/json"
		}
		if answer, err = v.at.call(c.Context(), method, path, kind, r); err != nil {
			if _, ok := errors.AsType[*exitError](err); ok {
				return err
			}
			return usage(err)
		}
	}
	p := render.Pairs{Schema: render.PairsSchemaID}
	fill(&p, answer)
	if err := v.out.write(s, func(w io.Writer, st render.Style) error {
		if v.out.json {
			return render.JSON(w, p)
		}
		return render.SignaturePairs(w, p, st)
	}); err != nil {
		return &exitError{exitInternal, err}
	}
	return nil
}

func (v *pairVerb) flags(c *cobra.Command) {
	v.out.flags(c, false)
	v.at.flags(c)
}

func (v *pairVerb) signed(c *cobra.Command) {
	v.flags(c)
	c.Flags().StringVar(&v.by, "by", login(), "`NAME` of who decides")
}

func (v *pairVerb) query(extra url.Values) string {
	extra.Set("limit", strconv.Itoa(v.limit))
	return "?" + extra.Encode()
}

func newSignatureMerge(s Streams) *cobra.Command {
	return newDecision(s, record.LinkMust, &cobra.Command{
		Use:   "merge A B",
		Short: "Make one group of two signatures",
		Long: `Merge decides that two signatures, named by their IDs, are one defect. The oldest
of the group stands for all: counts, states and trends are theirs together. It can
be undone.`,
	})
}

func newSignatureKeepApart(s Streams) *cobra.Command {
	return newDecision(s, record.LinkCannot, &cobra.Command{
		Use:     "keep-apart A B",
		Aliases: []string{"split"},
		Short:   "Decide that two signatures are different defects",
		Long: `Keep-apart decides that two signatures, named by their IDs, are different: they are
not suggested again, and newer rules that would join them say so. Two that were
merged are split by "signature undo" of that merge.`,
	})
}

func newDecision(s Streams, kind record.LinkKind, c *cobra.Command) *cobra.Command {
	var v pairVerb
	c.Args = cobra.ExactArgs(2)
	c.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]string{"a": args[0], "b": args[1], "kind": string(kind), "reason": v.reason, "by": v.by}
		return v.run(c, s, http.MethodPost, "api/v1/signature-links", body, func(r *record.Service) (any, error) {
			return r.Link(c.Context(), record.LinkChange{A: args[0], B: args[1], Kind: kind, By: v.by, Reason: v.reason})
		}, oneLink)
	}
	v.signed(c)
	c.Flags().StringVar(&v.reason, "reason", "", "`TEXT` that says why, for whoever asks later")
	return c
}

// oneLink answers with a list of the one link that a verb was about.
func oneLink(p *render.Pairs, answer json.RawMessage) {
	p.Links = json.RawMessage(fmt.Sprintf(`{"items":[%s]}`, answer))
}

func newSignatureUndo(s Streams) *cobra.Command {
	var v pairVerb
	c := &cobra.Command{
		Use:   "undo ID",
		Short: "Take a decision about two signatures back",
		Long: `Undo takes a merge or a keep-apart back; "signature links" names their IDs. The
members of a group that falls apart have the counts and states again that they had.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return v.run(c, s, http.MethodPost, "api/v1/signature-links/"+url.PathEscape(args[0])+"/undo", map[string]string{"by": v.by},
				func(r *record.Service) (any, error) { return r.UndoLink(c.Context(), args[0], v.by) }, oneLink)
		},
	}
	v.signed(c)
	return c
}

func newSignatureLinks(s Streams) *cobra.Command {
	var (
		v         pairVerb
		signature string
		undone    bool
	)
	c := &cobra.Command{
		Use:   "links",
		Short: "List what people decided about pairs of signatures",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q := url.Values{}
			if signature != "" {
				q.Set("signature", signature)
			}
			if undone {
				q.Set("undone", "true")
			}
			return v.run(c, s, http.MethodGet, "api/v1/signature-links"+v.query(q), nil, func(r *record.Service) (any, error) {
				return r.Links(c.Context(), record.LinkFilter{Signature: signature, Undone: undone, Limit: v.limit})
			}, func(p *render.Pairs, a json.RawMessage) { p.Links = a })
		},
	}
	v.flags(c)
	c.Flags().StringVar(&signature, "signature", "", "only those about the signature with this `ID`")
	c.Flags().BoolVar(&undone, "undone", false, "also those that were taken back")
	c.Flags().IntVar(&v.limit, "limit", 50, "at most `N`, the newest")
	return c
}

func newSignatureSuggestions(s Streams) *cobra.Command {
	var (
		v         pairVerb
		signature string
	)
	c := &cobra.Command{
		Use:   "suggestions",
		Short: "List pairs of signatures that may be one defect",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q := url.Values{}
			if signature != "" {
				q.Set("signature", signature)
			}
			return v.run(c, s, http.MethodGet, "api/v1/merge-suggestions"+v.query(q), nil, func(r *record.Service) (any, error) {
				return r.Suggestions(c.Context(), record.SuggestionFilter{Signature: signature, Limit: v.limit})
			}, func(p *render.Pairs, a json.RawMessage) { p.Suggestions = a })
		},
	}
	v.flags(c)
	c.Flags().StringVar(&signature, "signature", "", "only those about the signature with this `ID`")
	c.Flags().IntVar(&v.limit, "limit", 50, "at most `N`, the most alike")
	return c
}
