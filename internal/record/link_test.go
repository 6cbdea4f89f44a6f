package record

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
	"ringside/similar"
)

// Two signatures of one defect, as they come when a compiler inlined the guilty
// function, and others that only share entry code.
const (
	inlinedA = "REPORT kind=null-ptr-deref fn=wren_open stack=wren_open,wren_fill,wren_tree,wren_mount,ksys_mount\n"
	inlinedB = "REPORT kind=null-ptr-deref fn=wren_fill stack=wren_fill,wren_tree,wren_mount,ksys_mount kernel=6.12.0-1-amd64\n"
	unlike   = "REPORT kind=null-ptr-deref fn=lark_send stack=lark_send,lark_ioctl,ksys_ioctl\n"
)

// seedPair takes the two in, on two hosts, and returns their IDs.
func seedPair(t *testing.T, s *Service) (a, b string) {
	t.Helper()
	for i, x := range []struct{ host, log string }{{"web1", inlinedA}, {"web2", inlinedA}, {"web2", inlinedB}, {"web3", unlike}} {
		take(t, s, x.host, x.log, collected(testStart.Add(time.Duration(i-4)*time.Hour)))
	}
	return p0(t, s, "wren_open").ID, idOf(t, s, "null-ptr-deref in wren_fill")
}

func idOf(t *testing.T, s *Service, title string) (id string) {
	t.Helper()
	if err := s.db.View(t.Context(), func(q store.Querier) error {
		return q.QueryRowContext(t.Context(), `select id from signatures where title = $1`, title).Scan(&id)
	}); err != nil {
		t.Fatalf("signature %q: %v", title, err)
	}
	return id
}

func suggestions(t *testing.T, s *Service) []Suggestion {
	t.Helper()
	p, err := s.Suggestions(t.Context(), SuggestionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Items
}

func TestMergeAndUndo(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		a, b := seedPair(t, s)
		got := suggestions(t, s)
		if len(got) != 1 || got[0].A.ID != min(a, b) || got[0].B.ID != max(a, b) || got[0].Zone != similar.Suggest {
			t.Fatalf("suggestions %+v: want the two wrens", got)
		}
		if why := strings.Join(got[0].Reasons, "; "); !strings.Contains(why, "wren_tree") || !strings.Contains(why, "one blames") {
			t.Errorf("the reasons are %q", why)
		}

		before := dump(t, s)
		l, err := s.Link(t.Context(), LinkChange{A: b, B: a, Kind: LinkMust, By: "kim", Reason: "inlined by gcc 14"})
		if err != nil {
			t.Fatal(err)
		}
		if l.By != "kim" || l.Reason != "inlined by gcc 14" || !l.At.Equal(testStart) {
			t.Errorf("link %+v", l)
		}
		if again, err := s.Link(t.Context(), LinkChange{A: a, B: b, Kind: LinkMust}); err != nil || again.ID != l.ID {
			t.Errorf("said twice: %+v, %v", again, err)
		}
		if got := suggestions(t, s); len(got) != 0 {
			t.Errorf("still suggested: %+v", got)
		}
		p, err := s.Signatures(t.Context(), SignatureFilter{Sort: SignaturesByCrashes})
		if err != nil || p.Total != 2 || len(p.Items) != 2 {
			t.Fatalf("list %+v, %v: want the group and the lark", p, err)
		}
		g := p.Items[0]
		if g.ID != a || g.Crashes != 3 || g.Hosts != 2 || g.Kernels != 2 || g.Merged != 2 || g.Trend.Total() != 3 || g.Recent != 3 {
			t.Errorf("group %+v: want 3 crashes on 2 hosts and 2 kernels", g)
		}
		for _, f := range []SignatureFilter{{Kernel: "6.12.0-1-amd64"}, {Text: "wren_fill"}, {Host: "web2"}} {
			if p, err := s.Signatures(t.Context(), f); err != nil || len(p.Items) != 1 || p.Items[0].ID != a {
				t.Errorf("filter %+v finds %+v, %v: want the group", f, p.Items, err)
			}
		}
		d, err := s.Signature(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Members) != 2 || !d.Members[0].Leader || len(d.HostList) != 2 || d.HostList[0].Crashes+d.HostList[1].Crashes != 3 ||
			len(d.ByKernel) != 2 || len(d.Links) != 1 || d.Activity[0].What != "merge" || len(d.Exemplars) < 2 {
			t.Errorf("detail: members %+v, hosts %+v, kernels %d, links %+v, activity %+v", d.Members, d.HostList, len(d.ByKernel), d.Links, d.Activity)
		}
		if m, err := s.Signature(t.Context(), b); err != nil || m.Group != a || m.Crashes != 1 {
			t.Errorf("member %+v, %v: want its own count and whose it is", m, err)
		}
		if c, err := s.Crashes(t.Context(), CrashFilter{Signature: a}); err != nil || len(c.Items) != 3 {
			t.Errorf("crashes of the group: %+v, %v", c, err)
		}
		if o, err := s.Overview(t.Context(), OverviewQuery{}); err != nil || o.Totals.Signatures != 2 || o.Top[0].ID != a || o.Top[0].Crashes != 3 {
			t.Errorf("overview %+v, %v", o, err)
		}

		if _, err := s.UndoLink(t.Context(), l.ID, "kim"); err != nil {
			t.Fatal(err)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := dump(t, s); after != before {
			t.Errorf("merging and undoing changed the counts\n%s\nnow\n%s", before, after)
		}
		if p, err := s.Signatures(t.Context(), SignatureFilter{}); err != nil || p.Total != 3 {
			t.Errorf("after undoing: %d signatures, %v", p.Total, err)
		}
		if got := suggestions(t, s); len(got) != 1 {
			t.Errorf("after undoing: %+v", got)
		}
	})
}

func TestRefusal(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		a, b := seedPair(t, s)
		no, err := s.Link(t.Context(), LinkChange{A: a, B: b, Kind: LinkCannot, By: "lee", Reason: "two bugs"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Link(t.Context(), LinkChange{A: a, B: b, Kind: LinkMust}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "lee said that they are different") {
			t.Errorf("merging what was refused: %v", err)
		}
		// It stays refused, whoever asks again.
		if err := s.suggest(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if got := suggestions(t, s); len(got) != 0 {
			t.Errorf("suggested after the refusal: %+v", got)
		}
		if p, err := s.Links(t.Context(), LinkFilter{Signature: b}); err != nil || len(p.Items) != 1 || p.Items[0].ID != no.ID {
			t.Errorf("links %+v, %v", p, err)
		}
		if _, err := s.UndoLink(t.Context(), no.ID, "lee"); err != nil {
			t.Fatal(err)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := suggestions(t, s); len(got) != 1 {
			t.Errorf("after undoing the refusal: %+v", got)
		}
		for _, c := range []struct {
			change LinkChange
			want   error
		}{
			{LinkChange{A: a, B: a, Kind: LinkMust}, ErrInvalid},
			{LinkChange{A: a, B: "01NONE", Kind: LinkMust}, ErrNotFound},
			{LinkChange{A: a, B: b, Kind: "perhaps"}, ErrInvalid},
			{LinkChange{A: a, Kind: LinkMust}, ErrInvalid},
		} {
			if _, err := s.Link(t.Context(), c.change); !errors.Is(err, c.want) {
				t.Errorf("%+v: %v, want %v", c.change, err, c.want)
			}
		}
		if _, err := s.UndoLink(t.Context(), "01NONE", ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("undoing nothing: %v", err)
		}
	})
}

// A chain of three is one group, which falls apart where it is cut; a crash of a
// member speaks for the group.
func TestGroupsChainAndRegress(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		a, b := seedPair(t, s)
		x := idOf(t, s, "null-ptr-deref in lark_send")
		var links []*Link
		for _, p := range [][2]string{{a, b}, {b, x}} {
			l, err := s.Link(t.Context(), LinkChange{A: p[0], B: p[1], Kind: LinkMust})
			if err != nil {
				t.Fatal(err)
			}
			links = append(links, l)
		}
		if _, err := s.Link(t.Context(), LinkChange{A: a, B: x, Kind: LinkCannot}); !errors.Is(err, ErrInvalid) {
			t.Errorf("refusing what is merged: %v", err)
		}
		// Deciding about a member is deciding about the group.
		if _, err := s.ChangeSignature(t.Context(), x, SignatureChange{State: new(StateResolved)}); err != nil {
			t.Fatal(err)
		}
		if d, err := s.Signature(t.Context(), a); err != nil || d.State != StateResolved || d.Crashes != 4 {
			t.Fatalf("group %+v, %v", d.Signature, err)
		}
		c.t = c.t.Add(1e9)
		take(t, s, "web9", unlike+"again\n")
		if d, err := s.Signature(t.Context(), a); err != nil || d.State != StateRegressed {
			t.Errorf("a member came back and the group is %s, %v", d.State, err)
		}
		if _, err := s.UndoLink(t.Context(), links[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		d, err := s.Signature(t.Context(), b)
		if err != nil || d.Merged != 2 || !slices.ContainsFunc(d.Members, func(m Member) bool { return m.Signature.ID == x }) {
			t.Errorf("the rest of the chain: %+v, %v", d.Signature, err)
		}
		checkRollups(t, s)
	})
}

func TestSimilarToALog(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		a, b := seedPair(t, s)
		known, err := s.SimilarTo(t.Context(), strings.NewReader(inlinedA))
		if err != nil || known.Known == nil || known.Known.ID != a || len(known.Similar) == 0 || known.Similar[0].Signature.ID != b {
			t.Errorf("a known log: %+v, %v", known, err)
		}
		fresh, err := s.SimilarTo(t.Context(), strings.NewReader("REPORT kind=null-ptr-deref fn=wren_new stack=wren_new,wren_fill,wren_tree,wren_mount\n"))
		if err != nil || fresh.Known != nil || len(fresh.Similar) < 2 {
			t.Fatalf("a new log: %+v, %v", fresh, err)
		}
		if _, err := s.SimilarTo(t.Context(), strings.NewReader("nothing here\n")); !errors.Is(err, ErrInvalid) {
			t.Errorf("a log without a report: %v", err)
		}
		if got := dumpCounts(t, s); strings.Contains(got, "wren_new") {
			t.Error("asking has left something in the record")
		}
	})
}

// What is counted of functions is what is there, whatever came and went.
func TestFrameCounts(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		rules := "test-1"
		s, _ := newService(t, db)
		seedPair(t, s)
		checkFrameCounts(t, s)
		// Another analyzer finds nothing any more: its signatures are forgotten.
		s.rules = rules + "x"
		s.analyzer = AnalyzerFunc(analyzeNothing)
		if err := s.db.View(t.Context(), func(q store.Querier) error {
			shas, err := store.Collect(t.Context(), q, `select sha256 from artefacts`, nil, scanText)
			if err != nil {
				return err
			}
			for _, sha := range shas[1:] {
				if err := s.Reanalyse(t.Context(), sha); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkFrameCounts(t, s)
	})
}

func checkFrameCounts(t *testing.T, s *Service) {
	t.Helper()
	var wrong, signatures, counted int
	if err := s.db.View(t.Context(), func(q store.Querier) error {
		if err := q.QueryRowContext(t.Context(), `select count(*) from (select function, count(*) as n from signature_frames group by function) f
			join frame_counts c on c.function = f.function where c.signatures <> f.n`).Scan(&wrong); err != nil {
			return err
		}
		return q.QueryRowContext(t.Context(), `select (select count(*) from signatures where replaced_by = ''), signatures from frame_counts where function = ''`).
			Scan(&signatures, &counted)
	}); err != nil {
		t.Fatal(err)
	}
	if wrong != 0 || signatures != counted || signatures == 0 {
		t.Errorf("%d functions are counted wrongly; %d signatures counted, %d there", wrong, counted, signatures)
	}
}

// What the record has learned is what two reports are compared by.
func TestFunctionCounts(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	seedPair(t, s)
	c, err := s.FunctionCounts(t.Context(), []string{"wren_tree", "lark_send", "never_seen"})
	if err != nil || c.Signatures != 3 || len(c.Functions) != 2 || c.Functions[1] != (Facet{"wren_tree", 2}) {
		t.Fatalf("counts %+v, %v", c, err)
	}
	if m := c.Model(); m.Weight("wren_tree") >= m.Weight("lark_send") || m.Weight("lark_send") >= m.Weight("never_seen") {
		t.Errorf("weights %v, %v, %v: rare functions should say more", m.Weight("wren_tree"), m.Weight("lark_send"), m.Weight("never_seen"))
	}
	if _, err := s.FunctionCounts(t.Context(), make([]string, maxCounted+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many functions: %v", err)
	}
}

// A group is counted where only a member crashed, and whoever stands for it was
// only ever a consequence.
func TestOverviewCountsGroups(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		take(t, s, "web1", "REPORT kind=warning fn=first\nREPORT kind=bug fn=beside stack=beside,x by=0\n", collected(testStart.AddDate(0, 0, -60)))
		take(t, s, "web2", "REPORT kind=bug fn=member stack=member,x\n", collected(testStart.Add(-time.Hour)))
		leader, member := idOf(t, s, "bug in beside"), idOf(t, s, "bug in member")
		if _, err := s.Link(t.Context(), LinkChange{A: leader, B: member, Kind: LinkMust}); err != nil {
			t.Fatal(err)
		}
		o, err := s.Overview(t.Context(), OverviewQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if o.Totals.Signatures != 1 {
			t.Errorf("%d signatures crashed lately, want the group", o.Totals.Signatures)
		}
		at := slices.IndexFunc(o.New, func(v Signature) bool { return v.ID == leader })
		if len(o.New) != 2 || at < 0 || o.New[at].Crashes != 1 || o.New[at].Merged != 2 {
			t.Errorf("new %+v: want the group with its member's crash", o.New)
		}
		p, err := s.Signatures(t.Context(), SignatureFilter{})
		if err != nil || !slices.Contains(p.Facets.Kinds, Facet{"bug", 1}) {
			t.Errorf("kinds %+v, %v: want the group once", p.Facets.Kinds, err)
		}
		if _, err := s.ChangeSignature(t.Context(), member, SignatureChange{State: new(StateResolved)}); err != nil {
			t.Fatal(err)
		}
		if o, err = s.Overview(t.Context(), OverviewQuery{}); err != nil || !slices.Contains(o.States, Facet{"resolved", 1}) {
			t.Errorf("states %+v, %v", o.States, err)
		}
	})
}
