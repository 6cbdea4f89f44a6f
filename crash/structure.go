package crash

import (
	"bytes"
	"strings"
	"sync"
)

// part is what a line is within a report, apart from headlines and details.
type part uint8

const (
	partNone     part = iota
	partBanner        // "Linux version": a boot begins
	partBootInfo      // command line, DMI: facts of a boot
	partCut           // "------------[ cut here ]------------"
	partCPU           // who was running
	partTaint         // the taint line of a hung task
	partModules       // "Modules linked in:"
	partTrace         // "Call Trace:": a stack follows
	partContext       // "<TASK>", "</IRQ>"
	partSub           // heading of a further stack
	partNMI           // "NMI backtrace for cpu N"
	partTaskDump      // "Task dump for CPU 1:"
	partTask          // "task:foo state:D"
	partEndTrace      // "---[ end trace"
	partEndPanic      // "---[ end Kernel panic"
	partRule          // "=====": frames the reports of the sanitizers and of lockdep
	partSysRq         // "sysrq: Show", "FAULT_INJECTION": somebody asked for a dump
)

// structureTable names the literal starts of the parts. Longer starts come
// before shorter ones of the same text.
var structureTable = []struct {
	text string
	part part
}{
	{"Linux version ", partBanner},
	{"Command line: ", partBootInfo},
	{"Kernel command line: ", partBootInfo},
	{"DMI: ", partBootInfo},
	{"------------[ cut here ]------------", partCut},
	{"8<--- cut here ---", partCut},
	{"CPU: ", partCPU},
	{"Pid: ", partCPU},
	{"Tainted: ", partTaint},
	{"Not tainted", partTaint},
	{"Modules linked in:", partModules},
	{"Call Trace:", partTrace},
	{"Call trace:", partTrace},
	{"Backtrace:", partTrace},
	{"Backtrace: ", partTrace},
	{"backtrace:", partTrace},
	{"backtrace (crc ", partTrace},
	{"stack backtrace:", partTrace},
	{"Stack:", partTrace},
	{"<TASK>", partContext}, {"</TASK>", partContext},
	{"<IRQ>", partContext}, {"</IRQ>", partContext},
	{"<NMI>", partContext}, {"</NMI>", partContext},
	{"<SOFTIRQ>", partContext}, {"</SOFTIRQ>", partContext},
	{"<#DF>", partContext}, {"</#DF>", partContext},
	{"<#DB>", partContext}, {"</#DB>", partContext},
	{"<#MC>", partContext}, {"</#MC>", partContext},
	{"<ENTRY_TRAMPOLINE>", partContext}, {"</ENTRY_TRAMPOLINE>", partContext},
	{"<<EOE>>", partContext}, {"<EOI>", partContext},
	{"Allocated by task", partSub},
	{"Freed by task", partSub},
	{"allocated by task", partSub},
	{"freed by task", partSub},
	{"Last potentially related work creation:", partSub},
	{"Second to last potentially related work creation:", partSub},
	{"Uninit was created at:", partSub},
	{"Uninit was stored to memory at:", partSub},
	{"Local variable ", partSub},
	{"INFO: Allocated in ", partSub},
	{"INFO: Freed in ", partSub},
	{"Allocated in ", partSub},
	{"Freed in ", partSub},
	{"page last allocated via", partSub},
	{"page last free stack trace:", partSub},
	{"page last free pid", partSub},
	{"page_owner tracks the page as ", partSub},
	{"RCU grace-period kthread stack dump:", partSub},
	{"Stack dump where RCU GP kthread last ran:", partSub},
	{"Showing all locks held in the system:", partSub},
	{"-> #", partSub},
	{"read to ", partSub},
	{"write to ", partSub},
	{"read (marked) to ", partSub},
	{"write (marked) to ", partSub},
	{"kfence-#", partSub},
	{"Preemption disabled at:", partSub},
	{"Last Breaking-Event-Address:", partSub},
	{"NMI backtrace for cpu ", partNMI},
	{"Task dump for CPU ", partTaskDump},
	{"task:", partTask},
	{"---[ end trace ", partEndTrace},
	{"---[ end Kernel panic", partEndPanic},
	{"end Kernel panic", partEndPanic},
	{"==================================================================", partRule},
	{"FAULT_INJECTION: forcing a failure", partSysRq},
	{"sysrq: Show ", partSysRq},
	{"SysRq : Show ", partSysRq},
	{"sysrq: HELP", partSysRq},
	{"Showing busy workqueues and worker pools:", partSysRq},
}

// structureIndex finds parts by their first byte.
type structureIndex [256][]int

var sharedStructure = sync.OnceValue(buildStructure)

func buildStructure() *structureIndex {
	ix := new(structureIndex)
	for i, s := range structureTable {
		ix[s.text[0]] = append(ix[s.text[0]], i)
	}
	return ix
}

// of returns the part that text, without leading blanks, is.
func (ix *structureIndex) of(text []byte) part {
	if len(text) == 0 {
		return partNone
	}
	for _, i := range ix[text[0]] {
		if s := &structureTable[i]; len(text) >= len(s.text) && string(text[:len(s.text)]) == s.text {
			return s.part
		}
	}
	if text[0] == '{' && bytes.Contains(text, []byte("} state was registered at:")) {
		return partSub
	}
	// "? <TASK>"-less context names of older x86: " <IRQ>  [<ffff>] foo".
	if text[0] == '-' && bytes.Contains(text, []byte("[ end trace ")) {
		return partEndTrace
	}
	return partNone
}

// parseModules reads "Modules linked in: foo(OE) bar baz(-) [last unloaded: qux]".
func parseModules(text []byte, list []Module) []Module {
	text = bytes.TrimPrefix(text, []byte("Modules linked in:"))
	for word := range bytes.FieldsSeq(text) {
		if word[0] == '[' || len(list) >= maxModules {
			break
		}
		name, flags, _ := bytes.Cut(word, []byte("("))
		if !isModuleName(name) {
			break
		}
		list = append(list, Module{string(name), string(bytes.TrimSuffix(flags, []byte(")")))})
	}
	return list
}

// parseTask reads "task:kworker/1:2     state:D stack:0     pid:53    ppid:2".
func parseTask(text []byte) (comm string, pid int, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte("task:"))
	if !ok {
		return "", 0, false
	}
	i := bytes.Index(rest, []byte(" state:"))
	if i < 0 {
		return "", 0, false
	}
	comm = string(bytes.TrimRight(rest[:i], " "))
	if j := bytes.Index(rest[i:], []byte(" pid:")); j >= 0 {
		if n, m := atoi(rest[i+j+len(" pid:"):]); m > 0 {
			return comm, n, true
		}
	}
	return comm, -1, true
}

// parseOldTask reads how kernels before 5.9 name a task of a dump, if it is in
// uninterruptible sleep:
//
//	syz-executor5   D24856 10045   3712 0x00000004
//	kworker/u4:6    D    0    53      2 0x80000000
//	bash            D ffff88007a5a8000     0  1234      1 0x00000000
func parseOldTask(text []byte) (comm string, pid int, ok bool) {
	var parts [8][]byte // on the stack: every line of a report asks
	fields := parts[:0]
	for f := range bytes.FieldsSeq(text[:min(len(text), 128)]) {
		if len(fields) == len(parts) || len(fields) == 2 && fields[1][0] != 'D' {
			return "", 0, false
		}
		fields = append(fields, f)
	}
	n := len(fields)
	if n < 5 || !bytes.HasPrefix(fields[n-1], []byte("0x")) || hexLen(fields[n-1]) != len(fields[n-1]) {
		return "", 0, false
	}
	pid, m := atoi(fields[n-3])
	if m == 0 || m != len(fields[n-3]) || fields[1][0] != 'D' {
		return "", 0, false
	}
	if state := fields[1][1:]; run(state, digits) != len(state) {
		return "", 0, false
	}
	return clip(fields[0]), pid, true
}

// parseBanner reads
//
//	Linux version 6.1.0-56-amd64 (builder@host) (gcc-12 (Debian 12.2.0) 12.2.0, GNU ld ...) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-10-10)
func parseBanner(text []byte) Boot {
	rest := bytes.TrimPrefix(text, []byte("Linux version "))
	release, rest, _ := bytes.Cut(rest, []byte(" "))
	b := Boot{Release: string(release)}
	if i := bytes.LastIndex(rest, []byte(") #")); i >= 0 {
		b.Version = string(rest[i+2:])
		rest = rest[:i+1]
	}
	// The compiler is the second parenthesis; the first is user@host.
	if i := bytes.Index(rest, []byte(") (")); i >= 0 {
		b.Compiler = string(bytes.Trim(rest[i+3:], "()"))
	} else {
		b.Compiler = string(bytes.Trim(rest, "()"))
	}
	b.Arch = archOf(b.Release, b.Compiler)
	return b
}

// archOf guesses an architecture from a release and a compiler's target name.
// Both are conventions, so what a register dump says goes before it.
func archOf(release, compiler string) string {
	for _, a := range []struct{ mark, arch string }{
		{"x86_64", "x86_64"}, {"amd64", "x86_64"}, {"aarch64", "arm64"}, {"arm64", "arm64"},
		{"riscv64", "riscv64"}, {"powerpc64le", "powerpc"}, {"ppc64le", "powerpc"}, {"powerpc", "powerpc"},
		{"s390x", "s390x"}, {"loongarch64", "loongarch64"}, {"loong64", "loongarch64"}, {"mips", "mips"},
		{"armhf", "arm"}, {"arm-linux", "arm"}, {"armmp", "arm"}, {"i686", "i386"}, {"i386", "i386"}, {"686-pae", "i386"},
	} {
		if strings.Contains(release, a.mark) || strings.Contains(compiler, a.mark) {
			return a.arch
		}
	}
	return ""
}
