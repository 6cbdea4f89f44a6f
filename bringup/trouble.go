package bringup

import (
	"regexp"
	"strconv"
	"strings"
)

// Trouble is something that did not go as it should, by the kernel's own word.
type Trouble struct {
	Kind   string `json:"kind"`
	Device string `json:"device,omitempty"`
	Errno  string `json:"errno,omitempty"` // ENODEV
	Text   string `json:"text"`
	Line   int    `json:"line"`
}

// The kinds of trouble.
const (
	ProbeFailed = "probe failed"
	Deferred    = "deferred"
	Firmware    = "firmware missing"
	IRQ         = "irq"
	Resource    = "resource"
	NoDriver    = "no driver"
	Clock       = "clock or supply"
	Bus         = "bus"
	Warning     = "warning"
)

// troubles are the messages, the more specific first. The first group that captures is the
// device, one called "e" an error number.
var troubles = []struct {
	kind    string
	message *regexp.Regexp
}{
	{Firmware, regexp.MustCompile(`^(?:\S+ )?(\S+): (?:firmware: failed to load|Direct firmware load for) (?:.*?)(?:failed )?(?:with error |\()(?P<e>-\d+)`)},
	{Firmware, regexp.MustCompile(`(?i)^(?:\S+ )?(\S+): .*firmware .*(?:not found|failed|missing)`)},
	{Deferred, regexp.MustCompile(`^\S+ (\S+): deferred probe pending`)},
	{Deferred, regexp.MustCompile(`^\S+ (\S+): probe deferral`)},
	{ProbeFailed, regexp.MustCompile(`^\S+: probe of (\S+) failed with error (?P<e>-\d+)`)},
	{ProbeFailed, regexp.MustCompile(`^\S+ (\S+): probe with driver \S+ failed with error (?P<e>-\d+)`)},
	{ProbeFailed, regexp.MustCompile(`^(?:\S+ )?(\S+): .*\bprobe failed\b(?:.*?(?P<e>-\d+))?`)},
	{IRQ, regexp.MustCompile(`^irq (\d+): nobody cared`)},
	{IRQ, regexp.MustCompile(`^(?:\S+ )?(\S+): (?:IRQ index \d+ not found|.*(?:no irq|failed to (?:get|request) irq))`)},
	{IRQ, regexp.MustCompile(`^(?:genirq|spurious).*: (.*(?:Flags mismatch|Spurious).*)`)},
	{Resource, regexp.MustCompile(`^(?:\S+ )?(\S+): (?:BAR \d+: (?:no space|failed to assign)|can't (?:claim|reserve|assign)|resource .* conflicts)`)},
	{Clock, regexp.MustCompile(`^(?:\S+ )?(\S+): .*(?:failed to get clock|supply \S+ not found|regulator .*not found|clk .*failed)`)},
	{NoDriver, regexp.MustCompile(`^(?:\S+ )?(\S+): .*(?:no driver found|No suitable driver|unknown device)`)},
	{Bus, regexp.MustCompile(`^(usb \S+|i2c\S*|spi\S*|mmc\d+|ata\d+\S*): .*(?:error|timed? ?out|failed|not accepting address|unable)`)},
	{Warning, regexp.MustCompile(`^(?:OF: |ACPI (?:BIOS )?(?:Error|Warning)|ACPI: \S*:? ?(?:Error|Warning))`)},
	{Warning, regexp.MustCompile(`^(?:WARNING: |BUG: |INFO: task \S+ blocked)`)},
	{ProbeFailed, regexp.MustCompile(`^(?:\S+ )?(\S+): (?:error|failed|cannot|can't|unable to)\b(?:.*?(?P<e>-\d+))?`)},
}

// errnos are the error numbers that drivers return (include/uapi/asm-generic/errno*.h).
var errnos = map[int]string{1: "EPERM", 2: "ENOENT", 4: "EINTR", 5: "EIO", 6: "ENXIO", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 19: "ENODEV",
	22: "EINVAL", 28: "ENOSPC", 34: "ERANGE", 38: "ENOSYS", 61: "ENODATA", 71: "EPROTO", 84: "EILSEQ", 95: "EOPNOTSUPP", 98: "EADDRINUSE", 107: "ENOTCONN", 110: "ETIMEDOUT",
	121: "EREMOTEIO", 517: "EPROBE_DEFER", 524: "ENOTSUPP"}

func errnoName(text string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "-"))
	if err != nil {
		return ""
	}
	if name, ok := errnos[n]; ok {
		return name
	}
	return text
}

// hints are words without which none of the messages is.
var hints = []string{"fail", "firmware", "probe", "irq", "nobody", "BAR ", "can't", "cannot", "unable", "not found", "driver", "error", "Error", "Warning", "WARNING", "BUG", "OF: ", "timed out", "timeout", "blocked", "unknown", "reserve", "conflict"}

// trouble tells whether a message is one.
func trouble(text string, line int) (Trouble, bool) {
	possible := false
	for _, h := range hints {
		if strings.Contains(text, h) {
			possible = true
			break
		}
	}
	if !possible {
		return Trouble{}, false
	}
	for _, x := range troubles {
		m := x.message.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		t := Trouble{Kind: x.kind, Text: text, Line: line}
		if len(m) > 1 {
			t.Device = m[1]
		}
		if i := x.message.SubexpIndex("e"); i > 0 && m[i] != "" {
			t.Errno = errnoName(m[i])
		}
		return t, true
	}
	return Trouble{}, false
}
