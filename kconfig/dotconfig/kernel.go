package dotconfig

import "strings"

// heading reads the line of the header that names the kernel, as
// "Linux/x86 6.1.192 Kernel Configuration": its architecture as in make ARCH=…, and its
// release.
func (f *File) heading() (arch, release string) {
	for _, line := range f.Header {
		words := strings.Fields(line)
		if name, ok := strings.CutPrefix(line, "Linux/"); ok && len(words) == 4 && words[2] == "Kernel" && words[3] == "Configuration" {
			arch, _, _ = strings.Cut(name, " ")
			return arch, words[1]
		}
	}
	return "", ""
}

// Release is the version of the kernel that the configuration was written for, "" where
// its header does not say it.
func (f *File) Release() string {
	_, release := f.heading()
	return release
}

// MakeArch is the architecture that the configuration was written for, as in make ARCH=…,
// "" where nothing says it. It tells i386 from x86_64 where the header does.
func (f *File) MakeArch() string {
	if arch, _ := f.heading(); arch != "" {
		return arch
	}
	for _, s := range archSymbols {
		if f.Tristate(s.symbol) == Yes {
			return s.folder
		}
	}
	return ""
}

// archSymbols are symbols that one architecture sets.
var archSymbols = [...]struct{ symbol, folder string }{
	{"X86", "x86"}, {"ARM64", "arm64"}, {"ARM", "arm"}, {"RISCV", "riscv"}, {"PPC", "powerpc"},
	{"S390", "s390"}, {"MIPS", "mips"}, {"LOONGARCH", "loongarch"}, {"SPARC", "sparc"},
	{"PARISC", "parisc"}, {"ALPHA", "alpha"}, {"M68K", "m68k"}, {"IA64", "ia64"}, {"ARC", "arc"},
	{"SUPERH", "sh"}, {"XTENSA", "xtensa"}, {"OPENRISC", "openrisc"}, {"MICROBLAZE", "microblaze"},
	{"NIOS2", "nios2"}, {"CSKY", "csky"}, {"HEXAGON", "hexagon"}, {"UML", "um"},
}

// SourceArch gives the folder in arch/ of an architecture as in make ARCH=… (SRCARCH in
// the top Makefile).
func SourceArch(arch string) string {
	switch arch {
	case "i386", "x86_64":
		return "x86"
	case "sparc32", "sparc64":
		return "sparc"
	case "parisc64":
		return "parisc"
	case "sh64":
		return "sh"
	}
	return arch
}
