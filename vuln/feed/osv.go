package feed

import (
	"slices"
	"strings"

	"ringside/vuln/impact"
	"ringside/vuln/ranges"
)

// An osvEvent is one event of a range of an OSV record.
type osvEvent struct{ introduced, fixed, last string }

// parseOSV reads a record in the format of OSV. Of its ranges those of the ecosystem
// Linux count; ranges of commits need a repository to be understood.
func parseOSV(s *scanner) (rec Record, kernel bool, err error) {
	var aliases []string
	var pairs []ranges.Pair
	id := ""
	err = s.object(func(key string) (err error) {
		switch key {
		case "id":
			id, err = s.textOf()
		case "aliases", "upstream":
			err = s.array(func() error {
				a, err := s.textOf()
				if err == nil {
					err = s.item()
				}
				aliases = append(aliases, a)
				return err
			})
		case "summary":
			rec.Title, err = s.textOf()
		case "details":
			if s.peek() != '"' {
				return s.skip()
			}
			var text []byte
			text, err = s.raw()
			rec.Impact = impact.Of(text)
		case "withdrawn":
			var at string
			at, err = s.textOf()
			rec.Rejected = at != ""
		case "severity":
			err = s.array(func() error {
				var kind, vector string
				err := s.object(func(key string) (err error) {
					switch key {
					case "type":
						kind, err = s.textOf()
					case "score":
						vector, err = s.textOf()
					default:
						err = s.skip()
					}
					return err
				})
				if err == nil {
					err = s.item()
				}
				if version, ok := strings.CutPrefix(kind, "CVSS_V"); ok && vector != "" {
					rec.Metrics = append(rec.Metrics, Metric{Version: version, Vector: vector, Source: "OSV"})
				}
				return err
			})
		case "affected":
			err = s.array(func() error {
				found, p, commits, err := parseOSVPackage(s)
				if found {
					kernel = true
					pairs = append(pairs, p...)
				}
				rec.Commits = union(rec.Commits, commits)
				return err
			})
		default:
			err = s.skip()
		}
		return err
	})
	rec.ID = id
	if !strings.HasPrefix(id, "CVE-") {
		if i := slices.IndexFunc(aliases, func(a string) bool { return strings.HasPrefix(a, "CVE-") }); i >= 0 {
			rec.ID = aliases[i]
		}
	}
	if !rec.Rejected {
		rec.add(Source{Kind: OSV, Pairs: pairs})
	}
	return rec, kernel || rec.Rejected, err
}

func parseOSVPackage(s *scanner) (linux bool, pairs []ranges.Pair, commits []string, err error) {
	ecosystem, name, repo := "", "", ""
	err = s.object(func(key string) error {
		switch key {
		case "package":
			return s.object(func(key string) (err error) {
				switch key {
				case "ecosystem":
					ecosystem, err = s.textOf()
				case "name":
					name, err = s.textOf()
				default:
					err = s.skip()
				}
				return err
			})
		case "ranges":
			return s.array(func() error {
				kind := ""
				var events []osvEvent
				err := s.object(func(key string) (err error) {
					switch key {
					case "type":
						kind, err = s.textOf()
					case "repo":
						repo, err = s.textOf()
					case "events":
						err = s.array(func() error {
							e, err := parseOSVEvent(s)
							if err == nil {
								err = s.item()
							}
							events = append(events, e)
							return err
						})
					default:
						err = s.skip()
					}
					return err
				})
				if kind == "GIT" {
					for _, e := range events {
						if isCommit(e.fixed) {
							commits = append(commits, e.fixed)
						}
					}
				} else {
					pairs = append(pairs, osvPairs(events)...)
				}
				return err
			})
		default:
			return s.skip()
		}
	})
	linux = (ecosystem == "Linux" && strings.EqualFold(name, "kernel")) || (strings.Contains(repo, "kernel/git/") && strings.Contains(repo, "linux"))
	return linux, pairs, commits, err
}

func parseOSVEvent(s *scanner) (e osvEvent, err error) {
	err = s.object(func(key string) (err error) {
		switch key {
		case "introduced":
			e.introduced, err = s.textOf()
		case "fixed":
			e.fixed, err = s.textOf()
		case "last_affected":
			e.last, err = s.textOf()
		default:
			err = s.skip()
		}
		return err
	})
	return e, err
}

// osvPairs turns events into pairs: a fix ends the introduction that comes before it.
func osvPairs(events []osvEvent) (pairs []ranges.Pair) {
	open := false
	for _, e := range events {
		switch {
		case e.introduced != "":
			v, err := ranges.ParseVersion(e.introduced)
			if err != nil && e.introduced != "0" {
				continue
			}
			pairs = append(pairs, ranges.Pair{Intro: v})
			open = true
		case open && e.fixed != "":
			if v, err := ranges.ParseVersion(e.fixed); err == nil {
				pairs[len(pairs)-1].Fix = v
				open = false
			}
		case open && e.last != "":
			if v, err := ranges.ParseVersion(e.last); err == nil {
				pairs[len(pairs)-1].Fix = v + 1
				open = false
			}
		}
	}
	return pairs
}
