package crash

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// cleanLog returns a log of about size bytes without a report: the boot of a real
// kernel, repeated.
func cleanLog(b *testing.B, size int) []byte {
	boot, err := os.ReadFile("testdata/lab/boot-clean.log")
	if err != nil {
		b.Fatal(err)
	}
	// One boot, then its later lines again and again: a log with many banners
	// would measure boots, not lines.
	tail := boot[bytes.Index(boot, []byte("[    0.5")):]
	out := append([]byte{}, boot...)
	for len(out) < size {
		out = append(out, tail...)
	}
	return out
}

func parseAgain(b *testing.B, data []byte, reports int) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		doc, err := Parse(context.Background(), bytes.NewReader(data), Options{})
		if err != nil || len(doc.Reports) != reports {
			b.Fatalf("%d reports, %v; want %d", len(doc.Reports), err, reports)
		}
	}
}

func BenchmarkClean(b *testing.B) { parseAgain(b, cleanLog(b, 20<<20), 0) }

func BenchmarkOneReport(b *testing.B) {
	data := cleanLog(b, 10<<20)
	oops, err := os.ReadFile("testdata/lab/crash-mod-null.log")
	if err != nil {
		b.Fatal(err)
	}
	oops = oops[bytes.Index(oops, []byte("[    9.89")):]
	parseAgain(b, append(append(append([]byte{}, data...), oops...), data[bytes.Index(data, []byte("[    0.5")):]...), 1)
}

func BenchmarkLab(b *testing.B) {
	for _, name := range []string{"crash-mod-null.log", "crash-mod-rcustall.log"} {
		data, err := os.ReadFile("testdata/lab/" + name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(context.Background(), bytes.NewReader(data), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCases reads each of the peer's cases by itself: short logs, in which
// what a Parse costs before its first line counts.
func BenchmarkCases(b *testing.B) {
	names, err := filepath.Glob(filepath.Join(os.Getenv("RINGSIDE_CORPUS"), "crashlog/syzkaller/report/*"))
	if err != nil || len(names) == 0 {
		b.Skip("SKIPPED: set RINGSIDE_CORPUS to the folder of the shared corpus to run this benchmark")
	}
	var logs [][]byte
	total := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		logs = append(logs, data)
		total += len(data)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		for _, log := range logs {
			if _, err := Parse(context.Background(), bytes.NewReader(log), Options{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
