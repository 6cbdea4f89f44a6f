package render

import (
	"fmt"
	"io"

	"ringside/vmcore"
	"ringside/vmcore/filter"
)

// leftOutNames are what people call the kinds of pages.
var leftOutNames = map[filter.Kind]string{
	filter.KindZero:      "zeros (they share one page)",
	filter.KindCache:     "page cache",
	filter.KindPrivate:   "page cache with buffers",
	filter.KindUser:      "memory of processes",
	filter.KindFree:      "free",
	filter.KindOffline:   "offline",
	filter.KindPoisoned:  "broken memory",
	filter.KindForeign:   "firmware",
	filter.KindOwnerless: "allocated, and nothing says by whom",
	filter.KindShared:    "shared with devices or user space",
	filter.KindCrash:     "the crash kernel's",
}

// VmcoreFilter prints what became of the pages of a dump.
func VmcoreFilter(w io.Writer, r *filter.Report, st Style) error {
	p := &printer{w: w, s: st}
	size := func(pages uint64) string { return vmcore.Size(pages * uint64(r.PageSize)) }
	p.line("%s", p.s.paint(strong, fmt.Sprintf("%s of RAM, %s written, %s compressed with %s", size(r.Pages), size(r.Written), vmcore.Size(uint64(r.BytesOut)), r.Compression)))
	row := func(pages uint64, what string) {
		if pages > 0 {
			p.line("  %9d pages %12s  %s", pages, size(pages), what)
		}
	}
	row(r.Written, "written")
	for _, l := range r.LeftOut {
		row(l.Pages, "left out: "+leftOutNames[l.Kind])
	}
	row(r.Missing, "were not in the dump before")
	row(r.Unreadable, "could not be read, and are marked as lost")
	if r.Undescribed > 0 {
		row(r.Undescribed, "of these have a struct page that is not in the dump")
	}
	if r.Redacted != nil {
		p.redacted(r.Redacted)
	}
	return p.err
}

func (p *printer) redacted(r *filter.Redacted) {
	p.section("Overwritten with " + r.Pattern)
	for _, m := range r.Overwritten {
		p.line("  %9d places %11s  %s", m.Places, vmcore.Size(m.Bytes), m.What)
	}
	p.section("Kept, and may tell of people")
	for _, m := range r.Kept {
		text := m.What
		if m.Note != "" {
			text += ": " + m.Note
		}
		p.wrapped("  · ", text, plain)
	}
	p.section("Could not be decided")
	for _, u := range r.Undecided {
		p.wrapped("  · ", u, danger)
	}
	if len(r.Undecided) == 0 {
		p.line("  nothing")
	}
}
