package scan

import (
	"bytes"
	"strings"
)

// asmMacros define the symbol in their first argument. Those that begin with
// SYM_ stand for a family: SYM_FUNC_START_NOALIGN and so on.
var asmMacros = []string{
	"SYM_FUNC_START", "SYM_CODE_START", "SYM_TYPED_FUNC_START", "SYM_FUNC_ALIAS",
	"SYM_INNER_LABEL", "SYM_PIC_ALIAS", "ENTRY", "WEAK", "EXPORT_SYMBOL", "_GLOBAL", "_GLOBAL_TOC",
	"_GLOBAL_MCOUNT", "LEAF", "NESTED", "FEXPORT", "ENTRY_CFI", "SYM_ENTRY",
}

// Asm calls emit for every function that an assembler source defines.
func Asm(src []byte, emit func(name string)) {
	for line := range bytes.Lines(src) {
		s := strings.TrimSpace(string(line))
		macro, args, ok := strings.Cut(s, "(")
		if !ok {
			continue
		}
		macro = strings.TrimSpace(macro)
		if !asmDefines(macro) {
			continue
		}
		args = strings.TrimSpace(args)
		if n := identLen(args); n > 0 && n < len(args) && isIdentStart(args[0]) && strings.IndexByte(",) ", args[n]) >= 0 {
			emit(args[:n])
		}
	}
}

func asmDefines(macro string) bool {
	for _, m := range asmMacros {
		if macro == m || strings.HasPrefix(m, "SYM_") && strings.HasPrefix(macro, m+"_") ||
			m == "EXPORT_SYMBOL" && strings.HasPrefix(macro, m) {
			return true
		}
	}
	return false
}
