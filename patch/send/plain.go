package send

import (
	"strings"
	"time"

	"ringside/patch"
)

// Plain writes a patch as a mail that says nothing of a series: for tools that read
// patches.
func Plain(p *patch.Patch) (string, error) {
	d, err := Diff(p)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("From: " + p.Author.String() + "\n")
	if !p.Date.IsZero() {
		b.WriteString("Date: " + p.Date.Format(time.RFC1123Z) + "\n")
	}
	b.WriteString("Subject: [PATCH] " + p.Subject + "\n\n")
	b.WriteString(strings.Trim(p.Body, "\n") + "\n---\n\n" + d)
	return b.String(), nil
}
