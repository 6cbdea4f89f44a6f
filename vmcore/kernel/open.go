package kernel

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"ringside/symbol/btf"
	"ringside/symbol/kallsyms"
	"ringside/symbol/orc"
	"ringside/vmcore/dump"
)

// Rung is how far up the ladder of information something is.
type Rung int

// The rungs, each standing on those before it.
const (
	RungNotes Rung = iota
	RungVMCoreInfo
	RungKallsyms
	RungORC
	RungBTF
	RungDWARF
)

var rungNames = []string{"notes", "vmcoreinfo", "kallsyms", "orc", "btf", "dwarf"}

func (r Rung) String() string { return rungNames[r] }

// MarshalText implements encoding.TextMarshaler.
func (r Rung) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Rung) UnmarshalText(text []byte) error {
	i := slices.Index(rungNames, string(text))
	if i < 0 {
		return fmt.Errorf("%q is no rung: they are %s", text, strings.Join(rungNames, ", "))
	}
	*r = Rung(i)
	return nil
}

// Step is one rung of the ladder.
type Step struct {
	Rung    Rung   `json:"rung"`
	Reached bool   `json:"reached"`
	Text    string `json:"text"` // what was found where, or why it was not
}

// Kernel is the kernel of a dump. It can be used by several goroutines.
type Kernel struct {
	Dump    *dump.File
	Machine elf.Machine
	Order   binary.ByteOrder
	Info    Info
	// Release and BuildID are the kernel's own where they could be read from
	// its memory.
	Release string
	BuildID string
	// Types is nil below the rung btf.
	Types *btf.Spec

	steps     [RungDWARF + 1]Step
	mmu       mmu
	virtual   bool // read by the container's own virtual extents
	pageShift uint
	dumpShift uint
	ptrSize   int
	syms      *kallsyms.Table
	orc       *orc.Table
	orcVer    orc.Version
	cpus      perCPU
	found     map[string]uint64 // variables that the symbol table does not name
	modules   []*Module
	types     typeCache
	debug     debugFile
}

// Options say how a dump is opened.
type Options struct {
	// VMCoreInfo is taken in place of what the dump has.
	VMCoreInfo []byte
}

// Open climbs the ladder. It fails only where the context ends: a dump that
// yields nothing but its notes is a Kernel that says so.
func Open(ctx context.Context, f *dump.File, o Options) (*Kernel, error) {
	info := f.Info()
	k := &Kernel{Dump: f, Machine: info.Machine, Order: binary.LittleEndian, ptrSize: 8, Release: info.Release}
	for r := range k.steps {
		k.steps[r].Rung = Rung(r)
	}
	switch k.Machine {
	case elf.EM_386, elf.EM_ARM:
		k.ptrSize = 4
	case elf.EM_S390:
		k.Order = binary.BigEndian
	}
	k.dumpShift = shiftOf(uint64(info.PageSize))
	k.pageShift = k.dumpShift
	k.reach(RungNotes, fmt.Sprintf("%s, registers of %d CPUs", info.Format, len(f.CPUs())))
	for _, climb := range []func(context.Context, Options) error{k.climbVMCoreInfo, k.climbKallsyms, k.climbTypes} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := climb(ctx, o); err != nil {
			if errors.Is(err, ctx.Err()) && ctx.Err() != nil {
				return nil, err
			}
			break
		}
	}
	for r := RungVMCoreInfo; r < RungDWARF; r++ {
		if !k.steps[r].Reached && k.steps[r].Text == "" {
			k.miss(r, "it stands on what is missing below it")
		}
	}
	if !k.steps[RungDWARF].Reached {
		k.miss(RungDWARF, "no vmlinux was given; nothing but lines and inlined calls needs one")
	}
	return k, nil
}

func shiftOf(size uint64) uint {
	if size < 4096 || size&(size-1) != 0 {
		return 12
	}
	return uint(bits.TrailingZeros64(size))
}

func (k *Kernel) reach(r Rung, text string) { k.steps[r] = Step{r, true, text} }
func (k *Kernel) miss(r Rung, text string)  { k.steps[r] = Step{r, false, text} }

// why says why a rung was not reached.
func (k *Kernel) why(r Rung) string { return k.steps[r].Text }

// Ladder tells of every rung whether it was reached, and what there was.
func (k *Kernel) Ladder() []Step { return k.steps[:] }

// Rung returns the highest rung that was reached. ORC belongs to one machine and
// is passed over on others.
func (k *Kernel) Rung() Rung {
	top := RungNotes
	for r := range k.steps {
		if k.steps[r].Reached {
			top = Rung(r)
		}
	}
	return top
}

// climbVMCoreInfo finds the kernel's description of itself, and with it the page
// tables.
func (k *Kernel) climbVMCoreInfo(ctx context.Context, o Options) error {
	text, where := o.VMCoreInfo, "given"
	var refused error
	if text == nil {
		text, where = k.Dump.VMCoreInfo(), "in the dump's note"
	}
	if text != nil {
		if refused = k.believe(text); refused == nil {
			k.reach(RungVMCoreInfo, "VMCOREINFO "+where+"; "+k.mmuName())
			return nil
		}
	}
	if len(k.Dump.Mappings()) == 0 || !k.virtualOnly() {
		found, err := k.scanInfo(ctx)
		if err == nil {
			k.reach(RungVMCoreInfo, fmt.Sprintf("VMCOREINFO found in memory at physical address %#x; %s", found, k.mmuName()))
			return nil
		}
		if refused == nil {
			refused = err
		}
	}
	k.miss(RungVMCoreInfo, refused.Error())
	return refused
}

func (k *Kernel) mmuName() string {
	if k.virtual {
		return "read by virtual address"
	}
	return k.mmu.name()
}

// virtualOnly reports whether the dump is a live /proc/kcore.
func (k *Kernel) virtualOnly() bool { return k.Dump.Info().Format == "kcore" }

// believe takes a VMCOREINFO if what it says leads to a kernel of the release
// that it names: RAM keeps those of kernels that ran before.
func (k *Kernel) believe(text []byte) error {
	in := ParseInfo(text)
	if in.Empty() {
		return errors.New("VMCOREINFO is empty")
	}
	oldMMU, oldShift, oldInfo := k.mmu, k.pageShift, k.Info
	k.Info = in
	if size := in.PageSize(); size != 0 {
		k.pageShift = shiftOf(size)
	}
	err := k.translate()
	if err != nil {
		k.mmu, k.pageShift, k.Info = oldMMU, oldShift, oldInfo
		if oldInfo.Empty() {
			k.Info = in // what it says is good to know even so
		}
	}
	return err
}

// translate sets the translation up and reads the kernel's name through it.
func (k *Kernel) translate() (err error) {
	k.virtual = k.virtualOnly()
	if !k.virtual {
		if k.mmu, err = newMMU(k.Machine, k.Info, 1<<k.pageShift); err != nil {
			return err
		}
	}
	release := k.Info.Get("OSRELEASE")
	uts, ok := k.Info.Symbol("init_uts_ns")
	if !ok {
		k.Release = release
		return nil // very old, and nothing to compare with
	}
	name, ok := k.Info.Offset("uts_namespace.name")
	if !ok {
		name = 4
	}
	w := k.walk()
	const field = 65 // sizeof(struct new_utsname) / 6
	got, err := w.CString(uts+name+2*field, field)
	if err != nil {
		return fmt.Errorf("VMCOREINFO of %s does not lead to a kernel in this memory: %w", release, err)
	}
	if got != release {
		return fmt.Errorf("VMCOREINFO is of %s, and the kernel's memory says %q: it is left over from another boot", release, got)
	}
	k.Release = release
	return nil
}

// infoHead begins the text, which begins a page.
var infoHead = []byte("OSRELEASE=")

// scanInfo looks for the text of VMCOREINFO at the beginning of every page.
func (k *Kernel) scanInfo(ctx context.Context) (uint64, error) {
	step := uint64(1) << k.dumpShift
	var (
		buf     [1 << 13]byte
		last    error
		scanned int
	)
	for _, r := range k.Dump.Ranges() {
		for at := (r.Start + step - 1) &^ (step - 1); at < r.End; at += step {
			if scanned++; scanned&0xffff == 0 && ctx.Err() != nil {
				return 0, ctx.Err()
			}
			head := buf[:len(infoHead)]
			if !k.Dump.Present(at>>k.dumpShift) || k.Dump.ReadPhys(head, at) != nil || !bytes.Equal(head, infoHead) {
				continue
			}
			n := min(uint64(len(buf)), r.End-at)
			if k.Dump.ReadPhys(buf[:n], at) != nil {
				if n = min(n, step); k.Dump.ReadPhys(buf[:n], at) != nil {
					continue
				}
			}
			if !bytes.Contains(buf[:n], []byte("\nSYMBOL(")) {
				continue
			}
			err := k.believe(bytes.Clone(buf[:n]))
			if err == nil {
				return at, nil
			}
			last = err
		}
	}
	if last != nil {
		return 0, fmt.Errorf("the dump has no VMCOREINFO note; one was found in memory, but: %w", last)
	}
	return 0, errors.New("the dump has no VMCOREINFO note, and memory has none: a kernel without CONFIG_VMCORE_INFO, or pages are missing")
}
