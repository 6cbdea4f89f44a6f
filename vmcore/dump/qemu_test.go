package dump_test

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ringside/vmcore/dump"
)

// qemuDump starts a machine that runs nothing, with data at an address, and has
// its memory dumped by the QMP command's arguments.
func qemuDump(t *testing.T, machine []string, data []byte, addr uint64, args map[string]any) string {
	t.Helper()
	if _, err := exec.LookPath(machine[0]); err != nil {
		t.Skipf("%s is not installed: its dumps are not read", machine[0])
	}
	dir := t.TempDir()
	image, out := filepath.Join(dir, "data"), filepath.Join(dir, "vmcore")
	if err := os.WriteFile(image, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), machine[0], append(machine[1:], "-S", "-accel", "tcg", "-m", "32", "-smp", "2", "-nodefaults",
		"-display", "none", "-qmp", "stdio", "-device", fmt.Sprintf("loader,file=%s,addr=%#x,force-raw=on", image, addr))...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_, _ = io.Copy(io.Discard, stdout) // what it says when it ends
		if err := cmd.Wait(); err != nil {
			t.Errorf("qemu: %v", err)
		}
	}()
	replies := bufio.NewReader(stdout)
	args["protocol"] = "file:" + out
	for _, c := range []map[string]any{
		{"execute": "qmp_capabilities"},
		{"execute": "dump-guest-memory", "arguments": args},
		{"execute": "quit"},
	} {
		if err := json.NewEncoder(stdin).Encode(c); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := replies.ReadBytes('\n')
			if err != nil {
				t.Fatalf("%v: %v", c["execute"], err)
			}
			var reply struct {
				Return json.RawMessage
				Error  *struct{ Desc string }
			}
			if err := json.Unmarshal(line, &reply); err != nil {
				t.Fatal(err)
			}
			if reply.Error != nil {
				t.Fatalf("%v: %s", c["execute"], reply.Error.Desc)
			}
			if reply.Return != nil {
				break // others are events
			}
		}
	}
	return out
}

func TestQEMU(t *testing.T) {
	data := fill(64<<10, 0x1234)
	for _, c := range []struct {
		name    string
		machine []string
		base    uint64 // of RAM
		elf     elf.Machine
		args    map[string]any
		format  string
	}{
		{"x86_64/elf", []string{"qemu-system-x86_64", "-machine", "q35"}, 0, elf.EM_386, map[string]any{"paging": false}, "elf"},
		{"x86_64/paging", []string{"qemu-system-x86_64", "-machine", "q35"}, 0, elf.EM_386, map[string]any{"paging": true}, "elf"},
		{"x86_64/kdump", []string{"qemu-system-x86_64", "-machine", "q35"}, 0, elf.EM_X86_64, map[string]any{"paging": false, "format": "kdump-zlib"}, "kdump"},
		{"aarch64/elf", []string{"qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57"}, 0x40000000, elf.EM_AARCH64, map[string]any{"paging": false}, "elf"},
		{"aarch64/kdump", []string{"qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57"}, 0x40000000, elf.EM_AARCH64, map[string]any{"paging": false, "format": "kdump-zlib"}, "kdump"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := c.base + 0x200000
			f := openFiles(t, dump.Options{}, qemuDump(t, c.machine, data, addr, c.args))
			info := f.Info()
			// A CPU that comes out of reset, not in long mode.
			pc, pid, x86 := uint64(0xfff0), 0, true
			if c.elf == elf.EM_AARCH64 {
				pc, pid, x86 = 0, 2, false
			}
			if info.Format != c.format || info.Machine != c.elf || info.Incomplete || len(info.Warnings) > 0 {
				t.Errorf("%+v", info)
			}
			// QEMU gives its name only in notes of x86 and in KDUMP headers.
			if info.Producer != "qemu" && (x86 || c.format == "kdump") {
				t.Errorf("written by %q", info.Producer)
			}
			wantRead(t, f.ReadPhys, addr, data)
			wantRead(t, f.ReadPhys, addr+0xff8, data[0xff8:0x1008])
			wantRead(t, f.ReadPhys, addr+uint64(len(data)), make([]byte, 4096))
			cpus := f.CPUs()
			if len(cpus) != 2 || cpus[1].PID != pid || cpus[0].Regs.PC != pc || (cpus[0].Control != nil) != x86 {
				t.Errorf("%+v", cpus)
			}
			// Firmware's memory may count too.
			if r := f.Ranges(); len(r) == 0 || info.Pages*uint64(info.PageSize) < 32<<20 || info.PagesPresent != info.Pages {
				t.Errorf("RAM is %x, %d of %d pages", r, info.PagesPresent, info.Pages)
			}
		})
	}
}
