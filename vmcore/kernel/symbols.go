package kernel

import (
	"cmp"
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"

	"ringside/symbol/kallsyms"
	"ringside/symbol/orc"
)

// maxTable bounds what is copied out of the dump for one table.
const maxTable = 64 << 20

// errImplausible says that a number is none that a kernel has.
var errImplausible = errors.New("no kernel has so many, or none")

// climbKallsyms reads the kernel's symbol table out of its memory.
func (k *Kernel) climbKallsyms(_ context.Context, _ Options) error {
	t, how, err := k.kallsymsTables()
	if err == nil {
		k.syms, err = kallsyms.Decode(t, k.Order, k.vote)
	}
	if err != nil {
		k.miss(RungKallsyms, "no symbols: "+err.Error())
		k.miss(RungORC, "the unwind tables are found by their symbols")
		k.miss(RungBTF, "the types are found by their symbols")
		return err
	}
	k.reach(RungKallsyms, fmt.Sprintf("%d symbols, %s", k.syms.Len(), how))
	k.readBuildID()
	k.climbORC()
	return nil
}

// vote says how well an address fits a symbol, from what VMCOREINFO knows.
func (k *Kernel) vote(name string, addr uint64) int {
	want, ok := k.Info.Symbol(name)
	switch {
	case !ok:
		return 0
	case want == addr:
		return 1
	default:
		return -1
	}
}

// kallsymsTables finds the tables by VMCOREINFO (6.0 and later), or by their
// pattern in the kernel's read-only data.
func (k *Kernel) kallsymsTables() (t kallsyms.Tables, how string, err error) {
	at := map[string]uint64{}
	for _, s := range []string{"names", "num_syms", "token_table", "token_index", "offsets", "addresses", "relative_base"} {
		if a, ok := k.Info.Symbol("kallsyms_" + s); ok {
			at[s] = a
		}
	}
	if at["names"] == 0 || at["num_syms"] == 0 || at["token_table"] == 0 || at["token_index"] == 0 || at["offsets"]+at["addresses"] == 0 {
		return k.scanKallsyms()
	}
	w := k.walk()
	n, err := w.U32(at["num_syms"])
	if err != nil || n == 0 || n > 10_000_000 {
		return t, "", fmt.Errorf("kallsyms_num_syms is %d: %w", n, cmp.Or(err, errImplausible))
	}
	t.NumSyms = int(n)
	if a := at["relative_base"]; a != 0 {
		if t.RelativeBase, err = w.U64(a); err != nil {
			return t, "", fmt.Errorf("kallsyms_relative_base: %w", err)
		}
	}
	entry := 4
	t.OffsetsAddr = at["offsets"]
	if t.OffsetsAddr == 0 {
		t.OffsetsAddr, entry = at["addresses"], 8
	}
	// A name is a length and that many tokens; 14 bytes on the average.
	t.Names = w.some(at["names"], uint64(n)*64, uint64(n)*2)
	t.Offsets = w.some(t.OffsetsAddr, uint64(n)*uint64(entry), uint64(n)*uint64(entry))
	t.TokenIndex = w.some(at["token_index"], 512, 512)
	if len(t.TokenIndex) == 512 {
		t.TokenTable = w.some(at["token_table"], uint64(k.Order.Uint16(t.TokenIndex[510:]))+256, 256)
	}
	if t.Names == nil || t.Offsets == nil || t.TokenTable == nil {
		return t, "", errors.New("the pages of kallsyms are not in the dump")
	}
	return t, "by VMCOREINFO", nil
}

// some reads up to n bytes, and less where less is there; nil if that is less
// than least.
func (w *Walk) some(va, n, least uint64) []byte {
	n = min(n, maxTable)
	out := make([]byte, 0, min(n, 4<<20))
	for uint64(len(out)) < n {
		page, off, err := w.page(va + uint64(len(out)))
		if err != nil {
			break
		}
		out = append(out, page[off:off+int(min(n-uint64(len(out)), uint64(len(page)-off)))]...)
	}
	if uint64(len(out)) < least {
		return nil
	}
	return out
}

// image reads the kernel's image by virtual address, holes as zeros, for those
// who look for a pattern in it.
type image struct {
	w    *Walk
	base uint64
}

func (i image) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		va := i.base + uint64(off) + uint64(n)
		chunk := min(len(p)-n, int(1<<i.w.k.pageShift-va&(1<<i.w.k.pageShift-1)))
		if i.w.Read(p[n:n+chunk], va) != nil {
			clear(p[n : n+chunk])
		}
		n += chunk
	}
	return len(p), i.w.Err()
}

// imageOf returns the kernel's image and its size.
func (k *Kernel) imageOf(w *Walk) (image, int64, error) {
	text, ok := k.Info.Symbol("_stext")
	if !ok {
		return image{}, 0, errors.New("VMCOREINFO has neither kallsyms nor _stext")
	}
	base := text &^ (1<<21 - 1)
	size := int64(0)
	const most = 256 << 20
	for gap := 0; size < most && gap < 16; size += 1 << 20 {
		if w.Readable(base+uint64(size), 1) {
			gap = 0
		} else {
			gap++
		}
	}
	return image{w, base}, size, nil
}

func (k *Kernel) scanKallsyms() (t kallsyms.Tables, how string, err error) {
	w := k.walk()
	img, size, err := k.imageOf(w)
	if err != nil {
		return t, "", err
	}
	if t, err = kallsyms.Scan(img, size); err != nil {
		return t, "", fmt.Errorf("VMCOREINFO does not say where they are, and: %w", err)
	}
	t.OffsetsAddr += img.base
	return t, "found by their pattern", nil
}

// readBuildID reads the build ID from the kernel's own notes. What VMCOREINFO
// says is garbage in some stable releases.
func (k *Kernel) readBuildID() {
	k.BuildID = k.Info.Get("BUILD-ID")
	if badBuildID(k.Release) {
		k.BuildID = ""
	}
	start, ok := k.Symbol("__start_notes")
	stop, ok2 := k.Symbol("__stop_notes")
	if !ok || !ok2 || stop < start || stop-start > 1<<16 {
		return
	}
	w := k.walk()
	notes := w.some(start, stop-start, 12)
	for len(notes) >= 12 {
		name, desc, typ := k.Order.Uint32(notes), k.Order.Uint32(notes[4:]), k.Order.Uint32(notes[8:])
		end := 12 + (uint64(name)+3)&^3 + (uint64(desc)+3)&^3
		if end > uint64(len(notes)) {
			return
		}
		if typ == 3 && string(notes[12:12+min(name, 4)]) == "GNU\x00" && desc <= 64 {
			at := 12 + (name+3)&^3
			k.BuildID = hex.EncodeToString(notes[at : at+desc])
			return
		}
		notes = notes[end:]
	}
}

// climbORC reads the unwind tables of the kernel.
func (k *Kernel) climbORC() {
	if k.Machine != elf.EM_X86_64 {
		k.miss(RungORC, "this machine's kernels keep frame records in place of unwind tables")
		return
	}
	var at [4]uint64
	for i, s := range []string{"__start_orc_unwind_ip", "__stop_orc_unwind_ip", "__start_orc_unwind", "__stop_orc_unwind"} {
		var ok bool
		if at[i], ok = k.Symbol(s); !ok {
			k.miss(RungORC, "the kernel has no "+s+": built without CONFIG_UNWINDER_ORC, or without CONFIG_KALLSYMS_ALL")
			return
		}
	}
	w := k.walk()
	if at[1]-at[0] > maxTable || at[3]-at[2] > maxTable {
		k.miss(RungORC, "the unwind tables are larger than any")
		return
	}
	ips := w.some(at[0], at[1]-at[0], 4)
	entries := w.some(at[2], at[3]-at[2], 6)
	how := "by the hash in its header"
	ok := false
	if header, found := k.Symbol("__start_orc_header"); found {
		k.orcVer, ok = orc.VersionOf(w.some(header, 20, 20))
	}
	if !ok {
		k.orcVer, how = orc.Guess(entries, k.Release)
	}
	table, err := orc.New(ips, entries, at[0], k.orcVer)
	if err != nil {
		k.miss(RungORC, err.Error())
		return
	}
	k.orc = table
	k.reach(RungORC, fmt.Sprintf("%d entries of version %d, %s", len(ips)/4, k.orcVer, how))
}

// ORC returns the unwind table for an address: the kernel's, or its module's.
func (k *Kernel) ORC(pc uint64) (orc.Entry, bool) {
	if k.orc != nil {
		if lo, hi := k.orc.Range(); pc >= lo && pc < hi {
			return k.orc.Find(pc)
		}
	}
	if m := k.ModuleAt(pc); m != nil {
		if t := m.orcTable(); t != nil {
			return t.Find(pc)
		}
	}
	return orc.Entry{}, false
}

// Symbol returns the address of a symbol of the kernel itself.
func (k *Kernel) Symbol(name string) (uint64, bool) {
	if k.syms != nil {
		if a, ok := k.syms.Lookup(name); ok {
			return a, true
		}
	}
	if a, ok := k.Info.Symbol(name); ok {
		return a, true
	}
	return k.variable(name)
}

// Symbols returns the kernel's symbol table, nil below the rung kallsyms.
func (k *Kernel) Symbols() *kallsyms.Table { return k.syms }

// Location is what is at an address.
type Location struct {
	Symbol string
	Module string // "" for the kernel itself
	Addr   uint64 // of the symbol
	Offset uint64
	Size   uint64 // 0 where it is not known
}

// String writes it as the kernel does: "mutex_lock+0x1c/0x30 [mod]".
func (l Location) String() string {
	if l.Symbol == "" {
		return ""
	}
	s := fmt.Sprintf("%s+%#x", l.Symbol, l.Offset)
	if l.Size != 0 {
		s += fmt.Sprintf("/%#x", l.Size)
	}
	if l.Module != "" {
		s += " [" + l.Module + "]"
	}
	return s
}

// Locate returns the symbol that an address is in, of the kernel or a module.
func (k *Kernel) Locate(addr uint64) (Location, bool) {
	if m := k.ModuleAt(addr); m != nil {
		return m.locate(addr)
	}
	if k.syms == nil {
		return Location{}, false
	}
	s, off, ok := k.syms.Find(addr)
	if !ok || !k.inImage(addr) {
		return Location{}, false
	}
	return Location{Symbol: s.Name, Addr: s.Addr, Offset: off, Size: k.syms.Size(s)}, true
}

// inImage reports whether an address is in the kernel's image.
func (k *Kernel) inImage(addr uint64) bool {
	if end, ok := k.Symbol("_end"); ok && addr >= end {
		return false
	}
	start, ok := k.Symbol("_text")
	if !ok {
		start, ok = k.Symbol("_stext")
	}
	return !ok || addr >= start
}

// IsText reports whether an address is code.
func (k *Kernel) IsText(addr uint64) bool {
	for _, r := range [][2]string{{"_stext", "_etext"}, {"_sinittext", "_einittext"}} {
		lo, ok := k.Symbol(r[0])
		hi, ok2 := k.Symbol(r[1])
		if ok && ok2 && addr >= lo && addr < hi {
			return true
		}
	}
	m := k.ModuleAt(addr)
	return m != nil && m.isText(addr)
}
