package render

import (
	"fmt"

	"ringside/diagnose"
)

// fault shows the instruction that trapped, with the code around it.
func (p *printer) fault(f *diagnose.FaultingInstruction) {
	if f == nil {
		return
	}
	p.section("Faulting instruction")
	p.wrapped("  ", f.Text, plain)
	width := codeWidth(f)
	for i := range f.Listing {
		in := &f.Listing[i]
		text := fmt.Sprintf("%6s  %-*s  %s", codeOffset(in.Offset), width, in.Bytes, in.Text)
		if in.Trap {
			p.line("  %s%s", p.s.paint(danger, "▶"), p.s.paint(strong, text))
		} else {
			p.line("   %s", p.s.paint(faint, text))
		}
	}
	if f.Confidence < 0.9 {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("the instructions before the trap are cut rightly with %.0f %%", f.Confidence*100)))
	}
}

// markdownFault does the same for Markdown.
func (p *printer) markdownFault(f *diagnose.FaultingInstruction) {
	if f == nil {
		return
	}
	p.line("\n## Faulting instruction\n\n%s\n\n```", mdText(f.Text))
	width := codeWidth(f)
	for i := range f.Listing {
		in := &f.Listing[i]
		mark := "  "
		if in.Trap {
			mark = "=>"
		}
		p.line("%s %6s  %-*s  %s", mark, codeOffset(in.Offset), width, in.Bytes, in.Text)
	}
	p.line("```")
}

// codeOffset writes an offset from the trap.
func codeOffset(n int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%+d", n)
}

// codeWidth is the width of the column of bytes.
func codeWidth(f *diagnose.FaultingInstruction) int {
	width := 0
	for i := range f.Listing {
		if n := len(f.Listing[i].Bytes); n <= 22 { // a long run of data may stand out
			width = max(width, n)
		}
	}
	return width
}
