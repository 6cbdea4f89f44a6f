package unwind

// Arch is an architecture whose stacks can be followed.
type Arch uint8

// The architectures.
const (
	X86_64 Arch = iota + 1
	ARM64
)

// ArchOf finds an architecture by the name that uname gives it.
func ArchOf(name string) (Arch, bool) {
	switch name {
	case "x86_64":
		return X86_64, true
	case "aarch64", "arm64":
		return ARM64, true
	}
	return 0, false
}

// registers is how many are followed: those of DWARF's numbers below it.
const registers = 33

// Regs are a thread's registers by DWARF's numbers, and its program counter.
type Regs struct {
	PC    uint64
	val   [registers]uint64
	known uint64 // a bit for each
}

func (r *Regs) get(n uint64) (uint64, bool) {
	if n >= registers || r.known&(1<<n) == 0 {
		return 0, false
	}
	return r.val[n], true
}

func (r *Regs) set(n, v uint64) {
	if n < registers {
		r.val[n] = v
		r.known |= 1 << n
	}
}

// x86Order is DWARF's number of each of perf's registers, -1 where it has none.
var x86Order = [...]int8{0, 3, 2, 1, 4, 5, 6, 7, 16, -1, -1, -1, -1, -1, -1, -1, 8, 9, 10, 11, 12, 13, 14, 15}

const (
	x86RA = 16 // the return address' column
	x86BP = 6
	x86SP = 7

	armFP = 29
	armLR = 30
	armSP = 31
	armPC = 32
)

// sp is the number of the stack pointer.
func (a Arch) sp() uint64 {
	if a == ARM64 {
		return armSP
	}
	return x86SP
}

// Regs takes registers as a sample has them: one value for each bit of the mask,
// numbered as PERF_REG_X86_* and PERF_REG_ARM64_*. It needs the program counter
// and the stack pointer.
func (a Arch) Regs(mask uint64, values []uint64) (r Regs, ok bool) {
	pc := false
	i := 0
	for bit := range 64 {
		if mask&(1<<bit) == 0 {
			continue
		}
		if i == len(values) {
			break
		}
		v := values[i]
		i++
		switch a {
		case X86_64:
			if bit < len(x86Order) && x86Order[bit] >= 0 {
				n := uint64(x86Order[bit])
				if n == x86RA {
					r.PC, pc = v, true
				}
				r.set(n, v) // entries of the linkage table are told apart by it
			}
		case ARM64:
			if bit == armPC {
				r.PC, pc = v, true
			}
			r.set(uint64(bit), v)
		}
	}
	_, sp := r.get(a.sp())
	return r, pc && sp
}
