package render

import (
	"fmt"
	"io"
	"time"

	"ringside/crash"
)

// WatchEventSchemaID names the JSON form of [WatchEvent].
const WatchEventSchemaID = "https://ringside.dev/schemas/crash-watch.v1.json"

// WatchEvent is a line of crash watch --json.
type WatchEvent struct {
	Schema string        `json:"schema"`
	Time   time.Time     `json:"time"`
	Source string        `json:"source"`
	Event  string        `json:"event"`            // connected, disconnected, boot, report, complete, silent, end
	Boot   *crash.Boot   `json:"boot,omitempty"`   // with boot
	Report *crash.Report `json:"report,omitempty"` // with report and complete
	Offset int64         `json:"offset"`           // where in the stream the spans of boot and report count from
	Line   int           `json:"line"`             // behind how many lines their line numbers count
	Error  string        `json:"error,omitempty"`  // why the source ended
}

// Happened writes one line of a live view: when, how grave where it is, what.
func Happened(w io.Writer, at time.Time, impact, text string, s Style) error {
	text = safe(text)
	if impact != "" {
		text = string(s.paint(impactRole(impact), impact)) + "  " + text
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", at.Format(time.TimeOnly), text)
	return err
}
