package diagnose

import (
	"fmt"

	"ringside/crash"
)

// faultyPart names the part of the machine that reported the error.
func faultyPart(k *facts) *Hypothesis {
	e := k.report.HardwareError
	if e == nil {
		return nil
	}
	part := partOf(e)
	if part == "" {
		return nil
	}
	h := &Hypothesis{Confidence: 0.8, Evidence: []string{"hardware_error"}}
	if e.Severity == "corrected" {
		h.Text = fmt.Sprintf("The error was corrected and nothing was lost; it points at %s.", part)
		h.Check = "Count how often it comes back on this machine: a part whose corrected errors grow is replaced before they are not corrected any more."
		return h
	}
	h.Text = fmt.Sprintf("An error that was not corrected points at %s.", part)
	h.Check = "Take the machine out of service, swap or reseat that part, and see whether the error follows it."
	return h
}

// partOf is the most exact name of a part that e has.
func partOf(e *crash.HardwareError) string {
	if m := e.Memory; m != nil && m.DIMM != "" {
		return "memory module " + m.DIMM
	}
	if f := e.Firmware; f != nil {
		for _, s := range f.Sections {
			switch {
			case s.DIMM != "":
				return "memory module " + s.DIMM
			case s.FRU != "":
				return "part " + s.FRU
			case s.Device != "":
				return "PCI device " + s.Device
			}
		}
	}
	if e.PCIe != nil {
		return "PCI device " + e.PCIe.Device + " or its slot"
	}
	if len(e.MachineChecks) > 0 {
		m := &e.MachineChecks[0]
		return fmt.Sprintf("CPU %d, bank %d (%s)", m.CPU, m.Bank, m.Decoded.Meaning)
	}
	return ""
}
