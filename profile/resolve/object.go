package resolve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"ringside/profile"
	"ringside/profile/jitdump"
	"ringside/profile/unwind"
)

// vdsoPath is what the kernel calls the code that it maps into processes.
const vdsoPath = "[vdso]"

// An object is a file that was mapped, with its functions, or the code that a
// runtime made.
type object struct {
	path       string
	module     string // how frames call it
	buildID    string
	opened     bool
	jit        bool
	loads      loads
	table      table
	number     uint64                   // among the objects
	named      map[*sym]profile.FrameID // by symbol
	unwind     *unwind.Tables
	unwindRead bool
	lines      Lines
	linesAsked bool
	dump       *dump          // of code that a runtime made, and wrote down with times
	made       *jitdump.Event // the code is this
}

// object returns the object of a path and build ID. Memory without a file
// belongs to its process.
func (l *loader) object(pid int32, path, id string) *object {
	if anonymous(path) {
		return l.jit(l.tasks.proc(pid))
	}
	key := path + "\x00" + id
	o := l.objects[key]
	if o == nil {
		o = &object{path: path, module: path, buildID: id, number: l.number()}
		// [vvar], [uprobes], a file that has no name any more.
		o.opened = path != vdsoPath && !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/memfd:")
		l.objects[key] = o
	}
	return o
}

// number returns a number that no object has.
func (l *loader) number() uint64 {
	l.numbered++
	return l.numbered
}

// jit returns the object for the code that a process's runtime has made.
func (l *loader) jit(p *process) *object {
	if p.jit == nil {
		p.jit = &object{module: "/tmp/perf-" + strconv.Itoa(int(p.pid)) + ".map", jit: true, number: l.number()}
	}
	return p.jit
}

// open reads the symbols of an object, once.
func (l *loader) open(o *object, p *process) {
	if o.opened {
		return
	}
	o.opened = true
	if o.jit {
		l.openMap(o, p)
		return
	}
	file, debug := l.files(o)
	if file == nil {
		return
	}
	defer file.Close()
	var from io.ReaderAt
	if debug != nil {
		defer debug.Close()
		from = debug
	}
	loads, t, err := readELF(file, from)
	if err != nil {
		l.unnamed(o, err.Error())
		return
	}
	o.loads, o.table = loads, t
}

// files opens an object, and its debug file where there is one. A debug file
// alone will do.
func (l *loader) files(o *object) (file, debug File) {
	if l.opt.Open == nil {
		return nil, nil
	}
	file, err := l.opt.Open(o.path, o.buildID)
	id := o.buildID
	if err == nil {
		if have := elfBuildID(file); id == "" {
			id = have
		} else if have != "" && !sameID(have, id) {
			file.Close()
			file, err = nil, fmt.Errorf("the file that is here is another build: its build ID is %s, recorded was %s", have, id)
		}
	}
	if l.opt.Debug != nil && id != "" {
		if d, derr := l.opt.Debug(id); derr == nil && !sameID(elfBuildID(d), id) {
			d.Close()
		} else if derr == nil {
			debug = d
		}
	}
	if err != nil {
		if debug == nil {
			l.unnamed(o, err.Error())
		}
		return debug, nil
	}
	return file, debug
}

// sameID compares build IDs; one may be filled up with zeros to 20 bytes.
func sameID(a, b string) bool { return strings.TrimRight(a, "0") == strings.TrimRight(b, "0") }

func (l *loader) unnamed(o *object, why string) {
	if !l.missing[o.path] {
		l.missing[o.path] = true
		l.b.Warn(fmt.Sprintf("functions of %s have no names: %s", o.path, why))
	}
}

// maxMap bounds a perf map.
const maxMap = 256 << 20

// openMap reads the perf map that a runtime wrote of its code.
func (l *loader) openMap(o *object, p *process) {
	if l.opt.PerfMap == nil {
		return
	}
	r, err := l.opt.PerfMap(p.pid)
	if err != nil {
		return // most processes have none
	}
	defer r.Close()
	o.table = readPerfMap(r)
}

// readPerfMap reads lines of "start size name".
func readPerfMap(r io.Reader) table {
	var t table
	var text []byte
	in := bufio.NewReaderSize(io.LimitReader(r, maxMap), 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if addr, n := hexNumber(trim0x(line)); n > 0 {
			rest := trim0x(line)[n:]
			if len(rest) > 1 && rest[0] == ' ' {
				rest = trim0x(rest[1:])
				if size, n := hexNumber(rest); n > 0 && len(rest) > n+1 && rest[n] == ' ' && addr+size >= addr {
					t.syms = append(t.syms, sym{addr: addr, end: addr + size, nameAt: uint32(len(text)), bind: global})
					text = append(append(text, rest[n+1:]...), '\n')
				}
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	t.texts = [][]byte{text}
	t.settle(nil)
	return t
}

func trim0x(b []byte) []byte {
	if len(b) > 2 && b[0] == '0' && b[1] == 'x' {
		return b[2:]
	}
	return b
}
