package ktest

import (
	"bytes"
	"strconv"
	"strings"
)

// The lines of KTAP, each taken by itself.

// unprefix takes what printk puts before a line: a level, a time, a caller.
func unprefix(b []byte) []byte {
	if len(b) > 2 && b[0] == '<' && b[1] >= '0' && b[1] <= '9' {
		if end := bytes.IndexByte(b[:min(len(b), 5)], '>'); end > 0 {
			b = b[end+1:]
		}
	}
	for len(b) > 2 && b[0] == '[' {
		end := bytes.IndexByte(b[:min(len(b), 40)], ']')
		if end < 0 || !stamp(b[1:end]) {
			break
		}
		if b = b[end+1:]; len(b) == 0 || b[0] != ' ' {
			continue
		}
		if b = b[1:]; len(b) == 0 || b[0] != '[' {
			break
		}
	}
	return b
}

// stamp tells whether brackets hold a time or a caller: "    0.060000", "    T1", "   C0".
func stamp(b []byte) bool {
	b = bytes.TrimLeft(b, " ")
	if len(b) > 1 && (b[0] == 'T' || b[0] == 'C') {
		b = b[1:]
	}
	digits := 0
	for _, c := range b {
		if c >= '0' && c <= '9' {
			digits++
		} else if c != '.' {
			return false
		}
	}
	return digits > 0
}

func clip(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), maxLine)]), "\uFFFD")
}

// versionLine is "KTAP version 1" or "TAP version 14".
func versionLine(b []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(b, []byte("K")), []byte("TAP version "))
	return ok && len(rest) > 0 && len(rest) < 4 && rest[0] >= '1' && rest[0] <= '9'
}

// planLine is "1..5", with " # SKIP why" where nothing is to be run.
func planLine(b []byte) (n int, reason string, ok bool) {
	rest, found := bytes.CutPrefix(b, []byte("1.."))
	if !found {
		rest, found = bytes.CutPrefix(b, []byte("0.."))
	}
	if !found || len(rest) == 0 {
		return 0, "", false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(rest[:end]))
	after := bytes.TrimSpace(rest[end:])
	if err != nil || end == 0 || len(after) > 0 && after[0] != '#' {
		return 0, "", false
	}
	return n, string(bytes.TrimSpace(bytes.TrimPrefix(after, []byte("#")))), true
}

// resultLine is "ok …" or "not ok …"; rest is nil if it is neither.
func resultLine(b []byte) (ok bool, rest []byte) {
	if rest, found := bytes.CutPrefix(b, []byte("ok")); found && (len(rest) == 0 || rest[0] == ' ') {
		return true, rest
	}
	if rest, found := bytes.CutPrefix(b, []byte("not ok")); found && (len(rest) == 0 || rest[0] == ' ') {
		return false, rest
	}
	return false, nil
}

func trimSkip(s string) string {
	if len(s) >= 4 && strings.EqualFold(s[:4], "skip") {
		return strings.TrimSpace(s[4:])
	}
	return s
}

// parseResult reads what stands behind "ok": a number, a description, a directive.
func parseResult(ok bool, rest []byte) Result {
	t := Result{Status: Pass}
	if !ok {
		t.Status = Fail
	}
	rest = bytes.TrimLeft(rest, " ")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' && end < 9 {
		end++
	}
	if end > 0 && (end == len(rest) || rest[end] == ' ') {
		t.Number, _ = strconv.Atoi(string(rest[:end])) // nine digits
		rest = bytes.TrimLeft(rest[end:], " ")
	}
	if after, found := bytes.CutPrefix(rest, []byte("- ")); found {
		rest = after
	} else if len(rest) == 1 && rest[0] == '-' {
		rest = nil
	}
	name, directive := splitDirective(rest)
	t.Name = strings.ReplaceAll(strings.ToValidUTF8(string(bytes.TrimSpace(name)), "\uFFFD"), `\#`, "#")
	if len(t.Name) > maxLine {
		t.Name = strings.ToValidUTF8(t.Name[:maxLine], "")
	}
	if directive == nil {
		return t
	}
	word, reason, _ := bytes.Cut(directive, []byte(" "))
	t.Reason = clip(bytes.TrimSpace(reason))
	switch strings.ToUpper(string(bytes.TrimRight(word, ":"))) {
	case "SKIP":
		t.Status = Skip
	case "TODO", "XFAIL":
		if t.Status = XFail; ok && strings.EqualFold(string(word), "todo") {
			t.Status = XPass
		}
	case "TIMEOUT":
		t.Status = Timeout
	case "ERROR":
		t.Status = Error
	default:
		t.Reason = clip(directive) // diagnostic data: exit=1, rcode=0
	}
	return t
}

// splitDirective splits a description at the "#" that ends it: one behind a blank that is
// not escaped.
func splitDirective(b []byte) (name, directive []byte) {
	for at := 0; at < len(b); at++ {
		i := bytes.IndexByte(b[at:], '#')
		if i < 0 {
			break
		}
		at += i
		if at > 0 && b[at-1] != ' ' && b[at-1] != '\t' {
			continue
		}
		if d := bytes.TrimSpace(b[at+1:]); len(d) > 0 {
			return b[:at], d
		}
	}
	return b, nil
}
