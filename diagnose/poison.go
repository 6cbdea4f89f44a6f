package diagnose

import "fmt"

// bytePoisons are the bytes that the kernel fills memory with (include/linux/
// poison.h).
var bytePoisons = []struct {
	b    byte
	name string
	text string
}{
	{0x6b, "POISON_FREE", "freed memory (SLUB fills freed objects with 0x6b)"},
	{0x5a, "POISON_INUSE", "memory that nothing was written to (SLUB fills fresh objects with 0x5a)"},
	{0xa5, "POISON_END", "the end of a freed object (SLUB puts 0xa5 there)"},
	{0xbb, "SLUB_RED_INACTIVE", "the guard of a free object (SLUB's red zone is 0xbb)"},
	{0xcc, "SLUB_RED_ACTIVE", "the guard of an object in use (SLUB's red zone is 0xcc) or freed init memory"},
	{0xaa, "PAGE_POISON", "a freed page (page poisoning fills them with 0xaa)"},
	{0xbd, "KEY_DESTROY", "a key that was destroyed, whose memory is filled with 0xbd"},
	{0x6c, "FLEX_ARRAY_FREE", "a freed flexible array, filled with 0x6c"},
	{0x11, "MUTEX_DEBUG_INIT", "a mutex not yet used (debugging fills it with 0x11)"},
	{0x22, "MUTEX_DEBUG_FREE", "a mutex that was destroyed (debugging fills it with 0x22)"},
}

// pointerPoisons are the values that pointers get when what they point to is gone
// (include/linux/poison.h), without POISON_POINTER_DELTA.
var pointerPoisons = []struct {
	from, to uint64 // of the pointer and of members reached through it
	base     uint64
	name     string
	text     string
}{
	{0x40, 0x40, 0x40, "PP_SIGNATURE", "the mark of a page that belongs to a page pool"},
	{0x100, 0x121, 0x100, "LIST_POISON1", "the next pointer of a list entry after list_del()"},
	{0x122, 0x1ff, 0x122, "LIST_POISON2", "the prev pointer of a list entry after list_del()"},
	{0x200, 0x2ff, 0x200, "LIST_POISON2", "the prev pointer of a list entry after list_del() (before Linux 4.15)"},
	{0x300, 0x3ff, 0x300, "TIMER_ENTRY_STATIC", "a timer that was initialised at build time and never armed"},
	{0x400, 0x4ff, 0x400, "TAIL_MAPPING", "the mapping of a compound page's tail"},
	{0x500, 0x5ff, 0x500, "MUTEX_POISON_WW_CTX", "the context of a ww_mutex after it ended"},
	{0x800, 0x800, 0x800, "SKB_LIST_POISON_NEXT", "the next pointer of a packet that left its list"},
	{0x801, 0x8ff, 0x801, "NET_PTR_POISON", "a pointer that the network stack has given up"},
	{0xd390, 0xd3ff, 0xd390, "STACK_DEPOT_POISON", "an entry of the stack depot that was freed"},
	{0xeb9f, 0xec1f, 0xeb9f, "BPF_PTR_POISON", "a pointer that BPF has given up"},
}

// pointerDeltas are CONFIG_ILLEGAL_POINTER_VALUE by architecture.
var pointerDeltas = map[string]uint64{
	"x86_64": 0xdead000000000000, "arm64": 0xdead000000000000, "riscv64": 0xdead000000000000, "s390x": 0xdead000000000000,
	"loongarch64": 0xdead000000000000, "powerpc": 0x5deadbeef0000000,
}

// magics are the numbers that mark structures.
var magics = []struct {
	value uint64
	name  string
	text  string
}{
	{0xdead4ead, "SPINLOCK_MAGIC", "the magic number of a spinlock, where a pointer should be"},
	{0xdeaf1eed, "RWLOCK_MAGIC", "the magic number of a read-write lock, where a pointer should be"},
	{0x57ac6e9d, "STACK_END_MAGIC", "the magic number at the end of a stack"},
	{0xdeadbeef, "ATM_POISON", "0xdeadbeef, which many drivers write into what they freed"},
}

// maxMember bounds how far from a poisoned pointer a member is looked for.
const maxMember = 0x2000

// poison recognises what the kernel writes into memory on purpose, give or take
// the offset of a member.
func (s space) poison(v uint64) (Value, bool) {
	if delta, ok := pointerDeltas[s.arch]; ok && v >= delta && v-delta < 0x10000 {
		for _, p := range pointerPoisons {
			if low := v - delta; low >= p.from && low <= p.to {
				return poisoned(p.name, p.text, int64(low-p.base)), true
			}
		}
	}
	for _, p := range bytePoisons {
		pattern := uint64(p.b) * 0x0101010101010101
		if !s.wide() {
			pattern &= 1<<32 - 1
		}
		if d := int64(v - pattern); d > -maxMember && d < maxMember {
			return poisoned(p.name, p.text, d), true
		}
		if s.wide() && v == pattern&(1<<32-1) && p.b != 0x11 && p.b != 0x22 {
			return poisoned(p.name, p.text+", half a word of it", 0), true
		}
	}
	for _, m := range magics {
		if v == m.value || v>>32 == m.value && v&(1<<32-1) < pageSize {
			return poisoned(m.name, m.text, 0), true
		}
	}
	return Value{}, false
}

func poisoned(name, text string, offset int64) Value {
	v := Value{Class: ValuePoison, Poison: name, Offset: offset, Text: name + ", " + text}
	switch {
	case offset > 0:
		v.Text = fmt.Sprintf("%s + 0x%x, %s", name, offset, text)
	case offset < 0:
		v.Text = fmt.Sprintf("%s - 0x%x, %s", name, -offset, text)
	}
	return v
}

// shadows are where KASAN keeps its shadow: the check of pointer p reads the byte
// at (p >> scale) + offset (arch/*/Kconfig, KASAN_SHADOW_OFFSET). The shadow of a
// small p is not mapped, so that the check itself faults.
var shadows = []struct {
	arch   string
	offset uint64
	scale  int
	always bool // the only layout of its architecture
}{
	{"x86_64", 0xdffffc0000000000, 3, true},
	{"arm64", 0xdfff800000000000, 3, false}, // 48-bit addresses, since 5.11
	{"arm64", 0xdfffa00000000000, 3, false}, // 48-bit addresses, 5.4 to 5.10
	{"arm64", 0xdfffc00000000000, 3, false}, // 47 bits
	{"arm64", 0xdfffffc000000000, 3, false}, // 39 bits
	{"arm64", 0xdfffffd000000000, 3, false}, // 39 bits, 5.4 to 5.10
	{"arm64", 0xdffffd0000000000, 3, false},
	{"arm64", 0xefff800000000000, 4, false}, // tags in software, 48 bits
	{"riscv64", 0xdfffffff00000000, 3, false},
	{"s390x", 0x001c000000000000, 3, false},
}

// shadowWindow is how far from NULL a pointer's shadow may be to be taken for one
// where the log does not say that KASAN is at work.
const shadowWindow = 1 << 20

// shadow undoes KASAN's translation of an address.
func (s space) shadow(v uint64) (real uint64, ok bool) {
	for _, k := range shadows {
		if s.arch != "" && s.arch != k.arch || v < k.offset {
			continue
		}
		d := v - k.offset
		if d < shadowWindow || s.kasan && k.always && (v < 0xffff800000000000 || v >= 0xffffec0000000000 && v < 0xfffffc0000000000) {
			return d << k.scale, true
		}
	}
	return 0, false
}
