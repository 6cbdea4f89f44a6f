package artefact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSniff(t *testing.T) {
	elf := func(order byte, kind string) string {
		return "\x7fELF\x02" + string(order) + "\x01" + strings.Repeat("\x00", 9) + kind
	}
	for _, tt := range []struct {
		name, head string
		want       Format
	}{
		{"nothing", "", Empty},
		{"core", elf(1, "\x04\x00"), VmcoreELF},
		{"core of the other order", elf(2, "\x00\x04"), VmcoreELF},
		{"object", elf(1, "\x01\x00"), ELF},
		{"cut ELF", "\x7fELF", ELF},
		{"kdump", "KDUMP   \x06\x00\x00\x00Linux", VmcoreKdump},
		{"flattened", "makedumpfile\x00\x00\x00\x00\x00", VmcoreFlattened},
		{"perf.data", "PERFILE2h\x00\x00\x00", PerfData},
		{"trace.dat", "\x17\x08\x44tracing7\x00", TraceDat},
		{"journal file", "LPKSHHRH\x00", JournalFile},
		{"tar", strings.Repeat("a", 257) + "ustar\x0000", Archive},
		{"zip", "PK\x03\x04\x14", Archive},
		{"lz4", "\x04\x22\x4d\x18d", Compressed},
		{"bzImage", strings.Repeat("\x00", 0x202) + "HdrS\x0f\x02", KernelImage},
		{"ftrace", "# tracer: function\n#\n", TraceText},
		{"trace-cmd report", "cpus=2\n  busy-1 [000] 1.0: x\n", TraceText},
		{"KTAP", "KTAP version 1\n1..2\nok 1 a\n", KTAP},
		{"TAP", "TAP version 13\n1..2\nok 1 a\n", KTAP},
		{"config", "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_X=y\n# CONFIG_Y is not set\nCONFIG_Z=m\n", KernelConfig},
		{"defconfig", "CONFIG_X=y\nCONFIG_Z=m\n", KernelConfig},
		{"format-patch", "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] x\n", Patch},
		{"mbox", "From a@b.c  Mon Nov 23 16:29:06 2026\nSubject: x\n", Patch},
		{"mail", "From: A <a@b>\nSubject: [PATCH 1/2] x: y\n\ntext\n", Patch},
		{"diff", "--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-a\n+b\n", Patch},
		{"git diff", "diff --git a/x b/x\nindex 1..2 100644\n", Patch},
		{"console", shortLog, KernelLog},
		{"console with caller", "[    0.000000][    T0] Linux version 6.1.0\n", KernelLog},
		{"console behind firmware", "SeaBIOS (version 1)\r\nBooting from ROM...\r\n[    0.000000] Linux version 6.1.0\r\n", KernelLog},
		{"console with zeros", strings.Repeat("\x00", 300) + shortLog + shortLog, KernelLog},
		{"kmsg", "6,339,5140900,-;NET: Registered\n", KernelLog},
		{"syslog", "Nov 23 16:29:06 h kernel: [    1.000000] x\n", KernelLog},
		{"pstore", "Panic#1 Part1\n<4>[    1.000000] x\n", KernelLog},
		{"no stamps", "Linux version 6.1.0 (gcc)\nCommand line: quiet\n", KernelLog},
		{"journal", `{"__REALTIME_TIMESTAMP":"1763915346000000","MESSAGE":"x","_TRANSPORT":"kernel"}` + "\n", Journal},
		{"journal export", "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\nMESSAGE=x\n\n", Journal},
		{"text", "hello\nworld\n", Text},
		{"shell", "#!/bin/sh\nset -e\nls\n", Text},
		{"bytes", "\x00\x01\x02\x03\x04\x05\x06\x07\x80\x90", Binary},
	} {
		if got := Sniff([]byte(tt.head)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFormatNames(t *testing.T) {
	seen := make(map[string]bool)
	for f := Empty; f <= Compressed; f++ {
		if s := f.String(); s == "unknown" || seen[s] {
			t.Errorf("format %d is called %q", f, s)
		} else {
			seen[s] = true
		}
	}
	if s := (Compressed + 1).String(); s != "unknown" {
		t.Errorf("a format beyond the last is called %q", s)
	}
}

// TestCorpus opens every file of the project's corpus of real inputs.
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: real inputs are NOT tested")
	}
	for pattern, want := range map[string]Format{
		"crashlog/lab/*.log":     KernelLog,
		"crashlog/lab/*.console": KernelLog,
		"crashlog/lab/dmesg-*":   KernelLog,
		"crashlog/lab/*.raw":     KernelLog,
		"vmcore/*.dmesg.txt":     KernelLog,
		"vmcore/*-d31":           VmcoreKdump,
		"vmcore/*.flat":          VmcoreFlattened,
		"profile/*.data":         PerfData,
		"trace/*.dat":            TraceDat,
		"trace/*.report.txt.xz":  TraceText,
		"patch/*.tar.xz":         Archive,
		"ktest/*.log":            KernelLog,
	} {
		names, err := filepath.Glob(filepath.Join(corpus, filepath.FromSlash(pattern)))
		if err != nil || len(names) == 0 {
			t.Errorf("%s: no files (%v)", pattern, err)
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			a, err := Open(f, Limits{})
			if err != nil || a.Format != want {
				t.Errorf("%s: %+v, %v; want %v", name, a, err, want)
			}
			f.Close()
		}
	}
}
