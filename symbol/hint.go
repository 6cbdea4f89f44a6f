package symbol

import (
	"bytes"
	"strconv"
	"strings"
)

// Hints are what a log says about the addresses and the build of its kernel
// outside of its reports. Feed it with lines; text that is none is ignored.
type Hints struct {
	// Offset is what address space randomisation added, from
	//	Kernel Offset: 0x27000000 from 0xffffffff81000000 (relocation range: …)
	Offset    uint64
	HasOffset bool
	// BuildID is the kernel's, which kernels with CONFIG_STACKTRACE_BUILD_ID
	// put at the end of
	//	CPU: 1 PID: 31 Comm: kworker Not tainted 6.9.0 #3 fe19c8…
	// It is empty where the log prints none or, of several boots, several.
	BuildID string
	several bool
}

// Line looks at one line of a log.
func (h *Hints) Line(line []byte) {
	if _, rest, ok := bytes.Cut(line, []byte("Kernel Offset: ")); ok {
		digits, _, _ := bytes.Cut(rest, []byte(" "))
		text := strings.TrimSpace(string(digits))
		if text == "disabled" {
			h.Offset, h.HasOffset = 0, true
		} else if v, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64); err == nil && strings.HasPrefix(text, "0x") {
			h.Offset, h.HasOffset = v, true
		}
		return
	}
	if !bytes.Contains(line, []byte(" Comm: ")) {
		return
	}
	fields := bytes.Fields(line)
	last := string(fields[len(fields)-1])
	if len(last) < 32 || ParseBuildID(last) == "" {
		return
	}
	switch id := ParseBuildID(last); {
	case h.several || h.BuildID == id:
	case h.BuildID == "":
		h.BuildID = id
	default:
		h.BuildID, h.several = "", true
	}
}
