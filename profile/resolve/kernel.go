package resolve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"ringside/profile"
)

// Kernel finds the kernel's functions.
type Kernel interface {
	// Find returns the function at an address and its module, "" for the kernel
	// itself.
	Find(addr uint64) (name, module string, ok bool)
	// Address returns where the symbol is by which a kernel says how far it was
	// moved: _text or _stext.
	Address(name string) (uint64, bool)
}

// A KernelSymbol is a line of /proc/kallsyms: its type is nm's letter.
type KernelSymbol struct {
	Addr         uint64
	Type         byte
	Name, Module string
}

// NewKernel makes a table of the kernel's functions. Where several have one
// address, the one that perf would choose gives it the name.
func NewKernel(all iter.Seq[KernelSymbol]) Kernel {
	k := &kernelTable{marks: map[string]uint64{}}
	var text bytes.Buffer
	for s := range all {
		k.add(s.Addr, s.Type, []byte(s.Name), text.Len())
		text.WriteString(s.Name)
		if s.Module != "" {
			fmt.Fprintf(&text, "\t[%s]", s.Module)
		}
		text.WriteByte('\n')
	}
	return k.done(text.Bytes())
}

// maxKallsyms bounds the text of /proc/kallsyms; a large kernel has 15 MiB.
const maxKallsyms = 256 << 20

// ReadKallsyms reads the text of /proc/kallsyms.
func ReadKallsyms(r io.Reader) (Kernel, error) {
	var b bytes.Buffer
	b.Grow(8 << 20)
	if n, err := b.ReadFrom(io.LimitReader(r, maxKallsyms+1)); err != nil {
		return nil, err
	} else if n > maxKallsyms {
		return nil, fmt.Errorf("more than %d bytes: this is no kallsyms", maxKallsyms)
	}
	text := b.Bytes()
	k := &kernelTable{table: table{syms: make([]sym, 0, len(text)/64)}, marks: map[string]uint64{}}
	nonzero := false
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n') + at
		if end < at {
			end = len(text)
		}
		line := text[at:end]
		addr, n := hexNumber(line)
		if n == 0 || n+3 >= len(line) || line[n] != ' ' || line[n+2] != ' ' {
			return nil, fmt.Errorf("byte %d: %.40q is no line of kallsyms", at, line)
		}
		nonzero = nonzero || addr != 0
		k.add(addr, line[n+1], line[n+3:], at+n+3)
		at = end + 1
	}
	if !nonzero {
		return nil, errors.New("it has no addresses: they are hidden from those who may not see them; read it as root")
	}
	return k.done(text), nil
}

// hexNumber reads a hexadecimal number and says how many digits it has.
func hexNumber(b []byte) (v uint64, n int) {
	for ; n < len(b) && n <= 16; n++ {
		c := b[n]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return v, n
		}
		v = v<<4 | uint64(c)
	}
	return v, n
}

// add adds a symbol if it is of a type that ends another: code or data.
func (k *kernelTable) add(addr uint64, typ byte, name []byte, nameAt int) {
	if len(name) > 4 && name[0] == '_' && (string(name) == "_text" || string(name) == "_stext") {
		k.marks[string(name)] = addr
	}
	s := sym{addr: addr, end: addr, nameAt: uint32(nameAt)}
	switch typ {
	case 'T', 'D', 'B':
		s.bind = global
	case 'W':
		s.bind = weak
	case 't', 'd', 'b', 'w':
	default:
		return
	}
	k.syms = append(k.syms, s)
}

// kernelTable is the symbols of a kernel and its modules: a name's text is
// "name\t[module]".
type kernelTable struct {
	table
	marks map[string]uint64
}

func (k *kernelTable) done(text []byte) Kernel {
	k.texts = [][]byte{text}
	k.settle(func(s *sym) bool { return k.module(s) != "" })
	return k
}

func (k *kernelTable) module(s *sym) string {
	b := k.texts[0][s.nameAt:]
	for i, c := range b {
		if c >= ' ' {
			continue
		}
		if c != '\t' || i+1 >= len(b) || b[i+1] != '[' {
			return ""
		}
		b = b[i+2:]
		end := bytes.IndexByte(b, ']')
		return string(b[:max(end, 0)])
	}
	return ""
}

func (k *kernelTable) Find(addr uint64) (name, module string, ok bool) {
	s, ok := k.find(addr)
	if !ok {
		return "", "", false
	}
	return k.name(s), k.module(s), true
}

// Extent says where the function at an address begins and ends.
func (k *kernelTable) Extent(addr uint64) (start, end uint64, ok bool) {
	s, ok := k.find(addr)
	if !ok {
		return 0, 0, false
	}
	return s.addr, s.end, true
}

func (k *kernelTable) Address(name string) (uint64, bool) {
	a, ok := k.marks[name]
	return a, ok
}

// kernelFrame returns the frame of an address in the kernel.
func (l *loader) kernelFrame(addr uint64) profile.FrameID {
	if id, ok := l.kframes[addr]; ok {
		return id
	}
	f := profile.Frame{Kind: profile.Kernel, Module: "[kernel.kallsyms]"}
	named := false
	for i := range l.bpf {
		if k := &l.bpf[i]; addr >= k.Addr && addr-k.Addr < uint64(k.Len) {
			f.Func, f.Module, named = k.Name, "[bpf]", true
		}
	}
	if !named && l.kernel != nil {
		if name, module, ok := l.kernel.Find(addr - l.moved); ok {
			f.Func, named = name, true
			if module != "" {
				f.Module = "[" + module + "]"
			}
		}
	}
	if !named {
		f.Addr = addr
	}
	var lines []Line
	if l.kernelLines != nil && f.Module == "[kernel.kallsyms]" {
		lines = l.kernelLines.Lines(addr - l.moved)
	}
	id := l.expand(f, lines)
	l.kframes[addr] = id
	return id
}

// guestFrame returns the frame of an address in a guest's kernel.
func (l *loader) guestFrame(addr uint64) profile.FrameID {
	f := profile.Frame{Kind: profile.GuestKernel, Module: "[guest.kernel.kallsyms]", Addr: addr}
	if l.opt.Guest != nil {
		if name, module, ok := l.opt.Guest.Find(addr); ok {
			f.Func, f.Addr = name, 0
			if module != "" {
				f.Module = "[guest." + module + "]"
			}
		}
	}
	return l.b.Frame(f)
}
