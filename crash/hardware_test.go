package crash

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestHardware reads what each of the kernel's drivers says about the hardware.
func TestHardware(t *testing.T) {
	data, err := os.ReadFile("testdata/hardware/all.log")
	if err != nil {
		t.Fatal(err)
	}
	doc := parseLog(t, string(data))
	got := map[string]*HardwareError{}
	for i := range doc.Reports {
		r := &doc.Reports[i]
		got[r.Headline] = r.HardwareError
		cited := slices.ContainsFunc(r.Evidence, func(e Evidence) bool { return e.Field == "hardware_error" })
		if r.HardwareError == nil || !cited {
			t.Errorf("%q: hardware %+v, cited %v", r.Headline, r.HardwareError, cited)
		}
	}
	if len(doc.Reports) != 7 {
		t.Errorf("%d reports, want 7", len(doc.Reports))
	}
	out, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/hardware/all.json"
	if *update {
		if err := os.WriteFile(golden, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), out) {
		t.Errorf("hardware differs from %s (run with -update and read the difference):\n%s", golden, out)
	}
}

// TestMCACodes reads the compound error codes of the manual.
func TestMCACodes(t *testing.T) {
	for _, tt := range []struct {
		status         uint64
		class, meaning string
		severity       string
	}{
		{0x8c00004000010090, "memory", "memory read, channel 0", "corrected"},
		{0x8c000040000800c2, "memory", "memory scrubbing, channel 2", "corrected"},
		{0xbe00000000800400, "internal-timer", "internal timer", "fatal"},
		{0xbd80000000100134, "cache", "data cache, level 0, data read", "uncorrected"},
		{0x8800000000000015, "tlb", "data TLB, level 1", "corrected"},
		{0xb200000000000e0b, "io", "I/O error", "fatal"},
		{0xb200000000000e0f, "bus", "bus or interconnect, other, generic level, generic error, generic party", "fatal"},
		{0xb200000000000800, "bus", "bus or interconnect, memory, level 0, generic error, this CPU asked", "fatal"},
		{0xb200000000000918, "bus", "bus or interconnect, I/O, level 0, generic read, this CPU asked, timed out", "fatal"},
		{0x8000000000001005, "simple", "internal parity error", "corrected"},
		{0x800000000000000e, "cache", "generic cache error, level 2", "corrected"},
		{0x8000000000000412, "internal", "internal error of the model", "corrected"},
		{0x8000000000000281, "memory", "memory used as a cache: generic request, channel 1", "corrected"},
		{0x80000000000001f0, "cache", "instruction cache, level 0, reserved", "corrected"},
		{0x8000000000008000, "unknown", "a code that is not architectural", "corrected"},
	} {
		s := DecodeMCEStatus(tt.status)
		if s.Class != tt.class || s.Meaning != tt.meaning || s.Severity() != tt.severity || !s.Valid {
			t.Errorf("%#x: %s, %q, %s, want %s, %q, %s", tt.status, s.Class, s.Meaning, s.Severity(), tt.class, tt.meaning, tt.severity)
		}
	}
	if s := DecodeMCEStatus(1<<62 | 1<<60 | 1<<59 | 1<<58); s.Valid || !s.Overflow || s.Uncorrected || !s.Enabled || !s.MiscValid || !s.AddressValid || s.ContextCorrupt {
		t.Errorf("flags %+v", s)
	}
}

// TestHardwareHostile reads lines that say less than they should, or lie.
func TestHardwareHostile(t *testing.T) {
	for _, lines := range []string{
		"mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 4: zz\nmce: [Hardware Error]: TSC",
		"EDAC MC0: 1 CE \nEDAC MC0: 1 CE",
		"EDAC MC0: 1 CE on (page:0x",
		"EDAC MC0: 99999999999999999999 UE memory error on ) page:0x1 (",
		"{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 99999999999999999999\n{1}[Hardware Error]:\n{1}[Hardware Error]: :",
		"pcieport 0000:00:1c.0: AER: Corrected error received: \npcieport 0000:00:1c.0: PCIe Bus Error: severity=\npcieport 0000:00:1c.0: device [",
		"mce: [Hardware Error]: Machine check events logged\n" + strings.Repeat("[Hardware Error]: CPU:0 (1:2:3) MC1_STATUS[-]: 0x1\n", 2*maxBanks),
	} {
		doc := parseLog(t, "[    1.000000] "+strings.ReplaceAll(lines, "\n", "\n[    1.000000] "))
		if len(doc.Reports) == 0 {
			t.Errorf("nothing found in %q", lines[:min(len(lines), 80)])
		}
		for i := range doc.Reports {
			if h := doc.Reports[i].HardwareError; h != nil && len(h.MachineChecks) > maxBanks {
				t.Errorf("%d machine checks", len(h.MachineChecks))
			}
		}
	}
}
