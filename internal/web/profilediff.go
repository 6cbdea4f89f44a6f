package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"

	"ringside/internal/record"
	"ringside/internal/recording"
	"ringside/profile"
	"ringside/profile/compare"
	"ringside/profile/convert"
	"ringside/profile/flame"
)

// profileDiffView is two profiles, often of two kernels, and what has changed.
type profileDiffView struct {
	All     []record.Recording
	A, B    *record.Recording
	Swap    string
	Picture string
	Result  *compare.Result
	Why     []string
	Rows    []compare.Function // that changed, and the largest of the rest
	More    int
}

// maxDiffRows bounds the table of a comparison.
const maxDiffRows = 40

// Verdict is how the first row's class is called in the style sheet.
func (v *profileDiffView) Verdict() string { return string(v.Result.Outcome) }

func (s *site) compareProfiles(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "a", "b")
	if err != nil {
		return err
	}
	v := &profileDiffView{}
	p, err := s.svc.Recordings(r.Context(), record.RecordingFilter{Kind: record.KindProfile, State: record.DumpAnalysed, Window: record.Window{Limit: 100}})
	if err != nil {
		return err
	}
	v.All = p.Items
	a, b := q.get("a"), q.get("b")
	if a != "" && b != "" {
		d, err := s.profileDiff(r.Context(), a, b)
		if err != nil {
			return err
		}
		v.A, v.B, v.Result, v.Why = d.a, d.b, d.result, d.result.Findings(8)
		v.Swap = "/profiles/compare?a=" + b + "&b=" + a
		v.Picture = "/profiles/compare/page?a=" + a + "&b=" + b
		v.Rows = d.result.Functions[:min(len(d.result.Functions), maxDiffRows)]
		v.More = len(d.result.Functions) - len(v.Rows)
	}
	return s.show(w, r, "profilediff", layout{Title: "Compare two profiles", Section: "profiles", View: v})
}

// compareProfilesPicture serves both in one flame graph.
func (s *site) compareProfilesPicture(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "a", "b")
	if err != nil {
		return err
	}
	d, err := s.profileDiff(r.Context(), q.get("a"), q.get("b"))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", picturePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache")
	writeMaybeGzip(w, r, http.StatusOK, d.page)
	return nil
}

// profileDiff is a comparison that was made.
type profileDiff struct {
	key    string
	a, b   *record.Recording
	result *compare.Result
	page   []byte
}

// maxDiffs is how many comparisons are kept: making one takes a second.
const maxDiffs = 8

// profileDiffs are the latest comparisons. One is made at a time: each holds two
// profiles.
type profileDiffs struct {
	mu   sync.Mutex
	list []*profileDiff
}

// profileDiff compares two profiles, or finds that it has.
func (s *site) profileDiff(ctx context.Context, a, b string) (*profileDiff, error) {
	d := &profileDiff{}
	for _, side := range []struct {
		id string
		to **record.Recording
	}{{a, &d.a}, {b, &d.b}} {
		x, err := s.svc.Recording(ctx, side.id)
		if err != nil {
			return nil, err
		}
		if x.Summary == nil || x.Summary.Kind != record.KindProfile || x.AnalysedAt == nil {
			return nil, fmt.Errorf("recording %s: %w: %w, once they are analysed", side.id, record.ErrInvalid, errNoProfile)
		}
		*side.to = x
	}
	d.key = fmt.Sprintf("%s %d %s %d", d.a.SHA256, d.a.AnalysedAt.UnixMicro(), d.b.SHA256, d.b.AnalysedAt.UnixMicro())
	s.diffs.mu.Lock()
	defer s.diffs.mu.Unlock()
	for _, have := range s.diffs.list {
		if have.key == d.key {
			// The records may have changed, the comparison has not.
			d.result, d.page = have.result, have.page
			return d, nil
		}
	}
	if err := s.makeDiff(ctx, d); err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", a, b, err)
	}
	s.diffs.list = append(s.diffs.list, d)
	if len(s.diffs.list) > maxDiffs {
		s.diffs.list = s.diffs.list[1:]
	}
	return d, nil
}

func (s *site) makeDiff(ctx context.Context, d *profileDiff) error {
	pa, err := s.profileOf(ctx, d.a.ID)
	if err != nil {
		return err
	}
	pb, err := s.profileOf(ctx, d.b.ID)
	if err != nil {
		return err
	}
	o := compare.Options{EventA: recording.MainEvent(pa)}
	o.EventB = recording.MainEvent(pb)
	for i := range pb.Events {
		if o.EventA >= 0 && pb.Events[i].Name == pa.Events[o.EventA].Name {
			o.EventB = i
		}
	}
	if o.EventA < 0 || o.EventB < 0 {
		return fmt.Errorf("%w: one of them has no samples", record.ErrInvalid)
	}
	as, bs := []*profile.Profile{pa}, []*profile.Profile{pb}
	if d.result, err = compare.Compare(as, bs, o); err != nil {
		return fmt.Errorf("%w: %w", record.ErrInvalid, err)
	}
	var page bytes.Buffer
	err = flame.WriteDiff(&page, as, bs, d.result, flame.DiffOptions{Title: "A: " + sideName(d.a) + " → B: " + sideName(d.b),
		NameA: sideName(d.a), NameB: sideName(d.b), EventA: o.EventA, EventB: o.EventB})
	d.page = page.Bytes()
	return err
}

// sideName tells one side from the other: by its kernel and its host.
func sideName(d *record.Recording) string {
	name := d.Release
	if d.Host != nil {
		name += " on " + d.Host.Name
	}
	if name == "" {
		return recordingName(d)
	}
	return name
}

// profileOf reads a profile that was analysed.
func (s *site) profileOf(ctx context.Context, id string) (*profile.Profile, error) {
	r, _, err := s.svc.OpenRecording(ctx, id, record.RecordingProfile)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return convert.ReadRingside(r)
}
