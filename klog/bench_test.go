package klog

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// benchSize is large enough that a block's start and end do not count.
const benchSize = 16 << 20

// corpus repeats a real boot log, as one transport carries it, to benchSize.
func corpus(b *testing.B, carrierName string) []byte {
	b.Helper()
	all := events(b, "crash-mod-null.log")
	for _, c := range carriers {
		if c.name == carrierName {
			return bytes.Repeat(c.encode(all), benchSize/len(c.encode(all)))
		}
	}
	b.Fatalf("no carrier %q", carrierName)
	return nil
}

func benchmark(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var records int64
	for b.Loop() {
		r := NewReader(bytes.NewReader(data), Options{})
		for {
			_, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		records = r.Stats().Records
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
}

func BenchmarkConsole(b *testing.B)    { benchmark(b, corpus(b, "console")) }
func BenchmarkCaller(b *testing.B)     { benchmark(b, corpus(b, "console caller")) }
func BenchmarkRaw(b *testing.B)        { benchmark(b, corpus(b, "raw")) }
func BenchmarkCRLF(b *testing.B)       { benchmark(b, corpus(b, "crlf")) }
func BenchmarkPlain(b *testing.B)      { benchmark(b, corpus(b, "printk.time=0")) }
func BenchmarkColour(b *testing.B)     { benchmark(b, corpus(b, "dmesg colours")) }
func BenchmarkKmsg(b *testing.B)       { benchmark(b, corpus(b, "kmsg")) }
func BenchmarkNetconsole(b *testing.B) { benchmark(b, corpus(b, "netconsole")) }
func BenchmarkSyslog(b *testing.B)     { benchmark(b, corpus(b, "syslog 3164")) }
func BenchmarkJSON(b *testing.B)       { benchmark(b, corpus(b, "journal json")) }
func BenchmarkExport(b *testing.B)     { benchmark(b, corpus(b, "journal export")) }
func BenchmarkCI(b *testing.B)         { benchmark(b, corpus(b, "lava + console caller")) }
