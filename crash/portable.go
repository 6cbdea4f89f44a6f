package crash

import "strings"

// syscallPrefixes are the wrappers that architectures, compilers and releases
// put around a system call's body, longest first where one begins another.
var syscallPrefixes = []string{
	"__ia32_compat_sys_", "__x64_compat_sys_", "__arm64_compat_sys_", "__s390x_compat_sys_", "__s390_compat_sys_", "__riscv_compat_sys_",
	"__powerpc_compat_sys_", "__se_compat_sys_", "__do_compat_sys_", "compat_sys_",
	"__x64_sys_", "__ia32_sys_", "__x32_sys_", "__arm64_sys_", "__riscv_sys_", "__s390x_sys_", "__s390_sys_", "__powerpc_sys_", "__loongarch_sys_",
	"__se_sys_", "__do_sys_", "ksys_", "SyS_", "SYSC_", "C_SYSC_", "compat_SyS_", "__sys_", "sys32_", "sys_",
}

// codePrefixes are what toolchains put before the name of a function for
// another entry to the same code: position-independent aliases (arm64), padding
// and type identifiers in front of it (x86 with CFI), direct calls (clang LTO).
var codePrefixes = []string{"__pi_", "__pfx_", "__cfi_", "__direct_"}

// PortableName returns a function's name as it is on every architecture and with
// every compiler: without the suffixes of clones and outlined parts (.isra.0,
// .constprop.0, .part.0, .cold, .llvm.123, .lto_priv.0), without the prefixes of
// other entries to the same code, with the wrappers of a system call unified,
// and without what tells two builds of one Rust crate apart.
func PortableName(name string) string {
	name = strings.TrimPrefix(name, ".") // ppc64 ELFv1: the code behind a descriptor
	if strings.HasPrefix(name, "_R") {
		return portableRust(name)
	}
	if at := strings.LastIndex(name, "::h"); at > 0 && len(name)-at == len("::h")+16 && hexLen([]byte(name[at+3:])) == 16 {
		name = name[:at] // the hash of Rust's older mangling
	}
	name = baseName(name)
	for _, p := range codePrefixes {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			name = rest
			break
		}
	}
	if !strings.Contains(name, "sys") && !strings.Contains(name, "SyS") && !strings.Contains(name, "SYSC") {
		return name
	}
	for _, p := range syscallPrefixes {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			return "sys_" + rest
		}
	}
	return name
}

// portableRust removes the disambiguators from a name in Rust's mangling: the
// "s…_" between a tag and the length of an identifier, which stands for the
// compiler and the options of a build.
func portableRust(name string) string {
	var out strings.Builder
	for i := 0; i < len(name); i++ {
		out.WriteByte(name[i])
		if name[i] != 'C' || i+1 == len(name) || name[i+1] != 's' {
			continue
		}
		end := i + 2
		for end < len(name) && (isDigit(name[end]) || name[end] >= 'a' && name[end] <= 'z' || name[end] >= 'A' && name[end] <= 'Z') {
			end++
		}
		if end+1 < len(name) && name[end] == '_' && isDigit(name[end+1]) {
			i = end
		}
	}
	return out.String()
}
