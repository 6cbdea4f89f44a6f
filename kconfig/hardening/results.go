package hardening

import (
	"fmt"
	"strings"

	"ringside/kconfig/export"
)

// Results gives the findings as exports have them. file is the path of the .config.
func (r *Report) Results(file string) []export.Result {
	list := make([]export.Result, 0, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		x := export.Result{
			ID: f.ID, Group: f.Group, Title: f.Want, Reason: f.Reason, Source: f.Source, Severity: string(f.Severity),
			Message: f.Says(), Fix: f.Fix(), Outcome: export.Fail,
		}
		switch f.Verdict {
		case OK:
			x.Outcome = export.Pass
		case NotApplicable:
			x.Outcome = export.NotApplicable
		case Unknown:
			x.Outcome = export.Unknown
		case Impossible:
			if f.Cause == Absent {
				// What this kernel does not have cannot fail in it.
				x.Outcome = export.NotApplicable
			}
		}
		if f.Kind == Kconfig {
			x.File = file
		}
		list = append(list, x)
	}
	return list
}

// Says gives what was found, in words.
func (f *Finding) Says() string {
	subject := f.Name
	if subject == "" {
		subject = f.any[0].names[0]
	}
	got := f.Got
	if got == "" {
		got = "not set"
	}
	switch f.Verdict {
	case NotApplicable:
		return "does not apply here"
	case Unknown:
		return "not given"
	case Impossible:
		switch f.Cause {
		case Absent:
			return "this kernel has no " + strings.Join(f.any[0].names, " or ")
		case Forced:
			return fmt.Sprintf("%s is %s: other symbols select it", subject, got)
		case Toolchain:
			return fmt.Sprintf("%s is %s: the toolchain cannot do it", subject, got)
		case Value:
			return fmt.Sprintf("%s is %s: its range does not allow it", subject, got)
		}
		return fmt.Sprintf("%s is %s: what it depends on cannot be had", subject, got)
	}
	if f.Kind == Cmdline {
		if f.Got == "" {
			return "not on the command line"
		}
		return "the command line has " + f.Got
	}
	return fmt.Sprintf("%s is %s", subject, got)
}

// Fix gives what to do, "" where there is nothing to do.
func (f *Finding) Fix() string {
	switch {
	case f.Verdict == Settable:
		var names []string
		for _, s := range f.Settings {
			names = append(names, "CONFIG_"+s.String())
		}
		fix := "Set " + strings.Join(names, ", ") + "."
		if f.Follow == 1 {
			fix += " 1 other symbol changes with it."
		} else if f.Follow > 1 {
			fix += fmt.Sprintf(" %d other symbols change with it.", f.Follow)
		}
		return fix
	case f.Verdict != Failed:
		return ""
	case f.Kind == Cmdline && f.negated:
		return "Take " + f.any[0].names[0] + f.any[0].op + f.any[0].value + " off the command line."
	case f.Kind == Cmdline:
		return "Boot with " + f.any[0].names[0] + f.any[0].op + f.any[0].value + "."
	case f.Kind == Sysctl:
		return "sysctl -w " + f.any[0].names[0] + "=" + f.any[0].value
	}
	return ""
}
