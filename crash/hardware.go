package crash

import (
	"bytes"
	"strconv"
	"strings"

	"ringside/klog"
)

// HardwareError is what the machine says about itself: its machine check banks,
// its firmware, its memory controller, its PCI Express links. Addresses and
// words of bits are hexadecimal with "0x".
type HardwareError struct {
	Severity      string         `json:"severity,omitempty"`       // corrected, recoverable, uncorrected, fatal: of the worst
	MachineChecks []MachineCheck `json:"machine_checks,omitempty"` // by bank
	Firmware      *FirmwareError `json:"firmware,omitempty"`
	Memory        *MemoryError   `json:"memory,omitempty"`
	PCIe          *PCIeError     `json:"pcie,omitempty"`
}

// MachineCheck is what one bank of one CPU recorded.
type MachineCheck struct {
	CPU       int       `json:"cpu"`
	Bank      int       `json:"bank"`
	Status    string    `json:"status"`
	Decoded   MCEStatus `json:"decoded"`
	Address   string    `json:"address,omitempty"`
	Misc      string    `json:"misc,omitempty"`
	TSC       string    `json:"tsc,omitempty"`
	Syndrome  string    `json:"syndrome,omitempty"`
	IPID      string    `json:"ipid,omitempty"`
	Processor string    `json:"processor,omitempty"` // vendor and CPUID: "0:406f1"
	Socket    *int      `json:"socket,omitempty"`
	APIC      string    `json:"apic,omitempty"`
	Microcode string    `json:"microcode,omitempty"`
	Messages  []string  `json:"messages,omitempty"` // of the kernel's own decoder
}

// FirmwareError is a record that the firmware handed over (APEI).
type FirmwareError struct {
	Source   int               `json:"source"` // of the Hardware Error Source Table
	Sections []FirmwareSection `json:"sections,omitempty"`
}

// FirmwareSection is a part of it.
type FirmwareSection struct {
	Severity string `json:"severity,omitempty"`
	Type     string `json:"type,omitempty"`       // "memory error", "PCIe error"
	Error    string `json:"error_type,omitempty"` // "single-bit ECC"
	Address  string `json:"physical_address,omitempty"`
	Where    string `json:"where,omitempty"` // "node:0 card:1 module:0 rank:0"
	DIMM     string `json:"dimm,omitempty"`
	FRU      string `json:"fru,omitempty"`    // name of the part, as the firmware knows it
	Device   string `json:"device,omitempty"` // of PCI
}

// MemoryError is what the driver of a memory controller reports (EDAC).
type MemoryError struct {
	Controller string `json:"controller"` // "MC0"
	Count      int    `json:"count"`
	Message    string `json:"message,omitempty"`
	DIMM       string `json:"dimm,omitempty"`
	Location   string `json:"location,omitempty"` // "csrow:3 channel:0"
	Page       string `json:"page,omitempty"`
	Offset     string `json:"offset,omitempty"`
	Grain      int64  `json:"grain,omitempty"`
	Syndrome   string `json:"syndrome,omitempty"`
}

// PCIeError is what a device says about its link (AER).
type PCIeError struct {
	Device string   `json:"device"`          // "0000:01:00.0"
	ID     string   `json:"id,omitempty"`    // vendor and device: "144d:a808"
	Layer  string   `json:"layer,omitempty"` // "Physical Layer"
	Agent  string   `json:"agent,omitempty"` // "Receiver ID"
	Status string   `json:"status,omitempty"`
	Mask   string   `json:"mask,omitempty"`
	Errors []string `json:"errors,omitempty"` // the bits of Status by name
	Masked []string `json:"masked,omitempty"` // those of Mask
}

// Bounds of one report.
const (
	maxBanks    = 256
	maxSections = 64
	maxMessages = 16
)

// machineLines is how many foreign lines may stand in a row between those of a
// report about the hardware.
const machineLines = 20

// aboutHardware reports whether the lines of a kind are of the hardware.
func aboutHardware(k Kind) bool {
	return k == KindMachineCheck || k == KindHardwareError || k == KindEDAC || k == KindPCIe
}

// severities are the words for how bad it is, by weight.
var severities = []string{"", "corrected", "recoverable", "uncorrected", "fatal"}

// worst raises the severity to one of severities.
func (h *HardwareError) worst(word string) {
	rank := func(s string) int {
		for i, known := range severities {
			if s == known {
				return i
			}
		}
		return 0
	}
	if rank(word) > rank(h.Severity) {
		h.Severity = word
	}
}

// severityOf unifies the words of the kernel's drivers.
func severityOf(text []byte) string {
	has := func(s string) bool { return bytes.HasPrefix(text, []byte(s)) }
	switch {
	case has("corrected"), has("Corrected"), has("Correctable"), has("CE"):
		return "corrected"
	case has("recoverable"), has("Uncorrected (Non-Fatal)"), has("Uncorrectable (Non-Fatal)"):
		return "recoverable"
	case has("fatal"), has("Uncorrected (Fatal)"), has("Uncorrectable (Fatal)"):
		return "fatal"
	case has("UE"), has("Uncorrect"):
		return "uncorrected"
	}
	return ""
}

// hardwareLine reads what a line says about the hardware. It reports whether it
// was one.
func (b *builder) hardwareLine(rec *klog.Record) bool {
	h := b.rep.HardwareError
	if h == nil {
		h = &HardwareError{}
	}
	text := bytes.TrimRight(rec.Text[:min(len(rec.Text), maxText)], " ")
	_, rest, tagged := bytes.Cut(text, []byte("[Hardware Error]: "))
	ok := false
	switch b.rep.Kind {
	case KindMachineCheck:
		ok = tagged && h.machineCheck(rest)
	case KindHardwareError:
		ok = tagged && h.firmware(trimBlanks(rest))
	case KindEDAC:
		ok = h.edac(text)
	case KindPCIe:
		ok = h.aer(text)
	}
	if !ok {
		return false
	}
	b.rep.HardwareError = h
	b.grow(rec)
	b.evidence("hardware_error", "body/hardware-error", rec, 0, len(rec.Text))
	return true
}

// hexWord returns the hexadecimal number after key as "0x...".
func hexWord(text []byte, key string) string {
	_, after, ok := bytes.Cut(text, []byte(key))
	if !ok {
		return ""
	}
	after = bytes.TrimPrefix(after, []byte("0x"))
	n := run(after, hexDigits)
	if n == 0 || n > 32 {
		return ""
	}
	return "0x" + string(after[:n])
}

// wordAfter returns the word after key.
func wordAfter(text []byte, key string) string {
	_, after, ok := bytes.Cut(text, []byte(key))
	if !ok {
		return ""
	}
	word, _, _ := bytes.Cut(after, []byte(" "))
	return clip(word)
}

// machineCheck reads the lines of arch/x86/kernel/cpu/mce/core.c, and of the
// decoder of drivers/edac/mce_amd.c:
//
//	CPU 0: Machine Check Exception: 5 Bank 4: be00000000800400
//	TSC 1234 ADDR 1000 MISC 86 PPIN 1 SYND 2 IPID 3
//	PROCESSOR 0:406f1 TIME 1600000000 SOCKET 0 APIC 0 microcode b000038
//	CPU:0 (19:21:0) MC1_STATUS[Over|CE|MiscV|AddrV|-]: 0xdc2040000000011b
//	Error Addr: 0x0000000000001000
//	IPID: 0x0000000000000000, Syndrome: 0x0000000000000000
func (h *HardwareError) machineCheck(text []byte) bool {
	if _, after, ok := bytes.Cut(text, []byte(" Bank ")); ok && bytes.HasPrefix(text, []byte("CPU ")) {
		bank, _ := atoi(after)
		return h.bank(text[len("CPU "):], bank, hexWord(after, ": "))
	}
	if _, after, ok := bytes.Cut(text, []byte(" MC")); ok && bytes.HasPrefix(text, []byte("CPU:")) {
		if bank, n := atoi(after); n > 0 && bytes.HasPrefix(after[n:], []byte("_STATUS[")) {
			return h.bank(text[len("CPU:"):], bank, hexWord(after, "]: "))
		}
	}
	if len(h.MachineChecks) == 0 {
		return false
	}
	m := &h.MachineChecks[len(h.MachineChecks)-1]
	has := func(s string) bool { return bytes.HasPrefix(text, []byte(s)) }
	set := func(to *string, key string) {
		if v := hexWord(text, key); v != "" && *to == "" {
			*to = v
		}
	}
	switch {
	case has("TSC "):
		set(&m.TSC, "TSC ")
		set(&m.Address, " ADDR ")
		set(&m.Misc, " MISC ")
		set(&m.Syndrome, " SYND ")
		set(&m.IPID, " IPID ")
	case has("PROCESSOR "):
		m.Processor = wordAfter(text, "PROCESSOR ")
		if v, ok := number(text, " SOCKET "); ok && v >= 0 && v < 1<<16 {
			n := int(v)
			m.Socket = &n
		}
		set(&m.APIC, " APIC ")
		set(&m.Microcode, " microcode ")
	case has("Error Addr: "):
		set(&m.Address, "Error Addr: ")
	case has("IPID: "):
		set(&m.IPID, "IPID: ")
		set(&m.Syndrome, "Syndrome: ")
	case has("RIP"), has("Machine check events logged"), has("Run the above through"):
	default:
		if len(m.Messages) < maxMessages {
			m.Messages = append(m.Messages, clip(text))
		}
	}
	return true
}

// bank begins a bank's record.
func (h *HardwareError) bank(cpu []byte, bank int, status string) bool {
	v, err := strconv.ParseUint(strings.TrimPrefix(status, "0x"), 16, 64)
	if err != nil || len(h.MachineChecks) >= maxBanks {
		return false
	}
	n, _ := atoi(cpu)
	m := MachineCheck{CPU: n, Bank: bank, Status: status, Decoded: DecodeMCEStatus(v)}
	h.MachineChecks = append(h.MachineChecks, m)
	h.worst(m.Decoded.Severity())
	return true
}

// firmware reads the lines of drivers/firmware/efi/cper.c:
//
//	Hardware error from APEI Generic Hardware Error Source: 4
//	event severity: corrected
//	 Error 0, type: corrected
//	 fru_text: Card02, ChnB, DIMM0
//	  section_type: memory error
//	  physical_address: 0x0000000012345000
//	  node:0 card:1 module:0 rank:0 bank:2 device:0 row:100 column:200
//	  DIMM location: CPU1 DIMM_A1
//	  error_type: 2, single-bit ECC
func (h *HardwareError) firmware(text []byte) bool {
	if n, ok := number(text, "Generic Hardware Error Source: "); ok {
		h.Firmware = &FirmwareError{Source: int(min(max(n, 0), 1<<16))}
		return true
	}
	f := h.Firmware
	if f == nil {
		return false
	}
	key, value, _ := bytes.Cut(text, []byte(":"))
	value = trimBlanks(value)
	if string(key) == "event severity" {
		h.worst(severityOf(value))
		return true
	}
	if bytes.HasPrefix(key, []byte("Error ")) && bytes.HasSuffix(key, []byte(", type")) {
		if len(f.Sections) < maxSections {
			f.Sections = append(f.Sections, FirmwareSection{Severity: severityOf(value)})
		}
		return true
	}
	if len(f.Sections) == 0 {
		return true // what to do about it, in words
	}
	s := &f.Sections[len(f.Sections)-1]
	switch string(key) {
	case "section_type", "section type":
		s.Type = clip(value)
	case "fru_text":
		s.FRU = clip(value)
	case "physical_address":
		s.Address = hexWord(text, "physical_address: ")
	case "device_id":
		s.Device = clip(value)
	case "DIMM location":
		s.DIMM = clip(value)
	case "node", "card", "module":
		if s.Where == "" {
			s.Where = clip(text)
		}
	case "error_type":
		_, name, _ := bytes.Cut(value, []byte(", "))
		s.Error = clip(name)
	}
	return true
}

// edac reads the line of drivers/edac/edac_mc.c:
//
//	EDAC MC0: 1 CE memory read error on DIMM_A1 (csrow:3 channel:0 page:0x12 offset:0x340 grain:32 syndrome:0x5 - detail)
func (h *HardwareError) edac(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("EDAC "))
	controller, rest, found := bytes.Cut(rest, []byte(": "))
	count, n := atoi(rest)
	if !ok || !found || n == 0 || h.Memory != nil {
		return false
	}
	rest = trimBlanks(rest[n:])
	h.worst(severityOf(rest))
	m := &MemoryError{Controller: clip(controller), Count: count}
	h.Memory = m
	if len(rest) > 3 {
		rest = rest[3:]
	}
	// The last parenthesis with a page: labels and messages can have others.
	message := rest
	if at := bytes.Index(rest, []byte("page:0x")); at > 0 {
		if open := bytes.LastIndexByte(rest[:at], '('); open >= 0 {
			message = rest[:open]
			m.Location = clip(bytes.TrimSpace(rest[open+1 : at]))
		}
		m.Page, m.Offset, m.Syndrome = hexWord(rest[at:], "page:"), hexWord(rest[at:], "offset:"), hexWord(rest[at:], "syndrome:")
		m.Grain, _ = number(rest[at:], "grain:")
	}
	if at := bytes.LastIndex(message, []byte("on ")); at == 0 || at > 0 && message[at-1] == ' ' {
		m.DIMM = clip(bytes.TrimSpace(message[at+len("on "):]))
		message = message[:at]
	}
	m.Message = clip(bytes.TrimSpace(message))
	return true
}

// aer reads the lines of drivers/pci/pcie/aer.c. The headline is the port's,
// the others are those of the device that has the error:
//
//	nvme 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)
//	nvme 0000:01:00.0:   device [144d:a808] error status/mask=00000001/0000e000
//	nvme 0000:01:00.0:    [ 0] RxErr                  (First)
func (h *HardwareError) aer(text []byte) bool {
	driver, rest, _ := bytes.Cut(text, []byte(" "))
	device, rest, ok := bytes.Cut(rest, []byte(": "))
	if !ok || len(driver) == 0 || bytes.IndexByte(device, ' ') >= 0 || bytes.IndexByte(device, ':') < 0 {
		return false
	}
	rest = bytes.TrimPrefix(trimBlanks(rest), []byte("AER: "))
	if after, ok := bytes.CutPrefix(rest, []byte("PCIe Bus Error: severity=")); ok {
		if h.PCIe != nil && h.PCIe.Layer != "" {
			return false // of a second device
		}
		h.worst(severityOf(after))
		p := &PCIeError{Device: clip(device), Layer: "unknown"}
		if _, layer, ok := bytes.Cut(after, []byte("type=")); ok {
			layer, agent, _ := bytes.Cut(layer, []byte(","))
			p.Layer = clip(layer)
			if open, end := bytes.IndexByte(agent, '('), bytes.LastIndexByte(agent, ')'); open >= 0 && end > open {
				p.Agent = clip(agent[open+1 : end])
			}
		}
		h.PCIe = p
		return true
	}
	if p := h.PCIe; p != nil && p.Device == string(device) {
		if bytes.HasPrefix(rest, []byte("device [")) && bytes.Contains(rest, []byte("error status/mask=")) {
			id, _, _ := bytes.Cut(rest[len("device ["):], []byte("]"))
			p.ID, p.Status = clip(id), hexWord(rest, "status/mask=")
			if _, mask, ok := bytes.Cut(rest, []byte("status/mask=")); ok {
				p.Mask = hexWord(mask, "/")
			}
			p.Errors, p.Masked = aerBits(p.Status, h.Severity == "corrected"), aerBits(p.Mask, h.Severity == "corrected")
			return true
		}
		return bytes.HasPrefix(rest, []byte("[")) || bytes.HasPrefix(rest, []byte("TLP Header:"))
	}
	// The port's own line: who sent the message.
	for _, mark := range []string{"error received: ", "message received from ", "error message received from "} {
		if from := wordAfter(rest, mark); from != "" {
			h.worst(severityOf(bytes.TrimPrefix(rest, []byte("Multiple "))))
			h.PCIe = &PCIeError{Device: from}
			return true
		}
	}
	return false
}
