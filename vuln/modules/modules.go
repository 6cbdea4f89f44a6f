// Package modules says which modules hosts have loaded, what would load the others, and
// what keeps them from being loaded: lsmod or /proc/modules, modprobe.d, modules.alias.
package modules

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"ringside/vuln"
)

// A State is what is known of the modules of one host, or of a fleet.
type State struct {
	loaded  map[string]bool
	rules   map[string]rule
	aliases map[string][]string
	// knows says whether aliases were read: without them nothing is said of what would
	// load a module.
	knows bool
}

// A rule is a line of modprobe.d.
type rule struct {
	blacklist bool
	command   string // of an install line
	source    string
	line      int
}

// name is what a module is called when it is loaded.
func name(file string) string {
	base := path.Base(file)
	if i := strings.Index(base, ".ko"); i >= 0 {
		base = base[:i]
	}
	return strings.ReplaceAll(base, "-", "_")
}

// ReadLoaded adds the modules of a host: the output of lsmod, or its /proc/modules. On a
// fleet a module is loaded if a host has it loaded.
func (s *State) ReadLoaded(file string, r io.Reader) error {
	if s.loaded == nil {
		s.loaded = map[string]bool{}
	}
	return lines(file, r, func(n int, f []string) error {
		if len(f) >= 3 && f[0] == "Module" && f[1] == "Size" { // lsmod's heading
			return nil
		}
		if len(f) > 1 && !number(f[1]) {
			return fmt.Errorf("%s:%d: no line of lsmod or /proc/modules", file, n)
		}
		s.loaded[name(f[0])] = true
		return nil
	})
}

func number(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// ReadModprobe adds a file of modprobe.d.
func (s *State) ReadModprobe(file string, r io.Reader) error {
	if s.rules == nil {
		s.rules = map[string]rule{}
	}
	return lines(file, r, func(n int, f []string) error {
		switch {
		case f[0] == "blacklist" && len(f) > 1:
			m := s.rules[name(f[1])]
			if m.command == "" {
				m.source, m.line = file, n
			}
			m.blacklist = true
			s.rules[name(f[1])] = m
		case f[0] == "install" && len(f) > 2:
			m := s.rules[name(f[1])]
			m.command, m.source, m.line = strings.Join(f[2:], " "), file, n
			s.rules[name(f[1])] = m
		}
		return nil
	})
}

// ReadAliases adds a modules.alias file: what the kernel and udev ask for, and which
// module answers.
func (s *State) ReadAliases(file string, r io.Reader) error {
	if s.aliases == nil {
		s.aliases = map[string][]string{}
	}
	s.knows = true
	return lines(file, r, func(_ int, f []string) error {
		if f[0] == "alias" && len(f) == 3 {
			m := name(f[2])
			if len(s.aliases[m]) < 1024 {
				s.aliases[m] = append(s.aliases[m], f[1])
			}
		}
		return nil
	})
}

func lines(file string, r io.Reader, take func(n int, fields []string) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 4096), 1<<20)
	for n := 1; in.Scan(); n++ {
		line, _, _ := strings.Cut(in.Text(), "#")
		if f := strings.Fields(line); len(f) > 0 {
			if err := take(n, f); err != nil {
				return err
			}
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// Loaded says which of the modules are loaded, and of the others what could load them.
func (s *State) Loaded(files []string) (loaded []string, others []vuln.Evidence) {
	for _, f := range files {
		m := name(f)
		if s.loaded[m] {
			loaded = append(loaded, m)
			continue
		}
		others = append(others, s.of(m))
	}
	return loaded, others
}

func (s *State) of(m string) vuln.Evidence {
	e := vuln.Evidence{Kind: vuln.EvidenceModule}
	r := s.rules[m]
	e.Source, e.Line = r.source, r.line
	switch {
	case r.command == "/bin/false" || r.command == "/bin/true" || r.command == "false" || r.command == "true" || strings.HasSuffix(r.command, "/false") || strings.HasSuffix(r.command, "/true"):
		e.Says = fmt.Sprintf("%s is not loaded, and modprobe never loads it: install runs %s", m, r.command)
		return e
	case r.command != "":
		e.Says = fmt.Sprintf("%s is not loaded; modprobe runs %q for it", m, r.command)
		return e
	case r.blacklist:
		e.Says = fmt.Sprintf("%s is not loaded, and is blacklisted: no device or protocol loads it, naming it does", m)
		return e
	}
	e.Says = m + " is not loaded; naming it loads it"
	if !s.knows {
		return e
	}
	a := slices.Clone(s.aliases[m])
	if len(a) == 0 {
		e.Says += ", and nothing does by itself: it has no alias"
		return e
	}
	// What anybody can ask for comes before what needs a device.
	slices.SortStableFunc(a, func(a, b string) int { return rank(a) - rank(b) })
	e.Says += ", as does " + ways(a[0])
	if len(a) > 1 {
		e.Says += fmt.Sprintf(" or one of its %d other aliases", len(a)-1)
	}
	return e
}

// rank orders aliases by how easily somebody asks for them.
func rank(alias string) int {
	for i, p := range []string{"net-pf-", "fs-", "rtnl-link-", "tcp_", "crypto-", "nft-", "ipt_", "xt_", "char-major-", "devname:"} {
		if strings.HasPrefix(alias, p) {
			return i
		}
	}
	return 100
}

// ways says in words what asks for an alias.
func ways(alias string) string {
	kind, rest, ok := strings.Cut(alias, "-")
	switch {
	case strings.HasPrefix(alias, "net-pf-"):
		return "a socket of its family (" + alias + ")"
	case kind == "fs" && ok:
		return "a mount of " + rest
	case strings.HasPrefix(alias, "rtnl-link-"):
		return "a link of its kind (" + alias + ")"
	case strings.HasPrefix(alias, "crypto-"):
		return "a use of its algorithm (" + alias + ")"
	}
	if bus, _, ok := strings.Cut(alias, ":"); ok {
		return "a device on " + bus + " (" + alias + ")"
	}
	return "the alias " + alias
}
