package render

import (
	"fmt"
	"io"
	"time"
)

// Happened writes one line of a live view: when, how grave where it is, what.
func Happened(w io.Writer, at time.Time, impact, text string, s Style) error {
	if impact != "" {
		text = string(s.paint(impactRole(impact), impact)) + "  " + safe(text)
	} else {
		text = safe(text)
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", at.Format(time.TimeOnly), text)
	return err
}
