package render

import (
	"fmt"
	"strings"

	"ringside/crash"
)

// hardware shows what the machine says about itself.
func (p *printer) hardware(h *crash.HardwareError) {
	if facts := hardwareFacts(h); len(facts) > 0 {
		p.section("Hardware")
		for _, f := range facts {
			p.wrapped("  ", f, plain)
		}
	}
}

func (p *printer) markdownHardware(h *crash.HardwareError) {
	if facts := hardwareFacts(h); len(facts) > 0 {
		p.line("\n## Hardware\n")
		for _, f := range facts {
			p.line("- %s", mdText(f))
		}
	}
}

// shownParts is how many banks and sections of one event are named.
const shownParts = 8

// hardwareFacts says it in sentences.
func hardwareFacts(h *crash.HardwareError) []string {
	if h == nil {
		return nil
	}
	var facts []string
	add := func(parts ...string) { facts = append(facts, strings.Join(nonEmpty(parts...), " · ")) }
	named := func(name, value string) string {
		if value == "" {
			return ""
		}
		return name + " " + value
	}
	if h.Severity != "" {
		add("Severity: " + h.Severity)
	}
	for i, m := range h.MachineChecks {
		if i == shownParts {
			add(fmt.Sprintf("and %d more", len(h.MachineChecks)-i))
			break
		}
		add(fmt.Sprintf("CPU %d bank %d", m.CPU, m.Bank), m.Decoded.Meaning, m.Decoded.Severity(), named("status", m.Status), named("address", m.Address), named("microcode", m.Microcode))
	}
	if f := h.Firmware; f != nil {
		for _, s := range f.Sections[:min(len(f.Sections), shownParts)] {
			add(s.Type, s.Error, s.Severity, named("DIMM", s.DIMM), named("part", s.FRU), named("address", s.Address), named("device", s.Device), s.Where)
		}
	}
	if m := h.Memory; m != nil {
		add(fmt.Sprintf("%s reported %s", m.Controller, plural(m.Count, "error")), m.Message, named("DIMM", m.DIMM), m.Location, named("page", m.Page), named("syndrome", m.Syndrome))
	}
	if e := h.PCIe; e != nil {
		add("PCIe device "+e.Device, e.ID, e.Layer, e.Agent, strings.Join(e.Errors, ", "))
	}
	return facts
}
