package scan

import (
	"iter"
	"strings"
)

// notNames are identifiers that are followed by parentheses in declarations
// without being the function declared.
var notNames = map[string]bool{
	"__attribute__": true, "__attribute": true, "__printf": true, "__scanf": true,
	"__section": true, "__aligned": true, "__acquires": true, "__releases": true,
	"__must_hold": true, "__cond_acquires": true, "__acquire": true, "__release": true,
	"__alloc_size": true, "__context__": true, "__no_sanitize": true, "__target": true,
	"__typeof__": true, "typeof": true, "__asm__": true, "asm": true, "__asm": true,
	"__declspec": true, "__nonnull": true, "__realloc_size": true, "__alias": true,
	"__diagnose_as": true, "__diag_ignore": true, "_Static_assert": true, "static_assert": true,
	"__guarded_by": true, "__counted_by": true, "__free": true, "__no_sanitize__": true,
	"__counted_by_le": true, "__counted_by_be": true, "__initcall": true,
	"__bpf_md_ptr": true, "_Pragma": true, "__nocfi": true, "__flatten": true,
	"__copy": true, "__assume_aligned": true, "__optimize": true, "__error": true, "__warning": true,
}

// keywords can stand before a parenthesis and name nothing.
var keywords = map[string]bool{
	"void": true, "int": true, "char": true, "long": true, "short": true, "unsigned": true,
	"signed": true, "bool": true, "_Bool": true, "const": true, "volatile": true, "static": true,
	"inline": true, "extern": true, "if": true, "for": true, "while": true, "switch": true,
	"do": true, "return": true, "sizeof": true, "else": true, "struct": true, "union": true,
	"enum": true, "goto": true, "case": true, "defined": true, "register": true,
	"u8": true, "u16": true, "u32": true, "u64": true, "size_t": true, "float": true, "double": true,
}

// functionName returns the function that a declaration followed by "{"
// defines, or "" when it is something else: a type, a table, a block.
func functionName(decl []token) string {
	paren := 0
	name := ""
	for i, t := range decl {
		if t.kind == tokIdent {
			if paren == 0 && t.text == "typedef" {
				return ""
			}
			continue
		}
		switch t.punct {
		case '=':
			if paren == 0 {
				return ""
			}
		case ')':
			paren--
		case '(':
			if paren++; paren != 1 || i == 0 || decl[i-1].kind != tokIdent {
				continue
			}
			c := decl[i-1].text
			if notNames[c] {
				continue
			}
			if keywords[c] {
				// A function that returns a function: void (*name(int a))(int).
				if j := i + 3; j < len(decl) && decl[i+1].punct == '*' && decl[i+2].kind == tokIdent && decl[j].punct == '(' {
					return decl[i+2].text
				}
				continue
			}
			// A macro at file level needs no semicolon, so the function may
			// come after it; an annotation in capitals may too.
			if name == "" || isMacro(name) && !isMacro(c) && !strings.HasPrefix(c, "__") {
				name = c
			}
		}
	}
	return name
}

// isMacro reports whether an identifier is written as macros are.
func isMacro(s string) bool {
	return len(s) > 1 && strings.ToUpper(s) == s && strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' })
}

// definedNames returns the symbols that a definition makes: mostly its own
// name, for macros what the macro makes of its first argument.
func definedNames(name string, decl []token) iter.Seq[string] {
	return func(yield func(string) bool) {
		if name == "" {
			return
		}
		if !isMacro(name) {
			yield(name)
			return
		}
		arg := firstArgument(name, decl)
		switch {
		case arg == "":
			// FOO() { is a function in capitals.
			yield(name)
		case strings.HasPrefix(name, "SYSCALL_DEFINE"):
			yield("__do_sys_" + arg)
		case strings.HasPrefix(name, "COMPAT_SYSCALL_DEFINE"):
			yield("__do_compat_sys_" + arg)
		default:
			yield(arg)
		}
	}
}

// firstArgument returns the first argument of the macro call, if it is an
// identifier that can name a function.
func firstArgument(macro string, decl []token) string {
	for i, t := range decl {
		if t.text != macro || i+3 >= len(decl) || decl[i+1].punct != '(' {
			continue
		}
		if a, end := decl[i+2], decl[i+3]; a.kind == tokIdent && !keywords[a.text] && (end.punct == ',' || end.punct == ')') {
			return a.text
		}
	}
	return ""
}

// generators are macros that end in a semicolon and define functions, with the
// suffixes they add to their first argument.
var generators = map[string][]string{
	"DEFINE_SHOW_ATTRIBUTE":            {"_open"},
	"DEFINE_SHOW_STORE_ATTRIBUTE":      {"_open"},
	"DEFINE_PROC_SHOW_ATTRIBUTE":       {"_open"},
	"DEFINE_SEQ_ATTRIBUTE":             {"_open"},
	"DEFINE_SIMPLE_ATTRIBUTE":          {"_open"},
	"DEFINE_SIMPLE_ATTRIBUTE_SIGNED":   {"_open"},
	"DEFINE_DEBUGFS_ATTRIBUTE":         {"_open"},
	"DEFINE_DEBUGFS_ATTRIBUTE_SIGNED":  {"_open"},
	"module_driver":                    {"_init", "_exit"},
	"builtin_driver":                   {"_init"},
	"drm_module_pci_driver":            {"_init", "_exit"},
	"drm_module_platform_driver":       {"_init", "_exit"},
	"module_platform_driver_probe":     {"_init", "_exit"},
	"module_usb_serial_driver":         {"_init", "_exit"},
	"module_comedi_pci_driver":         {"_init", "_exit"},
	"module_platform_driver":           {"_init", "_exit"},
	"module_acpi_driver":               {"_init", "_exit"},
	"drm_module_pci_driver_if_modeset": {"_init", "_exit"},
	"module_misc_device":               {"_init", "_exit"},
	"builtin_platform_driver":          {"_init"},
	"builtin_platform_driver_probe":    {"_init"},
	"builtin_i2c_driver":               {"_init"},
	"builtin_pci_driver":               {"_init"},
}

// generatedNames returns the functions that a macro call with a semicolon
// defines.
func generatedNames(decl []token) iter.Seq[string] {
	return func(yield func(string) bool) {
		if len(decl) < 4 || decl[0].kind != tokIdent || decl[1].punct != '(' {
			return
		}
		macro := decl[0].text
		suffixes, known := generators[macro]
		if !known && strings.HasPrefix(macro, "module_") && strings.HasSuffix(macro, "_driver") {
			suffixes = []string{"_init", "_exit"}
		}
		if len(suffixes) == 0 {
			return
		}
		arg := firstArgument(macro, decl)
		if arg == "" {
			return
		}
		for _, s := range suffixes {
			if !yield(arg + s) {
				return
			}
		}
	}
}
