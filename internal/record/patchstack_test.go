package record

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

// stackReport is a report of n patches, of which the tree has the first.
func stackReport(name, version string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"schema":"https://ringside.dev/schemas/patch-stack.v1.json","stack":%q,"tree":"linux-6.6","tree_version":%q,"patches":[`, name, version)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		do, state := "send", "not_upstream"
		if i == 0 {
			do, state = "drop", "upstream"
		}
		fmt.Fprintf(&b, `{"file":"%04d-fix.patch","subject":"net: fix %d","upstream":{"state":%q,"release":"v6.5","evidence":["it is there"]},"origin":"unsaid","author":"Ada <ada@example.org>","paths":["net/a.c"],"added":1,"removed":0,"advice":{"do":%q,"why":"because"}}`, i+1, i+1, state, do)
	}
	fmt.Fprintf(&b, `],"problems":[],"totals":{"patches":%d,"size":%d,"upstream":1},"by_advice":{"drop":1,"send":%d}}`, n, n-1, n-1)
	return b.String()
}

func TestPatchStack(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		day := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		for i, n := range []int{5, 4} {
			r := intake(t, s, stackReport("vendor-6.1", fmt.Sprintf("6.6.%d", i), n), Meta{ReceivedAt: day.AddDate(0, 0, i)})
			drain(t, s)
			if got, err := s.Receipt(t.Context(), r.ID); err != nil || got.Progress != "analysed" {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		// One that comes late does not replace a newer one.
		intake(t, s, stackReport("vendor-6.1", "6.5", 9), Meta{ReceivedAt: day.AddDate(0, 0, -7), Class: ClassPatchStack})
		intake(t, s, stackReport("other", "6.6", 2), Meta{ReceivedAt: day})
		drain(t, s)

		list, err := s.PatchStacks(t.Context())
		if err != nil || len(list) != 2 || list[0].Name != "vendor-6.1" || list[0].Size != 3 || list[0].Version != "6.6.1" || list[0].ByAdvice["send"] != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		p, err := s.PatchStack(t.Context(), "vendor-6.1")
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int64
		for _, h := range p.History {
			sizes = append(sizes, h.Size)
		}
		if fmt.Sprint(sizes) != "[8 4 3]" {
			t.Errorf("its history is %v", sizes)
		}
		page, err := s.StackPatches(t.Context(), p.ID, StackPatchFilter{Advice: "send", Text: "FIX 3", Window: Window{Limit: 10}})
		if err != nil || page.Total != 1 || len(page.Items) != 1 || page.Items[0].File != "0003-fix.patch" || page.Advice["drop"] != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		if x := page.Items[0]; !x.FirstAt.Equal(day) || x.Position != 3 || x.Advice.Why != "because" {
			t.Errorf("%+v", x)
		}
		if _, err := s.PatchStack(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a stack that is not there: %v", err)
		}
		if _, err := s.Intake(t.Context(), strings.NewReader("a log"), Meta{Class: ClassPatchStack}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a log was taken for a stack: %v", err)
		}
		bad := intake(t, s, `{"schema":"https://ringside.dev/schemas/patch-stack.v1.json","stack":`, Meta{})
		drain(t, s)
		if got, err := s.Receipt(t.Context(), bad.ID); err != nil || !strings.Contains(got.Error, "cannot be read") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
