package bundle

import (
	"path"
	"strings"
)

// Kind is whose layout a bundle has.
type Kind string

// The kinds.
const (
	Files         Kind = "files" // no layout that is known
	Sosreport     Kind = "sosreport"
	Supportconfig Kind = "supportconfig"
	Bugreport     Kind = "bugreport" // Android's
	Syzkaller     Kind = "syzkaller" // a work directory
)

// marks are the files that give a layout away, by the ends of their paths.
var marks = []struct {
	kind   Kind
	suffix string
}{
	{Sosreport, "/sos_reports/manifest.json"},
	{Sosreport, "/sos_reports/sos.txt"},
	{Sosreport, "/sos_logs/sos.log"},
	{Supportconfig, "/supportconfig.txt"},
	{Supportconfig, "/basic-environment.txt"},
	{Bugreport, "/dumpstate_log.txt"},
	{Bugreport, "/dumpstate_board.txt"},
	{Syzkaller, "/corpus.db"},
}

// kindOf returns the kind that a path proves, or Files.
func kindOf(name string) Kind {
	p := "/" + name
	switch {
	case strings.Contains(p, "/sos_commands/"), strings.Contains(p, "/sosreport-"):
		return Sosreport
	case strings.HasPrefix(p, "/scc_"), strings.HasPrefix(p, "/nts_"):
		return Supportconfig
	case strings.HasPrefix(path.Base(p), "bugreport-") && strings.HasSuffix(p, ".txt"):
		return Bugreport
	case strings.Contains(p, "/crashes/") && path.Base(p) == "description":
		return Syzkaller
	}
	for _, m := range marks {
		if strings.HasSuffix(p, m.suffix) {
			return m.kind
		}
	}
	return Files
}
