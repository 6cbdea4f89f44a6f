package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// HostSchema names the format of what a host says of itself.
const HostSchema = "ringside.host/1"

// Bounds of what a host says of itself: a report has some ten kilobytes.
const (
	maxHost  = 8 << 20
	maxNames = 1 << 16
)

// A Host is what one machine runs: which modules it has loaded, what keeps others from
// being loaded, and how it does under the guardrails of its environment, which also ask
// for the command line and sysctls. An inventory says what the kernel's build has; this,
// what of it a host uses, and how far it has drifted.
type Host struct {
	Schema  string    `json:"schema"`
	Name    string    `json:"host,omitempty"`
	Release string    `json:"release"` // as uname -r prints it
	Arch    string    `json:"arch,omitempty"`
	At      time.Time `json:"at"`
	// Loaded are the modules by the names that /proc/modules has.
	Loaded []string `json:"loaded"`
	// Modprobe are the lines of modprobe.d that keep modules from being loaded.
	Modprobe []string `json:"modprobe"`
	Cmdline  string   `json:"cmdline,omitempty"`
	// Config identifies the running kernel's configuration, "" where it is not at hand.
	Config    string     `json:"config,omitempty"`
	Baselines []Baseline `json:"baselines"`
	// Notes say what could not be read.
	Notes []string `json:"notes"`
}

// Write writes the report as JSON that begins with its schema.
func (h *Host) Write(w io.Writer) error {
	out := *h
	out.Schema = HostSchema
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(&out)
}

// IsHost tells whether what begins with head is a host's report.
func IsHost(head []byte) bool {
	return bytes.HasPrefix(head, []byte(`{"schema":"`+HostSchema+`"`))
}

// ReadHost reads a host's report.
func ReadHost(r io.Reader) (*Host, error) {
	limited := &io.LimitedReader{R: r, N: maxHost + 1}
	var h Host
	if err := json.NewDecoder(limited).Decode(&h); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("host report: more than %d bytes", maxHost)
		}
		return nil, fmt.Errorf("host report: offset %d: %w", maxHost+1-limited.N, err)
	}
	h.Release, h.Name, h.Arch = strings.TrimSpace(h.Release), strings.TrimSpace(h.Name), strings.TrimSpace(h.Arch)
	switch {
	case h.Schema != HostSchema:
		return nil, fmt.Errorf("host report: its schema is %.60q, this program reads %q: make it again", h.Schema, HostSchema)
	case h.Release == "":
		return nil, errors.New("host report: it does not say which kernel runs: make it again with --release")
	case len(h.Loaded) > maxNames || len(h.Modprobe) > maxNames:
		return nil, fmt.Errorf("host report: more than %d modules: it is not one of a host", maxNames)
	}
	return &h, nil
}
