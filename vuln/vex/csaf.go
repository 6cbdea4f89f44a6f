package vex

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/vuln"
)

// The types are those parts of CSAF 2.0's schema that its profile 5, VEX, needs.
type (
	csafDocument struct {
		Document        csafHead   `json:"document"`
		ProductTree     csafTree   `json:"product_tree"`
		Vulnerabilities []csafVuln `json:"vulnerabilities"`
	}
	csafHead struct {
		Category    string        `json:"category"`
		CSAFVersion string        `json:"csaf_version"`
		Title       string        `json:"title"`
		Publisher   csafPublisher `json:"publisher"`
		Tracking    csafTracking  `json:"tracking"`
	}
	csafPublisher struct {
		Category  string `json:"category"`
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	}
	csafTracking struct {
		ID       string         `json:"id"`
		Status   string         `json:"status"`
		Version  string         `json:"version"`
		Initial  string         `json:"initial_release_date"`
		Current  string         `json:"current_release_date"`
		Revision []csafRevision `json:"revision_history"`
		Tool     *csafGenerator `json:"generator,omitempty"`
	}
	csafRevision struct {
		Number  string `json:"number"`
		Date    string `json:"date"`
		Summary string `json:"summary"`
	}
	csafGenerator struct {
		Engine struct {
			Name string `json:"name"`
		} `json:"engine"`
	}
	csafTree struct {
		Names []csafProduct `json:"full_product_names"`
	}
	csafProduct struct {
		ID     string      `json:"product_id"`
		Name   string      `json:"name"`
		Helper *csafHelper `json:"product_identification_helper,omitempty"`
	}
	csafHelper struct {
		PURL string `json:"purl"`
	}
	csafVuln struct {
		CVE          string              `json:"cve"`
		Title        string              `json:"title,omitempty"`
		Notes        []csafNote          `json:"notes"`
		Status       map[string][]string `json:"product_status"`
		Flags        []csafFlag          `json:"flags,omitempty"`
		Threats      []csafThreat        `json:"threats,omitempty"`
		Remediations []csafRemediation   `json:"remediations,omitempty"`
		Scores       []csafScore         `json:"scores,omitempty"`
	}
	csafNote struct {
		Category string `json:"category"`
		Text     string `json:"text"`
	}
	csafFlag struct {
		Label    string   `json:"label"`
		Products []string `json:"product_ids"`
	}
	csafThreat struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	}
	csafRemediation struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	}
	csafScore struct {
		Products []string `json:"products"`
		CVSS3    csafCVSS `json:"cvss_v3"`
	}
	csafCVSS struct {
		Version  string  `json:"version"`
		Vector   string  `json:"vectorString"`
		Score    float64 `json:"baseScore"`
		Severity string  `json:"baseSeverity"`
	}
)

// csafID is the product's in the document.
const csafID = "kernel"

func csaf(w io.Writer, r *vuln.Report, o Options) error {
	at := o.Time.Format(time.RFC3339)
	products := []string{csafID}
	doc := csafDocument{
		Document: csafHead{
			Category: "csaf_vex", CSAFVersion: "2.0", Title: "CVEs of " + o.Name,
			Publisher: csafPublisher{Category: "vendor", Name: o.Author, Namespace: o.Namespace},
			Tracking: csafTracking{Status: "final", Version: "1", Initial: at, Current: at,
				Revision: []csafRevision{{Number: "1", Date: at, Summary: "scanned"}}},
		},
		ProductTree: csafTree{Names: []csafProduct{{ID: csafID, Name: o.Name}}},
	}
	if doc.Document.Publisher.Name == "" {
		doc.Document.Publisher.Name = "unnamed"
	}
	if o.Tool != "" {
		doc.Document.Tracking.Tool = &csafGenerator{}
		doc.Document.Tracking.Tool.Engine.Name = o.Tool
	}
	if strings.HasPrefix(o.Product, "pkg:") {
		doc.ProductTree.Names[0].Helper = &csafHelper{o.Product}
	}
	h := sha256.New()
	fmt.Fprintln(h, o.Product, at, o.Author)
	doc.Vulnerabilities = make([]csafVuln, 0, len(r.Verdicts))
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		fmt.Fprintln(h, v.CVE, v.Verdict, v.Fingerprint)
		text := v.Title
		if text == "" {
			text = v.CVE
		}
		x := csafVuln{CVE: v.CVE, Title: v.Title, Notes: []csafNote{{"description", text}, {"details", says(v)}}}
		switch statusOf(v) {
		case affected:
			x.Status = map[string][]string{"known_affected": products}
			details, update := action(v, r.Kernel.Base)
			category := "none_available"
			if update {
				category = "vendor_fix"
			}
			x.Remediations = []csafRemediation{{category, details, products}}
		case fixed:
			x.Status = map[string][]string{"fixed": products}
		case absent:
			x.Status = map[string][]string{"known_not_affected": products}
			x.Flags = []csafFlag{{"vulnerable_code_not_present", products}}
			x.Threats = []csafThreat{{"impact", says(v), products}}
		default:
			x.Status = map[string][]string{"under_investigation": products}
		}
		if s := v.Severity; s != nil && s.Score > 0 && strings.HasPrefix(s.Vector, "CVSS:3.") && len(s.Vector) > 9 {
			x.Scores = []csafScore{{products, csafCVSS{s.Vector[5:8], s.Vector, s.Score, strings.ToUpper(s.Level.String())}}}
		}
		doc.Vulnerabilities = append(doc.Vulnerabilities, x)
	}
	doc.Document.Tracking.ID = fmt.Sprintf("linux-%s-%x", purl(r.Kernel.Release), h.Sum(nil)[:6])
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
