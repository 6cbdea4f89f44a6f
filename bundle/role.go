package bundle

import (
	"path"
	"strings"

	"ringside/artefact"
)

// Role is what a member tells.
type Role string

// The roles.
const (
	RoleNone       Role = ""           // nothing that is looked for
	RoleLog        Role = "kernel-log" // of the boot in which the bundle was made, or of any
	RoleLastLog    Role = "last-log"   // kept by the firmware or by kdump from the boot that died
	RoleConfig     Role = "config"     // the kernel's configuration
	RoleCmdline    Role = "cmdline"
	RoleVersion    Role = "version" // uname -a or /proc/version
	RoleModules    Role = "modules" // lsmod or /proc/modules
	RoleOS         Role = "os"      // os-release
	RoleHost       Role = "hostname"
	RoleHardware   Role = "hardware"    // dmidecode, lspci, cpuinfo
	RoleTaint      Role = "taint"       // /proc/sys/kernel/tainted
	RoleDump       Role = "dump"        // a memory dump
	RoleReproducer Role = "reproducer"  // a program that makes it happen
	RoleTitle      Role = "description" // what a fuzzer calls the crash
)

// place is a rule that gives a member its role by its path.
type place struct {
	role Role
	// suffix is the end of the path, from the beginning of a name; a * stands
	// for anything within one name.
	suffix string
}

// places are the files that the known layouts use. The first that fits counts.
var places = []place{
	// kdump, pstore and their collectors
	{RoleLastLog, "vmcore-dmesg.txt"},
	{RoleLastLog, "vmcore-dmesg-incomplete.txt"},
	{RoleLastLog, "dmesg.20*"}, // kdump-tools
	{RoleLastLog, "pstore/dmesg-*"},
	{RoleLastLog, "pstore/console-ramoops*"},
	{RoleLastLog, "pstore/*/dmesg.txt"},
	{RoleLastLog, "pstore/*/*/dmesg.txt"},
	{RoleLastLog, "proc/last_kmsg"},
	{RoleDump, "vmcore"},
	{RoleDump, "vmcore.flat"},
	{RoleDump, "dump.20*"}, // kdump-tools

	// sosreport, and a live system's own tree
	{RoleLog, "sos_commands/kernel/dmesg*"},
	{RoleLog, "sos_commands/logs/journalctl_--no-pager*"},
	{RoleLog, "sos_commands/logs/journalctl*"},
	{RoleLog, "var/log/dmesg*"},
	{RoleLog, "var/log/messages*"},
	{RoleLog, "var/log/kern.log*"},
	{RoleLog, "var/log/kernel*"},
	{RoleLog, "var/log/syslog*"},
	{RoleLog, "var/log/boot.msg"},
	{RoleConfig, "boot/config-*"},
	{RoleConfig, "proc/config.gz"},
	{RoleConfig, "lib/modules/*/config"},
	{RoleCmdline, "proc/cmdline"},
	{RoleVersion, "proc/version"},
	{RoleVersion, "sos_commands/kernel/uname_-a"},
	{RoleVersion, "sos_commands/host/uname*"},
	{RoleVersion, "uname"},
	{RoleModules, "proc/modules"},
	{RoleModules, "sos_commands/kernel/lsmod"},
	{RoleModules, "lsmod"},
	{RoleOS, "etc/os-release"},
	{RoleOS, "usr/lib/os-release"},
	{RoleHost, "etc/hostname"},
	{RoleHost, "sos_commands/host/hostname"},
	{RoleHost, "hostname"},
	{RoleHardware, "dmidecode"},
	{RoleHardware, "sos_commands/hardware/dmidecode"},
	{RoleHardware, "sys/class/dmi/id/product_name"},
	{RoleHardware, "lspci"},
	{RoleHardware, "sos_commands/pci/lspci*"},
	{RoleHardware, "proc/cpuinfo"},
	{RoleTaint, "proc/sys/kernel/tainted"},

	// syzkaller: the console is logN, reportN is cut from it
	{RoleLog, "crashes/*/log*"},
	{RoleTitle, "crashes/*/description"},
	{RoleHardware, "crashes/*/machineInfo*"},
	{RoleReproducer, "crashes/*/repro.prog"},
	{RoleReproducer, "crashes/*/repro.cprog"},
	{RoleLog, "crashes/*/repro.log"},
}

// roleOf returns the role that a path gives.
func roleOf(name string) Role {
	for _, p := range places {
		if fits(name, p.suffix) {
			return p.role
		}
	}
	return RoleNone
}

// fits reports whether the last names of a path are those of a suffix.
func fits(name, suffix string) bool {
	for {
		want, got := path.Base(suffix), path.Base(name)
		if want != got {
			// The pattern is ours, and well formed.
			if ok, _ := path.Match(want, got); !ok {
				return false
			}
		}
		more := strings.Contains(suffix, "/")
		if !more {
			return true
		}
		if !strings.Contains(name, "/") {
			return false
		}
		suffix, name = path.Dir(suffix), path.Dir(name)
	}
}

// roleByContent returns the role of a member that no rule gives one. Where the
// layout is a collector's, only dumps and configurations are taken by content:
// its other files quote all sorts of things.
func roleByContent(k Kind, f artefact.Format, name string) Role {
	base := path.Base(name)
	switch {
	case f.IsVmcore():
		return RoleDump
	case f == artefact.KernelConfig:
		return RoleConfig
	case k == Syzkaller && strings.HasPrefix(base, "report"):
		return RoleNone // cut out of a log that is there too
	case k != Files && k != Syzkaller:
		return RoleNone
	case f == artefact.KernelLog || f == artefact.Journal:
		return RoleLog
	case f == artefact.Text && k == Files:
		return RoleLog // somebody put it there; the parser finds nothing where there is nothing
	}
	return RoleNone
}
