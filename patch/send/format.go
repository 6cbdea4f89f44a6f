package send

import (
	"fmt"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// Diff writes the diffs of a patch as git does, with prefixes a/ and b/. It fails where a
// file's change cannot be written down: a binary one, or one that is malformed.
func Diff(p *patch.Patch) (string, error) {
	var b strings.Builder
	for i := range p.Files {
		f := &p.Files[i]
		switch {
		case f.Err != nil:
			return "", fmt.Errorf("%s: %w", f.Path(), f.Err)
		case f.Surplus != nil:
			return "", fmt.Errorf("%s: %w", f.Path(), f.Surplus)
		case f.Binary:
			return "", fmt.Errorf("%s is binary: send it as git format-patch --binary writes it", f.Path())
		}
		file(&b, f)
	}
	return b.String(), nil
}

func file(b *strings.Builder, f *diff.File) {
	old, now := f.Old, f.New
	if old == "" {
		old = now
	}
	if now == "" {
		now = old
	}
	fmt.Fprintf(b, "diff --git a/%s b/%s\n", old, now)
	switch f.Op {
	case diff.Add:
		fmt.Fprintf(b, "new file mode %s\n", mode(f.NewMode))
	case diff.Delete:
		fmt.Fprintf(b, "deleted file mode %s\n", mode(f.OldMode))
	case diff.Rename, diff.Copy:
		if f.OldMode != "" && f.NewMode != "" && f.OldMode != f.NewMode {
			fmt.Fprintf(b, "old mode %s\nnew mode %s\n", f.OldMode, f.NewMode)
		}
		word := "rename"
		if f.Op == diff.Copy {
			word = "copy"
		}
		fmt.Fprintf(b, "%s from %s\n%s to %s\n", word, f.Old, word, f.New)
	default:
		if f.OldMode != "" && f.NewMode != "" && f.OldMode != f.NewMode {
			fmt.Fprintf(b, "old mode %s\nnew mode %s\n", f.OldMode, f.NewMode)
		}
	}
	if f.OldBlob != "" && f.NewBlob != "" {
		fmt.Fprintf(b, "index %s..%s", f.OldBlob, f.NewBlob)
		if f.Op == diff.Modify && f.NewMode != "" && (f.OldMode == "" || f.OldMode == f.NewMode) {
			b.WriteString(" " + f.NewMode)
		}
		b.WriteByte('\n')
	}
	if len(f.Hunks) == 0 {
		return
	}
	from, to := "a/"+old, "b/"+now
	if f.Op == diff.Add {
		from = "/dev/null"
	}
	if f.Op == diff.Delete {
		to = "/dev/null"
	}
	fmt.Fprintf(b, "--- %s\n+++ %s\n", from, to)
	for i := range f.Hunks {
		h := &f.Hunks[i]
		fmt.Fprintf(b, "@@ -%s +%s @@", lineSpan(h.OldStart, h.OldLines), lineSpan(h.NewStart, h.NewLines))
		if h.Section != "" {
			b.WriteString(" " + h.Section)
		}
		b.WriteByte('\n')
		for _, l := range h.Lines {
			b.WriteByte(l.Op)
			b.WriteString(l.Text)
			b.WriteByte('\n')
			if l.NoEOL {
				b.WriteString("\\ No newline at end of file\n")
			}
		}
	}
}

func mode(s string) string {
	if s == "" {
		return "100644"
	}
	return s
}

func lineSpan(start, n int) string {
	if n == 1 {
		return fmt.Sprint(start)
	}
	return fmt.Sprintf("%d,%d", start, n)
}
