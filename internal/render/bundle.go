package render

import (
	"fmt"
	"strings"

	"ringside/bundle"
	"ringside/internal/triage"
)

// bundleName is how people call a kind of bundle.
func bundleName(k bundle.Kind) string {
	switch k {
	case bundle.Bugreport:
		return "Android bugreport"
	case bundle.Syzkaller:
		return "syzkaller work directory"
	case bundle.Files:
		return "files"
	}
	return string(k)
}

// bundleFacts are what a bundle says of its machine.
func bundleFacts(b *triage.Bundle) [][2]string {
	f := &b.Facts
	var facts [][2]string
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, [2]string{name, value})
		}
	}
	add("Machine", strings.Join(nonEmpty(f.Host, f.Hardware), " · "))
	add("System", strings.Join(nonEmpty(f.OS, f.Release, f.Version, f.Arch), " · "))
	add("Command line", f.Cmdline)
	if f.Modules > 0 {
		text := plural(f.Modules, "module") + " loaded"
		if len(f.OutOfTree) > 0 {
			text += ", from outside the kernel tree: " + strings.Join(f.OutOfTree, ", ")
		}
		add("Modules", text)
	}
	if f.Tainted != nil && *f.Tainted != 0 {
		add("Tainted", fmt.Sprint(*f.Tainted))
	}
	if f.Config != "" {
		add("Configuration", fmt.Sprintf("%s, %s set", f.Config, plural(f.Options, "option")))
	}
	add("Fuzzer's title", f.Title)
	add("Logs", bundleLogs(b))
	return facts
}

// maxLogs is how many logs of a bundle are named.
const maxLogs = 6

// bundleLogs names the logs, those with reports first.
func bundleLogs(b *triage.Bundle) string {
	var with, without []string
	for _, m := range b.Members {
		switch {
		case m.Role != bundle.RoleLog && m.Role != bundle.RoleLastLog:
		case m.Reports > 0:
			with = append(with, fmt.Sprintf("%s (%s)", m.Name, plural(m.Reports, "report")))
		default:
			without = append(without, m.Name)
		}
	}
	if len(with) == 0 {
		return plural(len(without), "log") + ", without reports"
	}
	shown := with[:min(len(with), maxLogs)]
	text := strings.Join(shown, ", ")
	if n := len(with) - len(shown); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if n := len(without); n > 0 {
		text += fmt.Sprintf("; %d without reports", n)
	}
	return text
}

func nonEmpty(list ...string) []string {
	var kept []string
	for _, s := range list {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// bundle writes what a bundle is and says of its machine.
func (p *printer) bundle(b *triage.Bundle) {
	if b == nil {
		return
	}
	for _, f := range bundleFacts(b) {
		p.wrapped(p.s.paint(faint, fmt.Sprintf("  %-14s", f[0])), f[1], plain)
	}
}

// seen says in which members of a bundle a finding was seen.
func seen(b *triage.Bundle, f *triage.Finding) string {
	if b == nil || f.Source == "" {
		return ""
	}
	var same []string
	again := 0
	for _, a := range f.Also {
		if name := b.Members[a.Member].Name; a.SameEvent && len(same) < maxLogs {
			same = append(same, name)
		} else if !a.SameEvent {
			again++
		}
	}
	text := "in " + f.Source
	if len(same) > 0 {
		text += "; the same event in " + strings.Join(same, ", ")
	}
	if again > 0 {
		text += fmt.Sprintf("; seen %d more times", again)
		if again == 1 {
			text = strings.TrimSuffix(text, "1 more times") + "once more"
		}
	}
	return text
}
