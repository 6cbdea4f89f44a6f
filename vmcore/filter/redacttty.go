package filter

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// Bounds of what terminals have.
const (
	maxDrivers   = 1000
	maxTerminals = 1 << 12
	maxBuffers   = 1 << 16
)

// redactTerminals overwrites what terminals have received and not handed out
// yet, and what is on the screens of the console.
func (r *redactor) redactTerminals() error {
	const what = "input of terminals and content of screens"
	if r.ask.KeepTerminals {
		r.keepMatter(what, "what was typed, passwords among it", 0, 0)
		return nil
	}
	if r.k.SizeOf("struct tty_struct") == 0 {
		return nil
	}
	drivers := r.global("tty_drivers", "struct list_head")
	if !drivers.Valid() {
		r.undecided("the terminals were not found: what was typed was kept")
		return nil
	}
	n := 0
	for d := range r.w.List(drivers, "struct tty_driver", "tty_drivers") {
		if n++; n > maxDrivers {
			break
		}
		ttys, ports := d.Field("ttys"), d.Field("ports")
		for i := range int(min(d.Field("num").Uint(), maxTerminals)) {
			var port kernel.Value
			if ttys.Ptr() != 0 {
				if tty := ttys.Index(i).Deref(); tty.Valid() {
					r.terminal(what, tty)
					port = tty.Field("port").Deref()
				}
			}
			if !port.Valid() && ports.Ptr() != 0 {
				port = ports.Index(i).Deref()
			}
			if port.Valid() {
				r.port(what, port)
			}
		}
	}
	r.openTerminals(what)
	if screens := r.global("vc_cons", "struct vc [63]"); screens.Valid() {
		for _, vc := range screens.Elements() {
			data := vc.Field("d").Deref()
			if !data.Valid() {
				continue
			}
			at, size := data.Field("vc_screenbuf").Ptr(), data.Field("vc_screenbuf_size").Uint()
			if at != 0 && size < 1<<24 {
				r.wipe(what, at, size)
			}
		}
	}
	return nil
}

// terminal overwrites what the line discipline holds of lines that are not
// complete.
func (r *redactor) terminal(what string, tty kernel.Value) {
	data := tty.Field("disc_data").Ptr()
	if data == 0 || tty.Field("ldisc").Deref().Field("ops").Deref().Field("num").Int() != 0 {
		return // not N_TTY
	}
	if r.k.SizeOf("struct n_tty_data") == 0 {
		r.undecided("struct n_tty_data is not known: lines that terminals hold were kept")
		return
	}
	r.lines(what, r.w.At("struct n_tty_data", data))
	if at := tty.Field("write_buf").Ptr(); at != 0 {
		r.wipe(what, at, min(uint64(max(tty.Field("write_cnt").Int(), 0)), 1<<20))
	}
}

func (r *redactor) lines(what string, data kernel.Value) {
	for _, m := range []string{"read_buf", "echo_buf"} {
		r.wipe(what, data.Field(m).Addr(), uint64(data.Field(m).Size()))
	}
}

// port overwrites what a device has received.
func (r *redactor) port(what string, port kernel.Value) {
	n := 0
	sentinel := port.Field("buf.sentinel").Addr()
	for b := range r.w.Chain(port.Field("buf.head").Deref(), "next") {
		if n++; n > maxBuffers {
			break
		}
		if size := b.Field("size").Uint(); b.Addr() != sentinel && size < 1<<20 {
			r.wipe(what, b.Field("data").Addr(), size)
		}
	}
}

// openTerminals finds those that no driver lists, which are the pseudo-terminals
// that everybody works at: by the open files that lead to them, and what they
// hold of lines by who asked for its memory.
func (r *redactor) openTerminals(what string) {
	cache, fops := r.global("filp_cachep", "struct kmem_cache *").Ptr(), uint64(0)
	if at, ok := r.k.Symbol("tty_fops"); ok {
		fops = at
	}
	if cache == 0 || fops == 0 {
		r.undecided("the open files were not found: what was typed at pseudo-terminals was kept")
		return
	}
	seen := map[uint64]bool{}
	for run := range r.slabRuns() {
		for slab := range r.slabs.Slabs(run) {
			if slab.CacheAddr != cache {
				continue
			}
			for i := range slab.Objects {
				if slab.Free(i) {
					continue
				}
				file := r.w.At("struct file", slab.Object(i))
				if file.Field("f_op").Ptr() != fops {
					continue
				}
				tty := r.w.At("struct tty_file_private", file.Field("private_data").Ptr()).Field("tty").Deref()
				for _, side := range []kernel.Value{tty, tty.Field("link").Deref()} {
					if side.Valid() && !seen[side.Addr()] {
						seen[side.Addr()] = true
						r.terminal(what, side)
						if port := side.Field("port").Deref(); port.Valid() {
							r.port(what, port)
						}
					}
				}
			}
		}
	}
	lines := r.k.SizeOf("struct n_tty_data")
	for _, a := range object.VmallocAreas(r.w) {
		if a.Caller == "n_tty_open" && lines > 0 && a.Size >= lines {
			r.lines(what, r.w.At("struct n_tty_data", a.Start))
		}
	}
}
