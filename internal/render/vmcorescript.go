package render

import (
	"io"

	"ringside/vmcore/script"
)

// VmcoreScript prints what a script over a dump said and reported.
func VmcoreScript(w io.Writer, r *script.Result, st Style) error {
	p := &printer{w: w, s: st}
	for _, line := range r.Output {
		p.line("%s", line)
	}
	for i := range r.Findings {
		p.vmcoreFinding(&r.Findings[i], i == 0)
	}
	return p.err
}
