package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// The channels of QEMU, by the number of their file descriptor.
const (
	fdConsole = 3 + iota
	fdResults
	fdMonitor
	channels = 3
)

// Setup is what a host has made ready for a recipe.
type Setup struct {
	QEMU      string // program
	Version   string // of QEMU
	Accel     string // kvm, tcg
	Reason    string // why this one
	Speed     float64
	Kernel    string // files of the host's
	Initramfs string
	Disk      string
	Share     string // virtiofs: the socket of its daemon
	Dump      string // where a dump is to be written
	Host      string // its name
}

// arch is how QEMU runs an architecture.
type arch struct {
	program string
	machine string
	console string // the kernel's device
	results string
	args    []string // the serial lines
}

var archs = map[string]arch{
	"x86_64": {
		program: "qemu-system-x86_64", machine: "q35", console: "ttyS0", results: "/dev/ttyS1",
		args: []string{"-serial", "chardev:console", "-serial", "chardev:results"},
	},
	"arm64": {
		program: "qemu-system-aarch64", machine: "virt", console: "ttyAMA0", results: "/dev/ttyS0",
		args: []string{"-serial", "chardev:console", "-device", "pci-serial,chardev=results"},
	},
}

// Program returns the name of the QEMU program that runs an architecture.
func Program(name string) (string, error) {
	a, ok := archs[name]
	if !ok {
		return "", fmt.Errorf("architecture %q: x86_64 and arm64 can be run", name)
	}
	return a.program, nil
}

// cmdline is the kernel's command line: what the lab needs, then the recipe's.
func (r *Recipe) cmdline(accel string) string {
	a := archs[r.Arch]
	words := []string{"console=" + a.console, "panic=-1", "sysrq_always_enabled", "rdinit=/init"}
	if !r.Survive {
		words = append(words, "oops=panic")
	}
	if r.Arch == "x86_64" && accel == "tcg" {
		// Under emulation on a busy host the kernel may find its timer's interrupts too few
		// and give up.
		words = append(words, "no_timer_check")
	}
	return strings.Join(append(words, r.Cmdline...), " ")
}

// command is QEMU's command line.
func (r *Recipe) command(s *Setup) []string {
	a := archs[r.Arch]
	machine := a.machine + ",accel=" + s.Accel
	if s.Accel == "tcg" {
		machine = a.machine
	}
	args := []string{
		"-no-user-config", "-nodefaults", "-display", "none", "-machine", machine,
		"-cpu", cpuModel(s.Accel), "-smp", strconv.Itoa(r.CPUs), "-m", strconv.Itoa(r.Memory) + "M",
		// A guest that restarts, for whatever reason, is held still: its memory can be dumped.
		"-action", "reboot=shutdown,shutdown=pause",
		"-chardev", "socket,id=console,fd=" + strconv.Itoa(fdConsole),
		"-chardev", "socket,id=results,fd=" + strconv.Itoa(fdResults),
		"-chardev", "socket,id=monitor,fd=" + strconv.Itoa(fdMonitor), "-mon", "chardev=monitor,mode=control",
	}
	if s.Accel == "tcg" {
		args = append(args, "-accel", "tcg,thread=multi")
	}
	args = append(args, a.args...)
	args = append(args, "-kernel", s.Kernel, "-initrd", s.Initramfs, "-append", r.cmdline(s.Accel))
	switch r.Root.Kind {
	case Root9P:
		args = append(args, "-fsdev", "local,id=root,path="+escape(r.Root.Path)+",security_model=none,readonly=on,multidevs=remap",
			"-device", "virtio-9p-pci,fsdev=root,mount_tag=root")
	case RootVirtioFS:
		args = append(args, "-chardev", "socket,id=share,path="+escape(s.Share), "-device", "vhost-user-fs-pci,chardev=share,tag=root",
			"-object", "memory-backend-memfd,id=mem,size="+strconv.Itoa(r.Memory)+"M,share=on", "-numa", "node,memdev=mem")
	case RootDisk:
		format := r.Root.Format
		if format == "" {
			format = "raw"
		}
		args = append(args, "-drive", "file="+escape(s.Disk)+",if=virtio,format="+format+",snapshot=on")
	}
	return args
}

// escape writes a path as an option's value.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

func cpuModel(accel string) string {
	if accel == "kvm" {
		return "host"
	}
	return "max"
}
