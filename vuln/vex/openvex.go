package vex

import (
	"fmt"
	"io"

	"github.com/openvex/go-vex/pkg/vex"

	"ringside/vuln"
)

func openVEX(w io.Writer, r *vuln.Report, o Options) error {
	doc := vex.New()
	at := o.Time
	doc.Author, doc.Timestamp, doc.Version, doc.Tooling = o.Author, &at, 1, o.Tool
	product := vex.Product{Component: vex.Component{ID: o.Product}}
	if len(o.Product) > 4 && o.Product[:4] == "pkg:" {
		product.Identifiers = map[vex.IdentifierType]string{vex.PURL: o.Product}
	}
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		s := vex.Statement{
			Vulnerability: vex.Vulnerability{ID: "https://www.cve.org/CVERecord?id=" + v.CVE, Name: vex.VulnerabilityID(v.CVE), Description: v.Title},
			Products:      []vex.Product{product},
		}
		switch statusOf(v) {
		case affected:
			s.Status = vex.StatusAffected
			s.ActionStatement, _ = action(v, r.Kernel.Base)
			s.StatusNotes = says(v)
		case fixed:
			s.Status = vex.StatusFixed
			s.StatusNotes = says(v)
		case absent:
			s.Status = vex.StatusNotAffected
			s.Justification = vex.VulnerableCodeNotPresent
			s.ImpactStatement = says(v)
		default:
			s.Status = vex.StatusUnderInvestigation
			s.StatusNotes = says(v)
		}
		if err := s.Validate(); err != nil {
			return fmt.Errorf("the statement of %s is not OpenVEX: %w", v.CVE, err)
		}
		doc.Statements = append(doc.Statements, s)
	}
	if _, err := doc.GenerateCanonicalID(); err != nil {
		return fmt.Errorf("identify the document: %w", err)
	}
	return doc.ToJSON(w)
}
