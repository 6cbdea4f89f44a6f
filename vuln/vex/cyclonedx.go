package vex

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"

	"ringside/vuln"
)

func cycloneDX(w io.Writer, r *vuln.Report, o Options) error {
	bom := cyclonedx.NewBOM()
	const ref = "kernel"
	component := cyclonedx.Component{BOMRef: ref, Type: cyclonedx.ComponentTypeOS, Name: "linux", Version: r.Kernel.Release, Description: o.Name}
	if strings.HasPrefix(o.Product, "pkg:") {
		component.PackageURL = o.Product
	}
	bom.Metadata = &cyclonedx.Metadata{Timestamp: o.Time.Format(time.RFC3339), Component: &component}
	if o.Author != "" {
		bom.Metadata.Authors = &[]cyclonedx.OrganizationalContact{{Name: o.Author}}
	}
	if o.Tool != "" {
		bom.Metadata.Tools = &cyclonedx.ToolsChoice{Components: &[]cyclonedx.Component{{Type: cyclonedx.ComponentTypeApplication, Name: o.Tool}}}
	}
	list := make([]cyclonedx.Vulnerability, 0, len(r.Verdicts))
	h := sha256.New()
	fmt.Fprintln(h, o.Product, o.Time, o.Author)
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		fmt.Fprintln(h, v.CVE, v.Verdict, v.Fingerprint)
		x := cyclonedx.Vulnerability{
			BOMRef: v.CVE, ID: v.CVE, Description: v.Title,
			Source:   &cyclonedx.Source{Name: "kernel.org CNA", URL: "https://www.cve.org/CVERecord?id=" + v.CVE},
			Analysis: &cyclonedx.VulnerabilityAnalysis{Detail: says(v)},
			Affects:  &[]cyclonedx.Affects{{Ref: ref}},
		}
		switch statusOf(v) {
		case affected:
			x.Analysis.State = cyclonedx.IASExploitable
			text, update := action(v, r.Kernel.Base)
			x.Recommendation = text
			if update {
				x.Analysis.Response = &[]cyclonedx.ImpactAnalysisResponse{cyclonedx.IARUpdate}
			}
		case fixed:
			x.Analysis.State = cyclonedx.IASResolved
		case absent:
			x.Analysis.State = cyclonedx.IASNotAffected
			x.Analysis.Justification = cyclonedx.IAJCodeNotPresent
		default:
			x.Analysis.State = cyclonedx.IASInTriage
		}
		if s := v.Severity; s != nil {
			rating := cyclonedx.VulnerabilityRating{Severity: cyclonedx.Severity(s.Level.String()), Source: &cyclonedx.Source{Name: s.Source}}
			if s.Score > 0 {
				score := s.Score
				rating.Score, rating.Vector = &score, s.Vector
				rating.Method = cyclonedx.ScoringMethodOther
				if strings.HasPrefix(s.Vector, "CVSS:3.1/") {
					rating.Method = cyclonedx.ScoringMethodCVSSv31
				}
			} else {
				rating.Justification = strings.Join(s.Reasons, "; ")
			}
			x.Ratings = &[]cyclonedx.VulnerabilityRating{rating}
		}
		list = append(list, x)
	}
	bom.Vulnerabilities = &list
	// A serial number out of the content instead of chance: the same document twice is
	// the same document.
	s := h.Sum(nil)
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	bom.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
	return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}
