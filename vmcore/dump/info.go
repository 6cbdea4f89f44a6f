package dump

import (
	"debug/elf"
	"io"
	"time"
)

// Input is one file of a dump. R is read from several goroutines at once.
type Input struct {
	Name string // for messages
	R    io.ReaderAt
	Size int64 // negative: unknown, as of /proc/kcore and /proc/vmcore
}

// Options say what the content of a dump does not.
type Options struct {
	// Raw takes content that is no known container for plain RAM, of which Base
	// is the physical address of the first byte.
	Raw  bool
	Base uint64
	// Machine is that of raw RAM; 0 stands for x86_64.
	Machine elf.Machine
	// PageSize overrides what the header says; without either it is 4096.
	PageSize int
	// Cache bounds the bytes of pages kept for the next who asks; 0 stands for
	// 64 MiB.
	Cache int64
}

// The containers, as [Info.Format] has them.
const (
	FormatELF   = "elf"
	FormatKDUMP = "kdump"
	FormatRaw   = "raw"
	FormatKcore = "kcore"
)

// Info is what the container says about itself and its kernel.
type Info struct {
	Format    string `json:"format"`
	Flattened bool   `json:"flattened,omitempty"`
	Parts     int    `json:"parts"`
	// Machine is the kernel's; Arch its name as `uname -m` prints it.
	Machine     elf.Machine `json:"machine"`
	Arch        string      `json:"arch"`
	PageSize    int         `json:"page_size"`
	Compression []string    `json:"compression,omitempty"`
	// DumpLevel is makedumpfile's -d: 1 zero, 2 cache, 4 private cache, 8 user,
	// 16 free pages were left out.
	DumpLevel  int       `json:"dump_level,omitempty"`
	Release    string    `json:"release,omitempty"`
	Version    string    `json:"version,omitempty"`
	Node       string    `json:"node,omitempty"`
	Time       time.Time `json:"time,omitzero"`
	Incomplete bool      `json:"incomplete,omitempty"`
	// Producer is "qemu", "makedumpfile" or "kdump" (a copy of /proc/vmcore),
	// and empty where that cannot be told.
	Producer     string `json:"producer,omitempty"`
	Pages        uint64 `json:"pages"`
	PagesPresent uint64 `json:"pages_present"`
	Bytes        int64  `json:"bytes"` // of all inputs, as far as their sizes are known
	// PhysBase is the sub-header's. QEMU writes a wrong one there: VMCOREINFO
	// comes first.
	PhysBase *int64   `json:"phys_base,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Range is a half-open range of physical addresses.
type Range struct {
	Start uint64 `json:"start"`
	End   uint64 `json:"end"`
}

// NoPhys is the physical address of a mapping that has none.
const NoPhys = ^uint64(0)

// Mapping is a range of the kernel's virtual addresses that the container itself
// knows: in /proc/kcore, /proc/vmcore and in QEMU's dumps with paging.
type Mapping struct {
	VirtAddr uint64 `json:"virt_addr"`
	PhysAddr uint64 `json:"phys_addr"` // NoPhys: not one stretch of RAM, as vmalloc
	Size     uint64 `json:"size"`
}

// Note is an ELF note as it is in the dump.
type Note struct {
	Name   string `json:"name"`
	Type   uint32 `json:"type"`
	Desc   []byte `json:"-"`
	Offset int64  `json:"offset"` // of the descriptor, in its file
}

// CPU is a processor as the dump's notes describe it.
type CPU struct {
	// Index counts the notes. A kernel that dumps itself writes none for a CPU
	// that was offline, so this is not always the kernel's number.
	Index int `json:"index"`
	// PID is that of the task; QEMU writes the number of the CPU plus one.
	PID     int      `json:"pid"`
	Regs    Regs     `json:"regs"`
	Control *Control `json:"control,omitempty"`
}

// Regs are a processor's registers.
type Regs struct {
	PC    uint64 `json:"pc"`
	SP    uint64 `json:"sp"`
	FP    uint64 `json:"fp"` // rbp, x29
	Flags uint64 `json:"flags"`
	Named []Reg  `json:"named,omitempty"` // all, in the order of the note
}

// Reg is one register under the kernel's name for it.
type Reg struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// Get returns a register by name: rax, r15, x0, pstate.
func (r Regs) Get(name string) (uint64, bool) {
	for _, n := range r.Named {
		if n.Name == name {
			return n.Value, true
		}
	}
	return 0, false
}

// Control is what only a hypervisor sees of an x86_64 CPU: QEMU's own note.
type Control struct {
	CR0          uint64  `json:"cr0"`
	CR2          uint64  `json:"cr2"`
	CR3          uint64  `json:"cr3"`
	CR4          uint64  `json:"cr4"`
	FSBase       uint64  `json:"fs_base"`
	GSBase       uint64  `json:"gs_base"`
	KernelGSBase uint64  `json:"kernel_gs_base"`
	CS           Segment `json:"cs"`
	TR           Segment `json:"tr"`
	GDT          Segment `json:"gdt"`
	IDT          Segment `json:"idt"`
}

// Segment is a segment or descriptor table register of x86.
type Segment struct {
	Selector uint32 `json:"selector"`
	Limit    uint32 `json:"limit"`
	Flags    uint32 `json:"flags"`
	Base     uint64 `json:"base"`
}
