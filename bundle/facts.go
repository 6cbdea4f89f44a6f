package bundle

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Facts are what a bundle says of its machine.
type Facts struct {
	Host      string   `json:"host,omitempty"`
	OS        string   `json:"os,omitempty"`
	Release   string   `json:"kernel,omitempty"` // that ran when the bundle was made
	Version   string   `json:"kernel_version,omitempty"`
	Arch      string   `json:"arch,omitempty"`
	Cmdline   string   `json:"cmdline,omitempty"`
	Hardware  string   `json:"hardware,omitempty"`
	Tainted   *uint64  `json:"tainted,omitempty"` // /proc/sys/kernel/tainted
	Modules   int      `json:"modules,omitempty"` // loaded
	OutOfTree []string `json:"out_of_tree,omitempty"`
	Config    string   `json:"config,omitempty"` // the member that holds it
	Options   int      `json:"config_options,omitempty"`
	Title     string   `json:"description,omitempty"` // a fuzzer's name for the crash
}

// maxFact bounds what is read of a member for its facts.
const maxFact = 4 << 20

// Take reads what a member says. The first member that says something wins.
func (f *Facts) Take(m *Member, r io.Reader) error {
	lines := bufio.NewScanner(io.LimitReader(r, maxFact))
	lines.Buffer(nil, maxFact)
	switch m.Role {
	case RoleCmdline:
		first(&f.Cmdline, line(lines))
	case RoleHost:
		first(&f.Host, line(lines))
	case RoleTitle:
		first(&f.Title, line(lines))
	case RoleVersion:
		f.version(line(lines))
	case RoleOS:
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
				first(&f.OS, strings.Trim(v, `"'`))
			}
		}
	case RoleTaint:
		if n, err := strconv.ParseUint(line(lines), 10, 64); err == nil && f.Tainted == nil {
			f.Tainted = &n
		}
	case RoleModules:
		f.modules(lines)
	case RoleHardware:
		f.hardware(m, lines)
	case RoleConfig:
		if f.Config != "" {
			return nil
		}
		f.Config = m.Path
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "CONFIG_") {
				f.Options++
			}
		}
	}
	return lines.Err()
}

// first sets a field that is not set yet.
func first(field *string, v string) {
	if *field == "" {
		*field = v
	}
}

// line returns the first line that is not empty.
func line(s *bufio.Scanner) string {
	for s.Scan() {
		if t := strings.TrimSpace(s.Text()); t != "" {
			return t[:min(len(t), 4096)]
		}
	}
	return ""
}

// version reads uname -a ("Linux HOST RELEASE VERSION... MACHINE GNU/Linux") or
// /proc/version ("Linux version RELEASE (builder) (compiler) VERSION").
func (f *Facts) version(text string) {
	words := strings.Fields(text)
	if len(words) < 3 || words[0] != "Linux" {
		return
	}
	if words[1] == "version" {
		first(&f.Release, words[2])
		if i := strings.LastIndex(text, " #"); i > 0 {
			first(&f.Version, text[i+1:])
		}
		return
	}
	first(&f.Host, words[1])
	first(&f.Release, words[2])
	rest := words[3:]
	if n := len(rest); n > 0 && strings.HasPrefix(rest[n-1], "GNU/") {
		rest = rest[:n-1]
	}
	// Machine, processor and platform may all be there, and are the same.
	for len(rest) > 1 && slices.Contains(machines, rest[len(rest)-1]) {
		first(&f.Arch, rest[len(rest)-1])
		rest = rest[:len(rest)-1]
	}
	first(&f.Version, strings.Join(rest, " "))
}

// machines are what uname -m prints.
var machines = []string{"x86_64", "i686", "i586", "aarch64", "armv7l", "armv6l", "riscv64", "ppc64le", "ppc64", "s390x", "mips64", "mips", "loongarch64", "unknown"}

// modules reads lsmod or /proc/modules. The latter ends a line with the taint
// that a module brings: "(OE)".
func (f *Facts) modules(s *bufio.Scanner) {
	if f.Modules > 0 {
		return
	}
	for s.Scan() {
		words := strings.Fields(s.Text())
		if len(words) < 3 || words[0] == "Module" {
			continue
		}
		if _, err := strconv.Atoi(words[1]); err != nil {
			continue
		}
		f.Modules++
		if t := words[len(words)-1]; strings.HasPrefix(t, "(") && strings.ContainsAny(t, "OP") && len(f.OutOfTree) < 64 {
			f.OutOfTree = append(f.OutOfTree, words[0])
		}
	}
}

// hardware reads dmidecode's System Information, a DMI file or /proc/cpuinfo.
func (f *Facts) hardware(m *Member, s *bufio.Scanner) {
	if f.Hardware != "" {
		return
	}
	if strings.HasSuffix(m.Path, "/product_name") {
		f.Hardware = line(s)
		return
	}
	var vendor, product string
	system := false
	for s.Scan() {
		t := s.Text()
		if t != "" && t[0] != '\t' && t[0] != ' ' {
			system = strings.HasPrefix(t, "System Information")
		}
		key, v, ok := strings.Cut(strings.TrimSpace(t), ":")
		if !ok {
			continue
		}
		switch v = strings.TrimSpace(v); {
		case system && key == "Manufacturer":
			first(&vendor, v)
		case system && key == "Product Name":
			first(&product, v)
		}
	}
	f.Hardware = strings.TrimSpace(vendor + " " + product)
}
