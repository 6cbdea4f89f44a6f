package render

import (
	"fmt"
	"io"
	"path/filepath"

	"ringside/patch/send"
)

// SendPrepSchemaID names the JSON form of a prepared series.
const SendPrepSchemaID = "https://ringside.dev/schemas/patch-send-prep.v1.json"

// SendPrepDoc is a series that is ready to be sent.
type SendPrepDoc struct {
	Schema   string          `json:"schema"`
	Dir      string          `json:"dir"`
	Version  int             `json:"version"`
	ChangeID string          `json:"change_id"`
	Mails    []SendMailDoc   `json:"mails"`
	Changes  []SendChangeDoc `json:"changes,omitempty"`
	Todo     []string        `json:"todo"`
}

// SendMailDoc is one mail.
type SendMailDoc struct {
	File      string `json:"file"`
	Subject   string `json:"subject"`
	MessageID string `json:"message_id"`
	To        string `json:"to,omitempty"`
	Cc        string `json:"cc,omitempty"`
}

// SendChangeDoc is what became of a patch since the version before.
type SendChangeDoc struct {
	Kind    string `json:"kind" enum:"unchanged,changed,new,dropped"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// SendPrepOf makes the document of a series.
func SendPrepOf(dir string, s *send.Series) SendPrepDoc {
	d := SendPrepDoc{Schema: SendPrepSchemaID, Dir: dir, Version: s.Version, ChangeID: s.ChangeID, Mails: []SendMailDoc{}, Todo: append([]string{}, s.Todo...)}
	for i := range s.Mails {
		m := &s.Mails[i]
		d.Mails = append(d.Mails, SendMailDoc{m.Name, m.Header("Subject"), m.Header("Message-Id"), m.Header("To"), m.Header("Cc")})
	}
	for _, c := range s.Changes {
		d.Changes = append(d.Changes, SendChangeDoc{string(c.Kind), c.Subject, c.String()})
	}
	return d
}

// SendPrep says what was written and what is left to do.
func SendPrep(w io.Writer, d SendPrepDoc, st Style) error {
	p := &printer{w: w, s: st}
	for _, m := range d.Mails {
		p.line("%s  %s", p.s.paint(strong, filepath.Join(d.Dir, m.File)), m.Subject)
		if m.To != "" {
			p.line("    To: %s", m.To)
		}
		if m.Cc != "" {
			p.line("    Cc: %s", m.Cc)
		}
	}
	if len(d.Changes) > 0 {
		p.line("")
		p.line("since the version before:")
		for _, c := range d.Changes {
			p.line("    %s", c.Text)
		}
	}
	p.line("")
	for _, t := range d.Todo {
		p.line("%s %s", p.s.paint(caution, "to do:"), t)
	}
	p.line("version %d, change-id %s; nothing is sent. To send: %s", d.Version, d.ChangeID, fmt.Sprintf("git send-email %s/*.patch", d.Dir))
	return p.err
}
