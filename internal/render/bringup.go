package render

import (
	"fmt"
	"io"
	"slices"

	"ringside/bringup"
)

func millis(m bringup.MicroSecond) string {
	if m < 0 {
		return "never"
	}
	return fmt.Sprintf("%.1f ms", float64(m)/1000)
}

// shownCalls is how many calls of a boot a report names.
const shownCalls = 10

// BootReport writes what a boot's log says.
func BootReport(w io.Writer, r *bringup.Report, all bool, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s  %s", st.paint(strong, r.Kernel), st.paint(faint, r.Machine))
	for _, m := range r.Marks {
		p.line("  %-18s %10s", m.What, millis(m.At))
	}
	for _, x := range []struct {
		what  string
		calls []bringup.Call
	}{{"initcalls", r.Calls}, {"probes", r.Probes}} {
		if len(x.calls) == 0 {
			continue
		}
		var sum bringup.MicroSecond
		failed := 0
		for _, c := range x.calls {
			sum += c.Took
			if c.Result < 0 && c.Result != -19 {
				failed++
			}
		}
		p.section(fmt.Sprintf("%d %s, %s", len(x.calls), x.what, millis(sum)))
		longest := slices.Clone(x.calls)
		slices.SortStableFunc(longest, func(a, b bringup.Call) int { return int(b.Took - a.Took) })
		for i, c := range longest {
			if i == shownCalls && !all {
				break
			}
			p.line("  %10s  %s%s", millis(c.Took), c.Name, result(c.Result))
		}
		if failed > 0 {
			p.line("  %s", st.paint(danger, fmt.Sprintf("%d returned an error", failed)))
		}
	}
	if len(r.Deferred) > 0 {
		p.section("Put off, and never came")
		for _, d := range r.Deferred {
			p.line("  %s", d)
		}
	}
	if len(r.Troubles) > 0 {
		p.section(plural(len(r.Troubles), "trouble"))
		bootTroubles(p, r.Troubles, all)
	}
	for _, n := range r.Notes {
		p.line("%s", st.paint(caution, n))
	}
	return p.err
}

func result(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("  returned %d", n)
}

func bootTroubles(p *printer, list []bringup.Trouble, all bool) {
	for i, t := range list {
		if i == 40 && !all {
			p.line("  and %d more; --all names them", len(list)-i)
			return
		}
		p.line("  %s %s  %s", p.s.paint(caution, fmt.Sprintf("%-16s", t.Kind)), cut(t.Text, max(40, p.s.width()-34)), p.s.paint(faint, fmt.Sprintf("line %d", t.Line)))
	}
}

// BootComparison writes what differs between boots.
func BootComparison(w io.Writer, c *bringup.Comparison, all bool, st Style) error {
	p := &printer{w: w, s: st}
	p.line("until init  %s → %s  %s", millis(c.BaseInit), millis(c.NewInit), st.paint(faint, fmt.Sprintf("medians of %d and %s", c.Base, plural(c.New, "boot"))))
	for _, d := range c.Parts {
		p.line("  %s  until %-18s %s", fmt.Sprintf("%+9.1f ms", float64(d.Is-d.Was)/1000), d.Name, st.paint(faint, fmt.Sprintf("%s → %s, ± %s", millis(d.Was), millis(d.Is), millis(d.Noise))))
	}
	for _, x := range []struct {
		what string
		role role
		list []bringup.Delta
	}{{"slower", danger, c.Slower}, {"faster", good, c.Faster}} {
		if len(x.list) == 0 {
			continue
		}
		p.section(fmt.Sprintf("%d %s", len(x.list), x.what))
		for i, d := range x.list {
			if i == 20 && !all {
				p.line("  and %d more; --all names them", len(x.list)-i)
				break
			}
			p.line("  %s  %-9s %s  %s", st.paint(x.role, fmt.Sprintf("%+9.1f ms", float64(d.Is-d.Was)/1000)), d.Kind, d.Name, st.paint(faint, fmt.Sprintf("%s → %s", millis(d.Was), millis(d.Is))))
		}
	}
	if len(c.Failing) > 0 {
		p.section("Returns an error now")
		for _, f := range c.Failing {
			p.line("  %s%s", f.Name, result(f.Result))
		}
	}
	if len(c.Appeared) > 0 {
		p.section("New troubles")
		bootTroubles(p, c.Appeared, all)
	}
	if len(c.Gone) > 0 {
		p.section("Gone")
		bootTroubles(p, c.Gone, all)
	}
	if len(c.Slower)+len(c.Faster)+len(c.Failing)+len(c.Appeared)+len(c.Gone) == 0 {
		p.line("Nothing differs beyond what boots of one kernel differ by.")
	}
	return p.err
}
