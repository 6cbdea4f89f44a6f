package crash

import (
	"bytes"
	"strconv"
)

// Some architectures print registers without a name for each.

// scanRegisterList reads the forms that have no "name: value":
//
//	GPR00: c00000000012 c000000005c7 ...          powerpc (show_regs)
//	$ 0   : 00000000 10008400 00000000 00000000   mips (__show_regs)
//	Krnl GPRS: 0000000000000000 000003ff ...      s390 (show_registers)
//	           0000000000000000 000003ff ...      and its further lines
//	pc 90000000 ra 90000000 tp 90000000 sp 9000   loongarch (__show_regs)
//
// next is the number of the register that a further line begins with, 0 where
// none is expected; it returns the one after those read.
func scanRegisterList(text []byte, next int, regs []register) (_ []register, arch string, after int) {
	switch {
	case bytes.HasPrefix(text, []byte("GPR")):
		first, m := atoi(text[3:])
		if m != 2 || len(text) < 6 || text[5] != ':' {
			break
		}
		return scanValues(text, 6, "r", first, regs), "powerpc", 0
	case len(text) > 8 && text[0] == '$':
		colon := bytes.IndexByte(text[:8], ':')
		if colon < 0 {
			break
		}
		first, m := atoi(bytes.TrimSpace(text[1:colon]))
		if m == 0 {
			break
		}
		return scanValues(text, colon+1, "$", first, regs), "mips", 0
	case bytes.HasPrefix(text, []byte("Krnl GPRS: ")):
		regs = scanValues(text, len("Krnl GPRS: "), "r", 0, regs)
		return regs, "s390x", len(regs)
	case next > 0 && len(text) > 16 && hexLen(text) == 16:
		at := len(regs)
		regs = scanValues(text, 0, "r", next, regs)
		if next += len(regs) - at; next > 15 {
			next = 0
		}
		return regs, "s390x", next
	case len(text) > 8 && text[2] == ' ':
		if named := scanNamedValues(text, regs); len(named) > len(regs)+1 {
			return named, "loongarch64", 0
		}
	}
	return regs, "", 0
}

// scanValues reads values from offset i on, of registers that are numbered from
// first.
func scanValues(text []byte, i int, prefix string, first int, regs []register) []register {
	for number := first; number < 32; number++ {
		i += run(text[i:], blanks)
		m := run(text[i:], hexDigits)
		if m != 8 && m != 16 {
			break
		}
		name := append(append(make([]byte, 0, 4), prefix...), strconv.Itoa(number)...)
		regs = append(regs, register{name, i, i + m})
		i += m
	}
	return regs
}

// scanNamedValues reads "pc 9000000000 ra 9000000000".
func scanNamedValues(text []byte, regs []register) []register {
	for i := 0; i+2 < len(text); {
		m := run(text[i:], symbols)
		if m != 2 || text[i+2] != ' ' || !isLoongRegister(text[i:i+2]) {
			return nil
		}
		value := run(text[i+3:], hexDigits)
		if value != 16 && value != 8 {
			return nil
		}
		regs = append(regs, register{text[i : i+2], i + 3, i + 3 + value})
		i += 3 + value
		i += run(text[i:], blanks)
	}
	return regs
}

// isLoongRegister reports whether name is one of LoongArch's registers.
func isLoongRegister(name []byte) bool {
	switch name[0] {
	case 'a', 't', 's', 'u':
		return isDigit(name[1]) || name[0] == 't' && name[1] == 'p' || name[0] == 's' && name[1] == 'p'
	}
	return string(name) == "pc" || string(name) == "ra"
}
