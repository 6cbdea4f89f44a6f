package crash

import (
	"slices"
	"strings"

	"ringside/klog"
)

// programCounter reads a line that names the program counter.
func (b *builder) programCounter(s *stream, rec *klog.Record, l pcLine) {
	s.user = l.user
	if !l.user && l.prefix.link && b.link == nil && s.to == targetMain && len(l.sym.name) > 0 && b.stage < stageEnded {
		b.link = &Location{Function: b.mem.names.of(l.sym.name), Offset: l.sym.offset, Size: l.sym.size, Module: b.mem.names.of(l.sym.module)}
	}
	if l.user || l.prefix.link {
		return
	}
	if b.rep.Arch == "" || l.prefix.arch != "" && b.pc == nil {
		if l.prefix.arch != "" {
			b.rep.Arch = l.prefix.arch
			b.evidence("arch", "body/program-counter", rec, 0, len(l.prefix.text))
		}
	}
	if b.stage >= stageEnded {
		return
	}
	if len(l.sym.name) == 0 {
		if b.pc == nil && s.to == targetMain && len(b.rep.Frames) == 0 {
			b.pc = &Location{Function: "", Why: "the program counter points outside the kernel's code: " + string(l.addr)}
			b.evidence("pc", "body/program-counter", rec, l.start, l.end)
		}
		return
	}
	if b.pc != nil && b.pc.Function == string(l.sym.name) && b.pc.Offset == l.sym.offset {
		return // said again: x86 until 4.17 ends an oops with it
	}
	f := frameLine{sym: l.sym, file: l.file, line: l.line, reliable: true}
	if s.to == targetMain && len(b.rep.Frames) == 0 && s.label == "" {
		if b.pc != nil {
			return
		}
		b.pc = &Location{Function: b.mem.names.of(l.sym.name), Offset: l.sym.offset, Size: l.sym.size, Module: b.mem.names.of(l.sym.module)}
		b.evidence("pc", "body/program-counter", rec, l.start, l.end)
		s.ctx = "pc"
		b.frame(s, rec, &f)
		s.ctx = ""
		if _, ok := b.rep.Registers[l.prefix.reg]; !ok && l.prefix.reg != "" {
			value := l.addr // in front of the symbol, or in brackets
			if len(value) == 0 {
				value = rec.Text[l.start:l.end]
			}
			b.register(l.prefix.reg, string(value))
			b.evidence(b.mem.fields.with("registers.", l.prefix.reg), "body/program-counter", rec, l.start, l.end)
		}
		return
	}
	// In the middle of a stack it is where an interrupt hit.
	ctx := s.ctx
	s.ctx = "interrupted"
	b.frame(s, rec, &f)
	s.ctx = ctx
}

// oncePC takes a stack's first frame away where that is the program counter
// again, which was printed before it: most architectures but x86 walk from
// there. Arm names the function without the place in it.
func (b *builder) oncePC() {
	f := b.rep.Frames
	if len(f) < 2 || f[0].Context != "pc" || f[1].Inline || f[0].Function == "" || f[0].Function != f[1].Function {
		return
	}
	if f[1].Offset == f[0].Offset || f[1].Offset == 0 {
		b.rep.Frames = slices.Delete(f, 1, 2)
	}
}

// register keeps the value of a register, if there is room for it.
func (b *builder) register(name, value string) {
	if len(b.rep.Registers) >= maxRegisters {
		return
	}
	b.rep.Registers[name] = value
}

// registers adds a line of a register dump.
func (b *builder) registers(s *stream, rec *klog.Record, regs []register, arch string) {
	if b.rep.Arch == "" && arch != "" {
		b.rep.Arch = arch
		b.evidence("arch", "body/registers", rec, 0, len(rec.Text))
	}
	if s.user || b.stage >= stageEnded {
		return
	}
	b.seen.regs = true
	from := regs[0].start
	line := string(rec.Text[from:regs[len(regs)-1].end]) // the values share it
	for _, r := range regs {
		name := b.mem.names.of(r.name)
		if v, ok := b.rep.Registers[name]; ok && strings.IndexByte(v, '+') < 0 || len(b.rep.Registers) >= maxRegisters || !b.room.take(1) {
			continue
		}
		b.register(name, line[r.start-from:r.end-from])
		b.evidence(b.mem.fields.with("registers.", name), "body/registers", rec, r.start, r.end)
	}
}

// registerLine reads a line of a register dump. It reports whether text, without
// leading blanks, is one.
func (b *builder) registerLine(s *stream, rec *klog.Record, text []byte) bool {
	regs, arch := scanRegisters(text, b.mem.regs[:0])
	if len(regs) == 0 {
		regs, arch, b.gprNext = scanRegisterList(text, b.gprNext, regs)
	}
	b.mem.regs = regs
	if len(regs) == 0 {
		return false
	}
	shift := len(rec.Text) - len(text)
	for i := range regs {
		regs[i].start, regs[i].end = regs[i].start+shift, regs[i].end+shift
	}
	b.registers(s, rec, regs, arch)
	return true
}
