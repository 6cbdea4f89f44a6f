// Package vex writes verdicts as VEX, for the scanners and customers that ask why a CVE
// is not fixed: OpenVEX, CycloneDX and CSAF 2.0.
//
// A document says "not affected" only where the evidence is of the kind that proves it
// (see Justified); the evidence itself goes along as text. What is undetermined is under
// investigation. The same verdicts give the same document, byte for byte, at the same
// time.
package vex

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ringside/kbuild"
	"ringside/vuln"
	"ringside/vuln/ranges"
)

// Options name who says it of what.
type Options struct {
	// Product identifies the kernel, best as a package URL. Empty for
	// pkg:generic/linux@RELEASE.
	Product string
	// Name is the product's for people. Empty for "Linux RELEASE".
	Name string
	// Author is who answers for the document, and Namespace a URL that is theirs.
	Author    string
	Namespace string
	Time      time.Time
	// Tool is the program that wrote it.
	Tool string
}

// Formats are the names that Write knows.
var Formats = []string{"openvex", "cyclonedx", "csaf"}

// Write writes a scan's verdicts in one of the formats.
func Write(w io.Writer, format string, r *vuln.Report, o Options) error {
	if o.Product == "" {
		o.Product = "pkg:generic/linux@" + purl(r.Kernel.Release)
	}
	if o.Name == "" {
		o.Name = "Linux " + r.Kernel.Release
	}
	if o.Namespace == "" {
		o.Namespace = "https://example.invalid/vex"
	}
	o.Time = o.Time.UTC().Truncate(time.Second)
	switch format {
	case "openvex":
		return openVEX(w, r, o)
	case "cyclonedx":
		return cycloneDX(w, r, o)
	case "csaf":
		return csaf(w, r, o)
	}
	return fmt.Errorf("%.40q is no format of VEX: it is one of %s", format, strings.Join(Formats, ", "))
}

// purl escapes what a package URL's version must not hold.
func purl(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// A status is what all formats can say.
type status uint8

const (
	investigating status = iota
	affected
	fixed
	absent // not affected: the code is not there
)

// statusOf is a verdict's status.
func statusOf(v *vuln.Verdict) status {
	switch v.Verdict {
	case vuln.Affected, vuln.NotLoaded:
		// A module that is not loaded can be: that is no proof of anything.
		return affected
	case vuln.Fixed:
		return fixed
	case vuln.NotInRange, vuln.NotCompiled:
		if Justified(v) {
			return absent
		}
	}
	return investigating
}

// Justified says whether the evidence proves that the code is not in the kernel: nothing
// that introduces the flaw is in its version and nothing disputes that, or the build
// compiles none of the files that hold it, or of the lines that the fix changes, each with
// the chain of conditions.
func Justified(v *vuln.Verdict) bool {
	switch v.Verdict {
	case vuln.NotInRange:
		for _, e := range v.Evidence {
			if e.Kind == vuln.EvidenceRecord {
				return false
			}
		}
		return v.Range == ranges.NotIntroduced
	case vuln.NotCompiled:
		// Where lines are the evidence, their files may be compiled.
		kind := vuln.EvidenceBuild
		if slices.ContainsFunc(v.Evidence, func(e vuln.Evidence) bool { return e.Kind == vuln.EvidenceLines }) {
			kind = vuln.EvidenceLines
		}
		proved := 0
		for _, e := range v.Evidence {
			if e.Kind != kind {
				continue
			}
			if e.Presence == nil || e.Presence.State != kbuild.NotCompiled || len(e.Presence.Why) == 0 {
				return false
			}
			proved++
		}
		return proved > 0
	}
	return false
}

// says joins the evidence to a text.
func says(v *vuln.Verdict) string {
	var b strings.Builder
	if v.Alarm != "" {
		b.WriteString(v.Alarm)
	}
	for _, e := range v.Evidence {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(e.Says)
		if e.Source != "" && e.Line > 0 {
			fmt.Fprintf(&b, " (%s:%d)", e.Source, e.Line)
		}
	}
	return b.String()
}

// action says what is to be done about a CVE that is in the kernel. Where a release of
// its own branch has the fix, it is named and update is true.
func action(v *vuln.Verdict, base ranges.Span) (text string, update bool) {
	for _, e := range v.Evidence {
		if e.Kind == vuln.EvidenceRange && e.Pair != nil && e.Pair.Fix != 0 && e.Pair.Fix.Branch() == base.To.Branch() {
			text, update = "Update to "+e.Pair.Fix.String()+" or later, or take its fix", true
			if e.Pair.FixCommit != "" {
				text += " " + e.Pair.FixCommit
			}
			text += "."
		}
	}
	if text == "" {
		text = "No release of this branch has a fix; take it from a later one."
	}
	if v.Verdict == vuln.NotLoaded {
		names := make([]string, len(v.Modules))
		for i, m := range v.Modules {
			m = m[strings.LastIndexByte(m, '/')+1:]
			names[i] = "install " + strings.TrimSuffix(m, ".ko") + " /bin/false"
		}
		text += " Until then keep its modules from being loaded, in modprobe.d: " + strings.Join(names, ", ") + "."
	}
	return text, update
}
