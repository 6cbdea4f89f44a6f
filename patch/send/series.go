package send

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/owner"
	"ringside/patch"
)

// Options say how to prepare a series.
type Options struct {
	Sender patch.Person
	// Prefix is what stands in the brackets before the version: "PATCH net-next".
	Prefix  string
	Version int // 0 is 1, or one more than Prior's
	// Prior is the version before.
	Prior *patch.Stack
	// Base is the commit that the series applies to.
	Base string
	// Prerequisites are patches that have to be applied to the base before.
	Prerequisites []*patch.Patch
	// Owners knows who looks after a file.
	Owners *owner.Index
	// Author knows who wrote a commit that is named by Fixes:.
	Author func(id string) (patch.Person, bool)
	// Subject and Blurb are the cover letter's; where they are empty it is a skeleton to
	// be filled in.
	Subject, Blurb string
	// ChangeID names the series over all its versions; Prior's if it is empty.
	ChangeID string
	Date     time.Time
}

// A Series is what is ready to be sent.
type Series struct {
	Version int
	// Mails are the cover letter, if there is more than one patch, and the patches.
	Mails    []Mail
	ChangeID string
	// Todo is what has to be done before it is sent.
	Todo []string
	// Changes are the differences from the version before.
	Changes []Change
}

// ErrNothing says that there is no patch to send.
var ErrNothing = errors.New("there are no patches to send")

// Prepare makes the mails of a series.
func Prepare(stack *patch.Stack, o Options) (*Series, error) {
	if len(stack.Patches) == 0 {
		return nil, ErrNothing
	}
	if o.Sender.Email == "" {
		return nil, errors.New("who sends the patches is not known: give the sender's name and address")
	}
	if o.Prefix == "" {
		o.Prefix = "PATCH"
	}
	s := &Series{Version: o.Version, ChangeID: o.ChangeID}
	if s.Version == 0 {
		s.Version = 1
		if o.Prior != nil {
			s.Version = version(o.Prior) + 1
		}
	}
	if s.ChangeID == "" && o.Prior != nil {
		s.ChangeID = changeID(o.Prior)
	}
	if s.ChangeID == "" {
		s.ChangeID = newChangeID(stack, o.Date)
	}
	if o.Prior != nil {
		s.Changes = Compare(o.Prior, stack)
	}
	n := len(stack.Patches)
	ids := make([]string, n+1)
	for i := range ids {
		ids[i] = messageID(stack, s, o, i)
	}
	var all Recipients
	var each []Recipients
	for _, p := range stack.Patches {
		r := recipients(p, o)
		each = append(each, r)
		all = all.with(r)
	}
	if n > 1 {
		s.Mails = append(s.Mails, cover(stack, s, o, all, ids))
		if o.Subject == "" {
			s.Todo = append(s.Todo, "the cover letter needs a subject and a text: replace what stands in ***")
		}
	}
	for i, p := range stack.Patches {
		m, err := s.mail(stack, p, i, o, each[i], ids)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		s.Mails = append(s.Mails, m)
	}
	if o.Base == "" {
		s.Todo = append(s.Todo, "the base is not known: give --base, so that robots and reviewers can apply the series")
	}
	if len(all.To) == 0 {
		s.Todo = append(s.Todo, "no maintainer is known: add To: by hand")
	}
	return s, nil
}

// version is the version of a series that was sent.
func version(s *patch.Stack) int {
	v := 1
	for _, p := range append(slices.Clone(s.Covers), s.Patches...) {
		v = max(v, p.Version)
	}
	return v
}

// changeID finds the trailer in a series that was sent.
func changeID(s *patch.Stack) string {
	for _, p := range append(slices.Clone(s.Covers), s.Patches...) {
		for _, text := range []string{p.Body, p.Notes} {
			for line := range strings.Lines(text) {
				if id, ok := strings.CutPrefix(strings.TrimSpace(line), "change-id: "); ok {
					return id
				}
			}
		}
	}
	return ""
}

func digest(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(h[:])[:12]
}

func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
	out := ""
	for _, w := range words {
		if len(out)+len(w) > 30 {
			break
		}
		out = strings.TrimPrefix(out+"-"+w, "-")
	}
	if out == "" {
		return "series"
	}
	return out
}

func newChangeID(stack *patch.Stack, date time.Time) string {
	var all []string
	for _, p := range stack.Patches {
		all = append(all, p.Subject)
	}
	return date.Format("20060102") + "-" + slug(stack.Patches[0].Subject) + "-" + digest(all...)
}

// messageID makes an ID in the form of b4's: the series, the version, the number. The same
// series gets the same IDs each time it is prepared on a day.
func messageID(stack *patch.Stack, s *Series, o Options, i int) string {
	_, domain, ok := strings.Cut(o.Sender.Email, "@")
	if !ok {
		domain = "localhost"
	}
	content := s.ChangeID + fmt.Sprint(s.Version)
	for _, p := range stack.Patches {
		content += p.Subject + p.Body
		for j := range p.Files {
			content += p.Files[j].Path()
			for _, h := range p.Files[j].Hunks {
				for _, l := range h.Lines {
					content += string(l.Op) + l.Text
				}
			}
		}
	}
	_, rest, ok := strings.Cut(s.ChangeID, "-")
	if !ok {
		rest = s.ChangeID
	}
	if at := strings.LastIndex(rest, "-"); at > 0 {
		rest = rest[:at]
	}
	return fmt.Sprintf("<%s-%s-v%d-%d-%s@%s>", o.Date.Format("20060102"), rest, s.Version, i, digest(content), domain)
}
