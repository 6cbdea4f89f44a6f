package diagnose

import (
	"testing"

	"ringside/crash"
)

func TestPartOf(t *testing.T) {
	for _, tt := range []struct {
		want string
		e    crash.HardwareError
	}{
		{"", crash.HardwareError{}},
		{"memory module A1", crash.HardwareError{Memory: &crash.MemoryError{DIMM: "A1"}}},
		{"part Card02", crash.HardwareError{Firmware: &crash.FirmwareError{Sections: []crash.FirmwareSection{{}, {FRU: "Card02"}}}}},
		{"PCI device 0000:01:00.0 or its slot", crash.HardwareError{PCIe: &crash.PCIeError{Device: "0000:01:00.0"}}},
		{"CPU 3, bank 4 (internal timer)", crash.HardwareError{MachineChecks: []crash.MachineCheck{{CPU: 3, Bank: 4, Decoded: crash.DecodeMCEStatus(0xbe00000000000400)}}}},
	} {
		if got := partOf(&tt.e); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.e, got, tt.want)
		}
	}
}
