package render

import (
	"fmt"
	"strings"

	"ringside/crash"
)

// memory shows what the kernel says about memory.
func (p *printer) memory(m *crash.Memory) {
	if facts := memoryFacts(m); len(facts) > 0 {
		p.section("Memory")
		for _, f := range facts {
			p.wrapped("  ", f, plain)
		}
	}
}

func (p *printer) markdownMemory(m *crash.Memory) {
	if facts := memoryFacts(m); len(facts) > 0 {
		p.line("\n## Memory\n")
		for _, f := range facts {
			p.line("- %s", mdText(f))
		}
	}
}

// shownTasks is how many of the biggest tasks are named.
const shownTasks = 3

// memoryFacts says it in sentences.
func memoryFacts(m *crash.Memory) []string {
	if m == nil {
		return nil
	}
	var facts []string
	page := int64(m.PageSize)
	pages := func(n int64) string {
		if page == 0 {
			return plural(int(n), "page")
		}
		return bytesText(n * page)
	}
	if m.Order != nil {
		text := "the kill was asked for (sysrq f)"
		if n := *m.Order; n >= 0 {
			text = fmt.Sprintf("asked for %s in a row (order %d)", plural(1<<min(n, 30), "page"), n)
			if page > 0 {
				text += ", " + bytesText(page<<min(n, 30))
			}
		}
		if len(m.GFPFlags) > 0 {
			text += ", " + strings.Join(m.GFPFlags, "|")
		}
		facts = append(facts, text)
	}
	if m.Cgroup != "" || m.LimitKB > 0 {
		text := "the limit is that of a cgroup"
		if m.Cgroup != "" {
			text = "the limit is that of cgroup " + m.Cgroup
		}
		if m.LimitKB > 0 {
			text += fmt.Sprintf(": %s of %s used", bytesText(m.UsageKB<<10), bytesText(m.LimitKB<<10))
		}
		facts = append(facts, text)
	}
	if s := m.Pages; s != nil {
		facts = append(facts, fmt.Sprintf("of %s of RAM %s were free; anonymous %s, files %s, slab %s (%s of it cannot be reclaimed)", pages(s.Total), pages(s.Free),
			pages(s.ActiveAnon+s.InactiveAnon), pages(s.ActiveFile+s.InactiveFile), pages(s.SlabReclaimable+s.SlabUnreclaimable), pages(s.SlabUnreclaimable)))
	}
	if s := m.SwapKB; s != nil {
		text := "no swap"
		if s.Total > 0 {
			text = fmt.Sprintf("swap: %s of %s free", bytesText(s.Free<<10), bytesText(s.Total<<10))
		}
		facts = append(facts, text)
	}
	if len(m.Biggest) > 0 {
		var list []string
		for _, t := range m.Biggest[:min(len(m.Biggest), shownTasks)] {
			list = append(list, fmt.Sprintf("%s:%d with %s", t.Name, t.PID, pages(t.RSS)))
		}
		facts = append(facts, fmt.Sprintf("biggest of %s: %s", plural(m.Tasks, "task"), strings.Join(list, ", ")))
	}
	if k := m.Killed; k != nil {
		facts = append(facts, fmt.Sprintf("killed %s:%d, which had %s resident", k.Name, k.PID, bytesText((k.AnonRSSKB+k.FileRSSKB+k.ShmRSSKB)<<10)))
	}
	return facts
}
