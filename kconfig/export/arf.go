package export

import (
	"encoding/xml"
	"io"
)

// The namespaces of the Asset Reporting Format.
const (
	arfNS   = "http://scap.nist.gov/schema/asset-reporting-format/1.1"
	coreNS  = "http://scap.nist.gov/schema/reporting-core/1.1"
	assetNS = "http://scap.nist.gov/schema/asset-identification/1.1"
	termsNS = "http://scap.nist.gov/specifications/arf/vocabulary/relationships/1.0#"
)

type collection struct {
	XMLName       xml.Name      `xml:"arf:asset-report-collection"`
	ARF           string        `xml:"xmlns:arf,attr"`
	Core          string        `xml:"xmlns:core,attr"`
	AI            string        `xml:"xmlns:ai,attr"`
	Relationships relationships `xml:"core:relationships"`
	Requests      struct {
		Request arfRequest `xml:"arf:report-request"`
	} `xml:"arf:report-requests"`
	Assets struct {
		Asset arfAsset `xml:"arf:asset"`
	} `xml:"arf:assets"`
	Reports struct {
		Report arfReport `xml:"arf:report"`
	} `xml:"arf:reports"`
}

type relationships struct {
	Terms string         `xml:"xmlns:arfvocab,attr"`
	List  []relationship `xml:"core:relationship"`
}

type relationship struct {
	Type    string `xml:"type,attr"`
	Subject string `xml:"subject,attr"`
	Ref     string `xml:"core:ref"`
}

type arfRequest struct {
	ID      string `xml:"id,attr"`
	Content struct {
		Benchmark *benchmark
	} `xml:"arf:content"`
}

type arfAsset struct {
	ID     string    `xml:"id,attr"`
	Device computing `xml:"ai:computing-device"`
}

type computing struct {
	Hostname string `xml:"ai:hostname"`
}

type arfReport struct {
	ID      string `xml:"id,attr"`
	Content struct {
		Result *testResult
	} `xml:"arf:content"`
}

// ARF writes the audit as an ARF 1.1 collection: the asset, the benchmark that was asked
// for and the report about it.
func (a *Audit) ARF(w io.Writer) error {
	c := &collection{ARF: arfNS, Core: coreNS, AI: assetNS}
	c.Relationships = relationships{termsNS, []relationship{
		{"arfvocab:createdFor", "report-1", "request-1"},
		{"arfvocab:isAbout", "report-1", "asset-1"},
	}}
	c.Requests.Request.ID = "request-1"
	b := a.benchmark()
	b.Results = nil
	c.Requests.Request.Content.Benchmark = b
	c.Assets.Asset = arfAsset{"asset-1", computing{a.Target}}
	c.Reports.Report.ID = "report-1"
	c.Reports.Report.Content.Result = a.testResult(xccdfNS)
	return write(w, c)
}
