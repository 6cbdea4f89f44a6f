// Package canary holds the smallest kernel that does what every stock kernel does in its
// first second: long mode, page faults, timer interrupts, model-specific registers, user
// mode and back. An accelerator that cannot run it runs no kernel, whatever its device
// says: there are hosts whose /dev/kvm opens, makes machines and runs firmware, and still
// runs no kernel.
//
// Its source is canary_x86_64.S; scripts/lab-canary builds it.
package canary

import _ "embed" // the image

//go:embed canary_x86_64
var x86 []byte

// Alive is what a canary says on the serial line before it ends QEMU with Exit.
const Alive = "ringside canary: alive"

// Exit is the status with which QEMU ends after a canary that lived.
const Exit = 33

// Image returns the canary of an architecture, and whether there is one.
func Image(arch string) ([]byte, bool) { return x86, arch == "x86_64" }

// Args is QEMU's command line for a canary; it prints to QEMU's standard output.
func Args(accel, cpu, kernel string) []string {
	return []string{"-no-user-config", "-nodefaults", "-display", "none", "-machine", "q35,accel=" + accel, "-cpu", cpu, "-m", "64M",
		"-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-no-reboot", "-kernel", kernel}
}

// Rounds is how often the canary's work is done: what it costs tells how fast a host is.
const Rounds = 100_000_000
