package feed

import (
	"strings"

	"ringside/vuln/impact"
	"ringside/vuln/ranges"
)

// A version is one entry of a CVE record's "versions".
type version struct{ version, lessThan, lessThanOrEqual, status, kind string }

// A product is one entry of a CVE record's "affected".
type product struct {
	vendor, name, repo, status string
	files                      []string
	versions                   []version
}

// linux says whether the product is the kernel. Records of other CNAs that have the
// kernel among others write its name and vendor in either case.
func (p *product) linux() bool {
	if strings.Contains(p.repo, "kernel/git/") && strings.Contains(p.repo, "linux") {
		return true
	}
	name := strings.ToLower(p.name)
	return strings.EqualFold(p.vendor, "linux") && (name == "linux" || name == "linux kernel" || name == "linux_kernel" || name == "kernel")
}

// parseCVE reads a record in the CVE program's JSON, version 5. It returns false where
// the record is not about the kernel.
func parseCVE(s *scanner) (rec Record, kernel bool, err error) {
	var products []product
	err = s.object(func(key string) error {
		switch key {
		case "cveMetadata":
			return s.object(func(key string) (err error) {
				switch key {
				case "cveId", "cveID":
					rec.ID, err = s.textOf()
				case "state":
					var state string
					state, err = s.textOf()
					rec.Rejected = state == "REJECTED"
				default:
					err = s.skip()
				}
				return err
			})
		case "containers":
			return s.object(func(key string) error {
				switch key {
				case "cna":
					return parseContainer(s, &rec, &products, "CNA")
				case "adp":
					return s.array(func() error { return parseContainer(s, &rec, nil, "ADP") })
				default:
					return s.skip()
				}
			})
		default:
			return s.skip()
		}
	})
	if err != nil {
		return rec, true, err
	}
	for _, p := range products {
		if p.linux() {
			kernel = true
			rec.Files = union(rec.Files, p.files)
		}
	}
	if rec.Rejected {
		return rec, true, nil
	}
	rec.add(Source{Kind: Affected, Pairs: pairsOf(products)})
	return rec, kernel, nil
}

// parseContainer reads what one organisation says. Only the CNA's products are taken:
// an ADP's ranges are copies or CPE matches.
func parseContainer(s *scanner, rec *Record, products *[]product, by string) error {
	title := ""
	err := s.object(func(key string) (err error) {
		switch key {
		case "title":
			title, err = s.textOf()
			return err
		case "providerMetadata":
			return s.object(func(key string) error {
				if key != "shortName" {
					return s.skip()
				}
				name, err := s.textOf()
				if name != "" {
					by += " " + name
				}
				return err
			})
		case "descriptions":
			return s.array(func() error {
				return s.object(func(key string) error {
					if key != "value" || s.peek() != '"' || products == nil {
						return s.skip()
					}
					text, err := s.raw()
					if rec.Impact.Class == impact.Unknown {
						rec.Impact = impact.Of(text)
					}
					return err
				})
			})
		case "affected":
			if products == nil {
				return s.skip()
			}
			return s.array(func() error {
				p, err := parseProduct(s)
				if err == nil {
					err = s.item()
				}
				*products = append(*products, p)
				return err
			})
		case "references":
			return s.array(func() error {
				return s.object(func(key string) error {
					if key != "url" {
						return s.skip()
					}
					url, err := s.textOf()
					if err == nil {
						err = s.item()
					}
					if c := url[strings.LastIndexAny(url, "/=")+1:]; products != nil && len(c) == 40 && isCommit(c) {
						rec.Commits = append(rec.Commits, c)
					}
					return err
				})
			})
		case "metrics":
			return s.array(func() error {
				return s.object(func(key string) error {
					version, ok := strings.CutPrefix(key, "cvssV")
					if !ok {
						return s.skip()
					}
					m, err := parseMetric(s)
					if err == nil {
						err = s.item()
					}
					m.Version = strings.ReplaceAll(version, "_", ".")
					m.Source = by
					if err == nil && m.Vector != "" {
						rec.Metrics = append(rec.Metrics, m)
					}
					return err
				})
			})
		default:
			return s.skip()
		}
	})
	if rec.Title == "" {
		rec.Title = title
	}
	return err
}

func parseMetric(s *scanner) (m Metric, err error) {
	err = s.object(func(key string) (err error) {
		switch key {
		case "vectorString":
			m.Vector, err = s.textOf()
		case "baseScore":
			m.Score, err = s.number()
		case "baseSeverity":
			m.Severity, err = s.textOf()
			m.Severity = strings.ToLower(m.Severity)
		default:
			err = s.skip()
		}
		return err
	})
	return m, err
}

func parseProduct(s *scanner) (p product, err error) {
	err = s.object(func(key string) (err error) {
		switch key {
		case "vendor":
			p.vendor, err = s.textOf()
		case "product":
			p.name, err = s.textOf()
		case "repo":
			p.repo, err = s.textOf()
		case "defaultStatus":
			p.status, err = s.textOf()
		case "programFiles":
			err = s.array(func() error {
				f, err := s.textOf()
				if err == nil {
					err = s.item()
				}
				if f != "" {
					p.files = append(p.files, f)
				}
				return err
			})
		case "versions":
			err = s.array(func() error {
				v, err := parseVersion(s)
				if err == nil {
					err = s.item()
				}
				p.versions = append(p.versions, v)
				return err
			})
		default:
			err = s.skip()
		}
		return err
	})
	return p, err
}

func parseVersion(s *scanner) (v version, err error) {
	err = s.object(func(key string) (err error) {
		switch key {
		case "version":
			v.version, err = s.textOf()
		case "lessThan":
			v.lessThan, err = s.textOf()
		case "lessThanOrEqual":
			v.lessThanOrEqual, err = s.textOf()
		case "status":
			v.status, err = s.textOf()
		case "versionType":
			v.kind, err = s.textOf()
		default:
			err = s.skip()
		}
		return err
	})
	return v, err
}

// pairsOf turns a record's statements of versions into the pairs that they were made
// from. The CNA spreads them over two products: one lists ranges that are affected, by
// commit and, where a flaw came to stable branches with a backport, by version; the other
// says from which version of each branch on a kernel is not affected. A reader who stops
// at the first range that fits loses the backports.
func pairsOf(products []product) []ranges.Pair {
	var pairs []ranges.Pair
	for i := range products {
		p := &products[i]
		if !p.linux() {
			continue
		}
		var intros, fixes []ranges.Version
		open := p.status == "affected" // affected from the beginning on
		for _, v := range p.versions {
			if v.kind == "git" {
				continue
			}
			from, err := ranges.ParseVersion(v.version)
			if err != nil && v.version != "0" {
				continue
			}
			switch {
			case v.status == "affected" && v.lessThan == "" && v.lessThanOrEqual == "":
				intros = append(intros, from)
				open = false
			case v.status == "affected":
				pairs = append(pairs, ranges.Pair{Intro: from, Fix: endOf(from, v)})
			case v.status == "unaffected" && from != 0:
				fixes = append(fixes, from)
			case v.status == "unaffected":
				// What is before the introduction, which is named on its own.
				if to, err := ranges.ParseVersion(v.lessThan); err == nil && len(intros) == 0 {
					intros = append(intros, to)
				}
				open = false
			}
		}
		if open {
			intros = append(intros, 0)
		}
		pairs = append(pairs, cross(intros, fixes)...)
	}
	return pairs
}

// endOf returns the version that ends an affected range. A range of a stable branch that
// goes to the mainline release after it says that the branch was never fixed.
func endOf(from ranges.Version, v version) ranges.Version {
	to, err := ranges.ParseVersion(v.lessThan)
	if err != nil || (to.Stable() == 0 && from.Stable() != 0) {
		return 0
	}
	return to
}

// cross pairs each fix with the latest introduction before it. An introduction that no
// fix follows gets a pair of its own.
func cross(intros, fixes []ranges.Version) (pairs []ranges.Pair) {
	used := make([]bool, len(intros))
	for _, f := range fixes {
		best := -1
		for i, v := range intros {
			if (v == 0 || v.In(f)) && (best < 0 || v > intros[best]) {
				best = i
			}
		}
		if best < 0 {
			pairs = append(pairs, ranges.Pair{Fix: f})
			if len(intros) > 0 {
				pairs[len(pairs)-1].Intro = intros[0]
				used[0] = true
			}
			continue
		}
		used[best] = true
		pairs = append(pairs, ranges.Pair{Intro: intros[best], Fix: f})
	}
	for i, v := range intros {
		if !used[i] {
			pairs = append(pairs, ranges.Pair{Intro: v})
		}
	}
	return pairs
}
