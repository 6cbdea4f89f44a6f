package record

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"ringside/bisect"
	"ringside/internal/store"
	"ringside/lab"
)

// What the lab shows about a crash is found by the crash's signature.
func TestProof(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		intake(t, s, "REPORT kind=null-ptr-deref fn=foo\n", Meta{Host: "web1"})
		drain(t, s)
		page, err := s.Signatures(t.Context(), SignatureFilter{})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		sig := page.Items[0]
		run := strings.ReplaceAll(labRecord(t, "r1", labRecipe("k"), lab.VerdictCrashed, c.t), "p-foo", sig.Key)
		intake(t, s, run, Meta{})
		b, err := json.Marshal(bisect.Report{Schema: bisect.ReportSchemaID, Verdict: bisect.Found, Culprit: "abc", Signature: sig.Key})
		if err != nil {
			t.Fatal(err)
		}
		intake(t, s, string(b), Meta{})
		recipe, err := json.Marshal(labRecipe("k"))
		if err != nil {
			t.Fatal(err)
		}
		intake(t, s, `{"schema":"`+reproducerSchema+`","reproduced":true,"target":{"title":"it","signature":{"portable":"`+sig.Key+`"}},"recipe":`+string(recipe)+
			`,"parts_after":2,"rate":{"hits":6,"runs":20,"low":0.12,"high":0.54}}`, Meta{})
		bad := intake(t, s, `{"schema":"`+reproducerSchema+`","reproduced":false,"target":null}`, Meta{})
		drain(t, s)
		if got, err := s.Receipt(t.Context(), bad.ID); err != nil || !strings.Contains(got.Error, "for no crash") {
			t.Errorf("%+v, %v", got, err)
		}
		p, err := s.Proof(t.Context(), sig.ID)
		if err != nil || len(p.Runs) != 1 || p.Runs[0].Signature != sig.ID || len(p.Bisections) != 1 || p.Bisections[0].Culprit != "abc" || len(p.Reproducers) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		if r := p.Reproducers[0]; !r.Reproduced || r.Hits != 6 || r.Runs != 20 || r.Release != "6.1.0-1-amd64" || r.Parts != 2 || r.High != 0.54 {
			t.Errorf("%+v", r)
		}
		if _, err := s.Proof(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a signature that is not there: %v", err)
		}
	})
}
