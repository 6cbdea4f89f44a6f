package owner

import (
	"cmp"
	"slices"
	"strings"
)

// suffixes are what compilers append to the name of a function they have
// split, specialised or moved. What follows the word is a number or a hash.
var suffixes = []string{
	".isra", ".constprop", ".part", ".cold", ".llvm", ".lto_priv", ".localalias",
	".clone", ".hot", ".unlikely", ".warm", ".ipa", ".cfi", ".cfi_jt", ".specialized", ".__uniq",
}

// FunctionName reduces a symbol as it stands in a stack to the name the
// function has in the source: "foo.isra.0.cold+0x1c/0x40 [mod]" gives "foo".
func FunctionName(symbol string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(symbol), " ")
	name, _, _ = strings.Cut(name, "+")
	// Kernel functions have no dots of their own, so the first suffix is where
	// the name ends.
	for i := 0; i < len(name); i++ {
		if name[i] != '.' || i == 0 {
			continue
		}
		for _, s := range suffixes {
			if rest, ok := strings.CutPrefix(name[i:], s); ok && (rest == "" || rest[0] == '.') {
				return name[:i]
			}
		}
	}
	return name
}

// aliases are the prefixes under which the entry points of a system call
// appear, by what their body is called in the index.
var aliases = []struct{ prefix, body string }{
	{"__x64_sys_", "__do_sys_"},
	{"__ia32_sys_", "__do_sys_"},
	{"__arm64_sys_", "__do_sys_"},
	{"__arm64_compat_sys_", "__do_compat_sys_"},
	{"__ia32_compat_sys_", "__do_compat_sys_"},
	{"__x64_compat_sys_", "__do_compat_sys_"},
	{"__x32_compat_sys_", "__do_compat_sys_"},
	{"__s390x_sys_", "__do_sys_"},
	{"__s390_sys_", "__do_sys_"},
	{"__s390_compat_sys_", "__do_compat_sys_"},
	{"__riscv_sys_", "__do_sys_"},
	{"__riscv_compat_sys_", "__do_compat_sys_"},
	{"__powerpc_sys_", "__do_sys_"},
	{"__se_sys_", "__do_sys_"},
	{"__se_compat_sys_", "__do_compat_sys_"},
	{"compat_sys_", "__do_compat_sys_"},
	{"sys_", "__do_sys_"},
	{"SyS_", "__do_sys_"},
	{"SYSC_", "__do_sys_"},
	{"__pfx_", ""},
	{"__cfi_", ""},
	{"asm_", ""}, // asm_exc_page_fault
	{"____", ""}, // the body of a BPF helper
}

// Definitions returns the files that define a function, the likeliest first:
// common code before architectures, those before samples and tools. The module
// a frame was printed with, where it is known, leaves only its own files.
func (x *Index) Definitions(function, module string) []string {
	return x.definitions(function, module, "")
}

func (x *Index) definitions(function, module, arch string) []string {
	if x.sources == nil {
		return nil
	}
	name := FunctionName(function)
	files := x.sources.Definitions(name)
	for _, a := range aliases {
		if len(files) > 0 {
			break
		}
		if rest, ok := strings.CutPrefix(name, a.prefix); ok {
			files = x.sources.Definitions(a.body + rest)
		}
	}
	if module != "" && len(files) > 0 {
		files = narrow(files, x.sources.Modules(moduleName(module)))
	}
	own := archDir(arch)
	if own != "" && slices.ContainsFunc(files, func(f string) bool { return archOf(f) == own }) {
		files = slices.DeleteFunc(files, func(f string) bool { d := archOf(f); return d != "" && d != own })
	}
	slices.SortStableFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(likelihood(a, own), likelihood(b, own)), strings.Compare(a, b))
	})
	return files
}

// narrow keeps the files that can be in one of the modules.
func narrow(files []string, modules [][]string) []string {
	if len(modules) == 0 {
		// The tree has no such module, so its functions are not the tree's
		// either, except where the name is nobody else's: then the module is
		// one that the index was made too early or too late for.
		if len(files) == 1 {
			return files
		}
		return nil
	}
	var in, near, headers []string
	for _, f := range files {
		switch {
		case slices.ContainsFunc(modules, func(m []string) bool { return slices.Contains(m, f) }):
			in = append(in, f)
		case slices.ContainsFunc(modules, func(m []string) bool {
			// Sources include each other, and headers lie beside them.
			return slices.ContainsFunc(m, func(s string) bool { return dirOf(s) == dirOf(f) })
		}):
			near = append(near, f)
		case strings.HasSuffix(f, ".h"):
			headers = append(headers, f)
		}
	}
	for _, list := range [][]string{in, near, headers} {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

func dirOf(file string) string { return file[:strings.LastIndexByte(file, '/')+1] }

// archOf returns the architecture a file belongs to.
func archOf(file string) string {
	rest, ok := strings.CutPrefix(file, "arch/")
	if !ok {
		return ""
	}
	arch, _, _ := strings.Cut(rest, "/")
	return arch
}

// archDir maps a machine name to its directory below arch/.
func archDir(arch string) string {
	switch arch {
	case "x86_64", "i386", "i686", "amd64":
		return "x86"
	case "aarch64":
		return "arm64"
	case "armv7l", "armhf":
		return "arm"
	case "ppc64le", "ppc64", "ppc":
		return "powerpc"
	case "s390x":
		return "s390"
	case "riscv64":
		return "riscv"
	case "loongarch64":
		return "loongarch"
	}
	return arch
}

// likelihood ranks files by how likely they are what a log of an architecture,
// which may be unknown, means; less is likelier.
func likelihood(file, own string) int {
	switch top, _, _ := strings.Cut(file, "/"); top {
	case "arch":
		switch archOf(file) {
		case own:
			return -1 // what an architecture defines itself replaces the common code
		case "x86", "arm64":
			return 1
		}
		return 2
	case "samples":
		return 3
	case "tools", "scripts", "usr", "Documentation":
		return 4
	}
	return 0
}

// moduleName is how the kernel spells a module's name.
func moduleName(s string) string {
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(s, "[")
	s = strings.TrimSuffix(s, "]")
	s = strings.TrimSuffix(s, ".ko")
	return strings.ReplaceAll(s, "-", "_")
}
