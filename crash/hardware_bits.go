package crash

import (
	"strconv"
	"strings"
)

// MCEStatus is the status word of a machine check bank (IA32_MCi_STATUS; Intel
// SDM volume 3B, chapter on the machine check architecture).
type MCEStatus struct {
	Valid          bool   `json:"valid"`
	Overflow       bool   `json:"overflow"`    // an earlier error was lost
	Uncorrected    bool   `json:"uncorrected"` // UC
	Enabled        bool   `json:"enabled"`     // EN
	MiscValid      bool   `json:"misc_valid"`
	AddressValid   bool   `json:"address_valid"`
	ContextCorrupt bool   `json:"context_corrupt"` // PCC: the CPU cannot go on
	Code           string `json:"code"`            // the architectural error code
	ModelCode      string `json:"model_code"`      // the model's own
	Class          string `json:"class"`           // tlb, memory, cache, bus, io, internal-timer, internal, simple
	Meaning        string `json:"meaning"`         // the code in words: "memory read, channel 1"
}

// Severity says how bad a bank's error is.
func (s MCEStatus) Severity() string {
	switch {
	case s.Uncorrected && s.ContextCorrupt:
		return "fatal"
	case s.Uncorrected:
		return "uncorrected"
	}
	return "corrected"
}

// DecodeMCEStatus takes a status word apart.
func DecodeMCEStatus(v uint64) MCEStatus {
	bit := func(n uint) bool { return v>>n&1 == 1 }
	s := MCEStatus{Valid: bit(63), Overflow: bit(62), Uncorrected: bit(61), Enabled: bit(60), MiscValid: bit(59), AddressValid: bit(58), ContextCorrupt: bit(57),
		Code: hex16(uint16(v)), ModelCode: hex16(uint16(v >> 16))}
	s.Class, s.Meaning = mcaCode(uint16(v))
	return s
}

func hex16(v uint16) string {
	digits := strconv.FormatUint(uint64(v), 16)
	return "0x" + strings.Repeat("0", 4-len(digits)) + digits
}

// The parts of compound error codes.
var (
	mcaLevel       = [...]string{"level 0", "level 1", "level 2", "generic level"}
	mcaTransaction = [...]string{"instruction", "data", "generic", "reserved"}
	mcaRequest     = [...]string{"generic error", "generic read", "generic write", "data read", "data write", "instruction fetch", "prefetch", "eviction", "snoop"}
	mcaOnMemory    = [...]string{"generic request", "read", "write", "address or command", "scrubbing"}
	mcaParty       = [...]string{"this CPU asked", "this CPU answered", "this CPU observed it as a third party", "generic party"}
	mcaSpace       = [...]string{"memory", "reserved", "I/O", "other"}
	mcaSimple      = [...]string{"no error", "unclassified", "parity error in the microcode ROM", "external error (BINIT#)", "functional redundancy check", "internal parity error", "SMM handler code access violation"}
)

// nameOf names a part of a code; codes can hold values without a name.
func nameOf(names []string, i uint16) string {
	if int(i) < len(names) {
		return names[i]
	}
	return "reserved"
}

// mcaCode reads an architectural error code. Bit 12 only says that corrected
// errors are filtered.
func mcaCode(code uint16) (class, meaning string) {
	c := code &^ (1 << 12)
	level, transaction, request := mcaLevel[c&3], mcaTransaction[c>>2&3], nameOf(mcaRequest[:], c>>4&15)
	switch {
	case int(c) < len(mcaSimple):
		return "simple", mcaSimple[c]
	case c == 0x0400:
		return "internal-timer", "internal timer"
	case c == 0x0e0b:
		return "io", "I/O error"
	case c&^3 == 0x000c:
		return "cache", "generic cache error, " + level
	case c&^15 == 0x0010:
		return "tlb", transaction + " TLB, " + level
	case c&^0x7f == 0x0080, c&^0x7f == 0x0280:
		channel := "channel not specified"
		if c&15 != 15 {
			channel = "channel " + strconv.Itoa(int(c&15))
		}
		kind := "memory "
		if c&0x200 != 0 {
			kind = "memory used as a cache: "
		}
		return "memory", kind + nameOf(mcaOnMemory[:], c>>4&7) + ", " + channel
	case c&^0xff == 0x0100:
		return "cache", transaction + " cache, " + level + ", " + request
	case c&^0x7ff == 0x0800:
		timeout := ""
		if c&0x100 != 0 {
			timeout = ", timed out"
		}
		return "bus", "bus or interconnect, " + mcaSpace[c>>2&3] + ", " + level + ", " + request + ", " + mcaParty[c>>9&3] + timeout
	case c&^0x3ff == 0x0400:
		return "internal", "internal error of the model"
	}
	return "unknown", "a code that is not architectural"
}

// The bits of the status words of Advanced Error Reporting, as the kernel names
// them.
var (
	aerCorrectable   = map[int]string{0: "RxErr", 6: "BadTLP", 7: "BadDLLP", 8: "Rollover", 12: "Timeout", 13: "NonFatalErr", 14: "CorrIntErr", 15: "HeaderOF"}
	aerUncorrectable = map[int]string{0: "Undefined", 4: "DLP", 5: "SDES", 12: "TLP", 13: "FCP", 14: "CmpltTO", 15: "CmpltAbrt", 16: "UnxCmplt", 17: "RxOF",
		18: "MalfTLP", 19: "ECRC", 20: "UnsupReq", 21: "ACSViol", 22: "UncorrIntErr", 23: "BlockedTLP", 24: "AtomicOpBlocked", 25: "TLPBlockedErr",
		26: "PoisonTLPBlocked", 27: "DMWrReqBlocked", 28: "IDECheck", 29: "MisIDETLP", 30: "PCRC_CHECK", 31: "TLPXlatBlocked"}
)

// aerBits names the bits that are set in a word; one without a name is called
// by its number.
func aerBits(word string, corrected bool) []string {
	v, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 32)
	if err != nil {
		return nil
	}
	names := aerUncorrectable
	if corrected {
		names = aerCorrectable
	}
	var list []string
	for i := range 32 {
		if v>>i&1 == 0 {
			continue
		}
		name, ok := names[i]
		if !ok {
			name = "bit " + strconv.Itoa(i)
		}
		list = append(list, name)
	}
	return list
}
