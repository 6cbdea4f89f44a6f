package gdbserver

import (
	"debug/elf"
	"errors"
	"fmt"
	"strings"
)

// register is one register of a description, in the order of the 'g' packet.
type register struct {
	name string
	bits int
	kind string // gdb's type
}

// errMachine says that there is no description of a machine's registers.
var errMachine = errors.New("registers of this machine are not described to debuggers; those of x86_64 and arm64 are")

// features returns the registers of a machine and the XML that describes them.
func features(machine elf.Machine) ([]register, string, error) {
	switch machine {
	case elf.EM_X86_64:
		core, segments := x86Registers()
		return append(core, segments...), describe("i386:x86-64", group{"org.gnu.gdb.i386.core", core}, group{"org.gnu.gdb.i386.segments", segments}), nil
	case elf.EM_AARCH64:
		core := arm64Registers()
		return core, describe("aarch64", group{"org.gnu.gdb.aarch64.core", core}), nil
	}
	return nil, "", errMachine
}

type group struct {
	name      string
	registers []register
}

func describe(arch string, groups ...group) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n<architecture>%s</architecture>\n", arch)
	for _, g := range groups {
		fmt.Fprintf(&b, "<feature name=%q>\n", g.name)
		for _, r := range g.registers {
			fmt.Fprintf(&b, "<reg name=%q bitsize=\"%d\" type=%q/>\n", r.name, r.bits, r.kind)
		}
		b.WriteString("</feature>\n")
	}
	b.WriteString("</target>\n")
	return b.String()
}

// x86Registers are the general ones and those of the x87, which gdb insists on,
// and the bases of fs and gs.
func x86Registers() (core, segments []register) {
	for _, name := range strings.Fields("rax rbx rcx rdx rsi rdi") {
		core = append(core, register{name, 64, "int64"})
	}
	core = append(core, register{"rbp", 64, "data_ptr"}, register{"rsp", 64, "data_ptr"})
	for i := 8; i <= 15; i++ {
		core = append(core, register{fmt.Sprintf("r%d", i), 64, "int64"})
	}
	core = append(core, register{"rip", 64, "code_ptr"}, register{"eflags", 32, "int32"})
	for _, name := range strings.Fields("cs ss ds es fs gs") {
		core = append(core, register{name, 32, "int32"})
	}
	for i := range 8 {
		core = append(core, register{fmt.Sprintf("st%d", i), 80, "i387_ext"})
	}
	for _, name := range strings.Fields("fctrl fstat ftag fiseg fioff foseg fooff fop") {
		core = append(core, register{name, 32, "int"})
	}
	return core, []register{{"fs_base", 64, "int"}, {"gs_base", 64, "int"}}
}

func arm64Registers() (core []register) {
	for i := range 31 {
		core = append(core, register{fmt.Sprintf("x%d", i), 64, "int"})
	}
	return append(core, register{"sp", 64, "data_ptr"}, register{"pc", 64, "code_ptr"}, register{"cpsr", 32, "int"})
}

// encode writes registers as the 'g' packet has them: little-endian, "xx" for
// bytes that are not known.
func encode(list []register, values map[string]uint64) string {
	var b strings.Builder
	for _, r := range list {
		v, ok := values[r.name]
		for i := range r.bits / 8 {
			switch {
			case !ok:
				b.WriteString("xx")
			case i < 8:
				fmt.Fprintf(&b, "%02x", byte(v>>(8*i)))
			default:
				b.WriteString("00")
			}
		}
	}
	return b.String()
}
