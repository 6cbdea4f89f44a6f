package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/vuln/feed"
)

// A Finding is what a scanner said of one CVE.
type Finding struct {
	CVE     string `json:"cve"`
	Package string `json:"package"`
	Version string `json:"version,omitempty"`
	// How is how the scanner came to it, in its own words: cpe-match, a namespace.
	How string `json:"how,omitempty"`
	// Range is the range of versions that it compared with, where it tells.
	Range    string `json:"range,omitempty"`
	Severity string `json:"severity,omitempty"`
	// FixedIn is what it proposes to update to.
	FixedIn string `json:"fixed_in,omitempty"`
}

// Findings are a scanner's.
type Findings struct {
	Scanner  string    `json:"scanner"`
	Findings []Finding `json:"findings"`
	// Others is how many findings were about other packages than the kernel's.
	Others int `json:"others"`
	seen   map[Finding]bool
}

// ErrForeign says that a file is of no scanner that is known.
var ErrForeign = errors.New("no findings of grype, trivy or OSV-Scanner: give what they print as JSON")

// maxFindings is how large a scanner's file may be.
const maxFindings = 512 << 20

// Parse reads a scanner's JSON, whichever it is.
func Parse(r io.Reader) (*Findings, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFindings+1))
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	if len(b) > maxFindings {
		return nil, fmt.Errorf("the findings are larger than %d MiB", maxFindings>>20)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("at byte %d: %w", syntax.Offset, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	f := &Findings{Findings: []Finding{}}
	switch {
	case keys["matches"] != nil:
		f.Scanner, err = "grype", f.grype(b)
	case keys["Results"] != nil || keys["ArtifactName"] != nil:
		f.Scanner, err = "trivy", f.trivy(b)
	case keys["results"] != nil:
		f.Scanner, err = "osv-scanner", f.osv(b)
	default:
		return nil, ErrForeign
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Scanner, err)
	}
	return f, nil
}

func (f *Findings) add(x Finding, ids ...string) {
	for _, id := range ids {
		if feed.IsID(id) {
			x.CVE = id
			break
		}
	}
	if x.CVE == "" || !kernelPackage(x.Package) {
		f.Others++
		return
	}
	if f.seen[x] {
		return // the same of another place in the image
	}
	if f.seen == nil {
		f.seen = map[Finding]bool{}
	}
	f.seen[x] = true
	f.Findings = append(f.Findings, x)
}

// kernelPackage says whether a package is the kernel or is named like it.
func kernelPackage(name string) bool {
	n := strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	switch n {
	case "linux", "kernel", "linux_kernel", "linux-kernel", "vmlinuz", "bzimage", "linux.git", "stable":
		return true
	}
	for _, p := range []string{"linux-image", "linux-headers", "linux-kbuild", "linux-libc-dev", "linux-modules", "linux-source", "linux-config", "linux-tools", "kernel-", "linux-lts", "linux-virt", "linux-signed"} {
		if strings.HasPrefix(n, p) {
			return true
		}
	}
	return false
}

func (f *Findings) grype(b []byte) error {
	var doc struct {
		Matches []struct {
			Vulnerability struct {
				ID        string `json:"id"`
				Severity  string `json:"severity"`
				Namespace string `json:"namespace"`
				Fix       struct {
					Versions []string `json:"versions"`
				} `json:"fix"`
			} `json:"vulnerability"`
			Related []struct {
				ID string `json:"id"`
			} `json:"relatedVulnerabilities"`
			Details []struct {
				Type  string `json:"type"`
				Found struct {
					Constraint string `json:"versionConstraint"`
				} `json:"found"`
			} `json:"matchDetails"`
			Artifact struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"artifact"`
		} `json:"matches"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	for _, m := range doc.Matches {
		x := Finding{Package: m.Artifact.Name, Version: m.Artifact.Version, How: m.Vulnerability.Namespace, Severity: strings.ToLower(m.Vulnerability.Severity), FixedIn: strings.Join(m.Vulnerability.Fix.Versions, ", ")}
		if len(m.Details) > 0 {
			x.How = strings.TrimSpace(m.Details[0].Type + " " + x.How)
			x.Range = m.Details[0].Found.Constraint
		}
		ids := []string{m.Vulnerability.ID}
		for _, r := range m.Related {
			ids = append(ids, r.ID)
		}
		f.add(x, ids...)
	}
	return nil
}

func (f *Findings) trivy(b []byte) error {
	var doc struct {
		Results []struct {
			Vulnerabilities []struct {
				ID               string `json:"VulnerabilityID"`
				VendorIDs        []string
				PkgName          string
				InstalledVersion string
				FixedVersion     string
				Severity         string
				DataSource       struct{ Name string }
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	for _, r := range doc.Results {
		for _, v := range r.Vulnerabilities {
			x := Finding{Package: v.PkgName, Version: v.InstalledVersion, How: v.DataSource.Name, Severity: strings.ToLower(v.Severity), FixedIn: v.FixedVersion}
			if v.FixedVersion != "" {
				x.Range = "< " + v.FixedVersion
			}
			f.add(x, append([]string{v.ID}, v.VendorIDs...)...)
		}
	}
	return nil
}

func (f *Findings) osv(b []byte) error {
	var doc struct {
		Results []struct {
			Packages []struct {
				Package struct {
					Name      string `json:"name"`
					Version   string `json:"version"`
					Ecosystem string `json:"ecosystem"`
					Commit    string `json:"commit"`
				} `json:"package"`
				Vulnerabilities []struct {
					ID       string   `json:"id"`
					Aliases  []string `json:"aliases"`
					Upstream []string `json:"upstream"`
				} `json:"vulnerabilities"`
			} `json:"packages"`
			Source struct {
				Path string `json:"path"`
			} `json:"source"`
		} `json:"results"`
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&doc); err != nil {
		return err
	}
	for _, r := range doc.Results {
		for _, p := range r.Packages {
			x := Finding{Package: p.Package.Name, Version: p.Package.Version, How: p.Package.Ecosystem}
			if x.Version == "" && p.Package.Commit != "" {
				x.Version, x.How = p.Package.Commit, "commit"
			}
			if x.Package == "" && p.Package.Commit != "" {
				x.Package = r.Source.Path
			}
			for _, v := range p.Vulnerabilities {
				f.add(x, append(append([]string{v.ID}, v.Aliases...), v.Upstream...)...)
			}
		}
	}
	return nil
}
