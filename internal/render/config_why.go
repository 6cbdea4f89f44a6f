package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/kconfig"
)

// The names of the JSON forms of config why, set and check.
const (
	ConfigWhySchemaID   = "https://ringside.dev/schemas/config-why.v1.json"
	ConfigSetSchemaID   = "https://ringside.dev/schemas/config-set.v1.json"
	ConfigCheckSchemaID = "https://ringside.dev/schemas/config-check.v1.json"
)

// ConfigWhy is why a symbol has its value.
type ConfigWhy struct {
	Schema string `json:"schema"`
	*kconfig.Why
}

// ConfigWhyReport prints it.
func ConfigWhyReport(w io.Writer, y ConfigWhy, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s = %s", p.s.paint(strong, y.Symbol), orNothing(y.Value))
	if y.Prompt != "" {
		p.line("  %s", strings.Join(append(append([]string{}, y.Menu...), y.Prompt), " › "))
	}
	for _, d := range y.Definitions {
		p.line("  %s %s", y.Type, p.s.paint(faint, d.String()))
	}
	if !y.Written {
		p.line("  the .config has no line for it")
	}
	p.line("")
	p.line("because")
	reason(p, y.Reason, 1)
	p.line("")
	if len(y.Settable) > 0 {
		p.line("it can be set to %s", strings.Join(y.Settable, ", "))
	} else {
		p.line("it cannot be set")
	}
	for _, l := range y.Limits {
		reason(p, l, 1)
	}
	return p.err
}

func orNothing(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

// reason prints a reason and what it rests on, indented.
func reason(p *printer, r kconfig.Reason, depth int) {
	place := ""
	if r.Place != nil {
		place = "  " + r.Place.String()
	}
	p.line("%s%s%s", strings.Repeat("  ", depth), r.Text, p.s.paint(faint, place))
	for _, b := range r.Because {
		reason(p, b, depth+1)
	}
}

// ConfigSet is how symbols can be given values.
type ConfigSet struct {
	Schema string `json:"schema"`
	*kconfig.Answering
}

// followShown is how many consequences are printed of each solution.
const followShown = 20

// ConfigSetReport prints the solutions, or the obstacles.
func ConfigSetReport(w io.Writer, a ConfigSet, st Style) error {
	p := &printer{w: w, s: st}
	for i, s := range a.Solutions {
		if i > 0 {
			p.line("")
			p.line("or %s:", plural(len(s.Settings), "change"))
		} else {
			p.line("%s:", plural(len(s.Settings), "change"))
		}
		for _, x := range s.Settings {
			p.line("  %s", p.s.paint(strong, x.String()))
		}
		follow := 0
		for _, c := range s.Changes {
			if c.Set {
				continue
			}
			if follow++; follow == 1 {
				p.line("from which follows")
			}
			if follow <= followShown {
				p.line("  %-40s %s → %s", c.Symbol, c.Old, c.New)
			}
		}
		if follow > followShown {
			p.line("  and %d more", follow-followShown)
		}
	}
	if len(a.Solutions) > 0 {
		return p.err
	}
	if a.Impossible {
		p.line("There is no way under this tree. What stands against it:")
	} else {
		p.line("No way was found in %d evaluations. What stood against it:", a.Tried)
	}
	for _, o := range a.Obstacles {
		with := ""
		for _, x := range o.With {
			with += " " + x.String()
		}
		if with != "" {
			with = "  with" + with
		}
		p.line("  %s%s", p.s.paint(strong, o.Setting.String()), p.s.paint(faint, with))
		for _, r := range o.Reasons {
			reason(p, r, 2)
		}
	}
	return p.err
}

// ConfigCheck is which lines of a configuration do not hold.
type ConfigCheck struct {
	Schema string `json:"schema"`
	Config string `json:"config"`
	Title  string `json:"title"` // of the tree
	*kconfig.Report
}

// ConfigCheckReport prints them.
func ConfigCheckReport(w io.Writer, c ConfigCheck, st Style) error {
	p := &printer{w: w, s: st}
	for _, x := range c.Invalid {
		p.line("%s: %s", c.Config, x)
	}
	for _, x := range c.Lost {
		p.line("%s:%d: %s is %s, not %s (%s)", c.Config, x.Line, p.s.paint(strong, x.Symbol), x.Got, x.Asked, string(x.Source))
		for _, r := range x.Why {
			reason(p, r, 2)
		}
	}
	for _, x := range c.Gone {
		p.line("%s:%d: %s=%s: the tree has no such symbol", c.Config, x.Line, p.s.paint(strong, x.Symbol), x.Asked)
	}
	for _, x := range c.Unmet {
		p.line("%s is selected against its dependencies: %s", p.s.paint(strong, x.Symbol), x.DependsOn)
		for _, s := range x.SelectedBy {
			p.line("    by %s=%s  %s", s.Symbol, s.Value, p.s.paint(faint, s.Place.String()))
		}
	}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%s: %d lost, %d gone, %d unmet, %d invalid", c.Title, len(c.Lost), len(c.Gone), len(c.Unmet), len(c.Invalid))))
	return p.err
}
