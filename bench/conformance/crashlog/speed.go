package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Throughput is in megabytes (10^6 bytes) a second on one core.
type Throughput struct {
	PerLog     float64 `json:"per_log_mb_s"`
	Clean      float64 `json:"clean_mb_s"`
	CrashAtEnd float64 `json:"crash_at_end_of_20mb_mb_s"`
	AllocRatio float64 `json:"allocated_per_input_byte"`
}

// throughput measures three shapes of input: each log by itself, a long log
// without a crash, and one with a crash at its end.
func throughput(cases []testCase) (*Throughput, error) {
	var total int
	var longest *testCase
	for i := range cases {
		total += len(cases[i].log)
		if cases[i].title != "" && !cases[i].corrupted && (longest == nil || len(cases[i].log) > len(longest.log)) {
			longest = &cases[i]
		}
	}
	clean := cleanLog(20 << 20)
	crashed := append(bytes.Clone(clean), longest.log...)
	t := &Throughput{}
	each := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range cases {
				if _, err := parse(cases[i].log); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	t.PerLog = rate(each, total)
	t.AllocRatio = float64(each.AllocedBytesPerOp()) / float64(total)
	t.Clean = rate(testing.Benchmark(parseAll(clean)), len(clean))
	t.CrashAtEnd = rate(testing.Benchmark(parseAll(crashed)), len(crashed))
	return t, nil
}

func parseAll(log []byte) func(*testing.B) {
	return func(b *testing.B) {
		for b.Loop() {
			if _, err := parse(log); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func rate(r testing.BenchmarkResult, size int) float64 {
	return float64(size) * float64(r.N) / r.T.Seconds() / 1e6
}

// cleanLog is a log in which nothing happens.
func cleanLog(size int) []byte {
	var b bytes.Buffer
	lines := []string{
		"pci 0000:00:1f.2: reg 0x20: [io  0xc040-0xc05f]", "usb 1-1: new high-speed USB device number 2 using ehci-pci",
		"ACPI: PM: Preparing to enter system sleep state S5", "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
		"systemd[1]: Started Journal Service.", "e1000e 0000:00:19.0 eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx",
		"audit: type=1400 audit(1600000000.123:45): apparmor=\"STATUS\" operation=\"profile_load\" name=\"/usr/bin/man\"",
	}
	for n := 0; b.Len() < size; n++ {
		b.WriteString(bracket(int64(n) * 137))
		b.WriteByte(' ')
		b.WriteString(lines[n%len(lines)])
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// exportLogs writes the log of each case to a file of its own.
func exportLogs(dir, to string) error {
	cases, err := readCases(filepath.Join(dir, "report"))
	if err != nil {
		return err
	}
	for i := range cases {
		if err := os.WriteFile(filepath.Join(to, filepath.Base(cases[i].name)+".log"), cases[i].log, 0o600); err != nil {
			return err
		}
	}
	return nil
}
