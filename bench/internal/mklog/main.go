// Command mklog writes a long console log to standard output: the boot of a
// real kernel, and then the lines of its later part again and again, with time
// going on, as a machine that runs for months would print them. It can give
// every line a caller ID, put a real crash at the end, and compress the whole.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func main() {
	var o options
	flag.Int64Var(&o.size, "size", 200_000_000, "write about this many `BYTES`, before compression")
	flag.StringVar(&o.boot, "boot", "crash/testdata/lab/boot-clean.log", "the `LOG` of a boot without a report")
	flag.StringVar(&o.crash, "crash", "", "a `LOG` whose last lines, from -from on, come at the end")
	flag.StringVar(&o.from, "from", "", "the `TEXT` that the crash begins with")
	flag.BoolVar(&o.callers, "callers", false, "give every line a caller ID, as printk.caller=1 does")
	flag.BoolVar(&o.reboot, "reboot", false, "let the time begin anew with every repetition")
	flag.StringVar(&o.compress, "compress", "", "gzip or zstd")
	flag.Parse()
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "mklog:", err)
		os.Exit(1)
	}
}

type options struct {
	size                        int64
	boot, crash, from, compress string
	callers, reboot             bool
}

func run(w io.Writer, o options) error {
	boot, err := os.ReadFile(o.boot)
	if err != nil {
		return err
	}
	// Only the first boot has a banner: a log with one every second would
	// measure boots, not lines.
	at := bytes.Index(boot, []byte("[    0.5"))
	if at < 0 {
		return fmt.Errorf("%s has no line from half a second after the start", o.boot)
	}
	out := bufio.NewWriterSize(w, 1<<20)
	var sink io.WriteCloser
	switch o.compress {
	case "":
		sink = nopCloser{out}
	case "gzip":
		sink = gzip.NewWriter(out)
	case "zstd":
		if sink, err = zstd.NewWriter(out); err != nil {
			return err
		}
	default:
		return fmt.Errorf("-compress %s: use gzip or zstd", o.compress)
	}
	l := &logWriter{w: sink, callers: o.callers}
	if err := l.lines(boot[:at]); err != nil {
		return err
	}
	for l.written < o.size {
		if err := l.lines(boot[at:]); err != nil {
			return err
		}
		if !o.reboot {
			l.shift = l.last
		}
	}
	if o.crash != "" {
		report, err := os.ReadFile(o.crash)
		if err != nil {
			return err
		}
		i := bytes.Index(report, []byte(o.from))
		if i < 0 {
			return fmt.Errorf("%s has no %q", o.crash, o.from)
		}
		if err := l.lines(report[bytes.LastIndexByte(report[:i], '\n')+1:]); err != nil {
			return err
		}
	}
	return errors.Join(sink.Close(), out.Flush())
}

// logWriter writes lines with their times moved.
type logWriter struct {
	w       io.Writer
	callers bool
	shift   int64 // microseconds
	last    int64 // of the line written last
	n       int
	written int64
	buf     []byte
}

func (l *logWriter) lines(text []byte) error {
	for line := range bytes.Lines(text) {
		us, rest, ok := stamp(line)
		if ok {
			us += l.shift
			l.last = us
			line = fmt.Appendf(l.buf[:0], "[%5d.%06d]", us/1e6, us%1e6)
			if l.callers {
				line = fmt.Appendf(line, "[%6s]", "T"+strconv.Itoa(1+l.n%5*211))
			}
			line = append(line, rest...)
			l.buf = line
		}
		l.n++
		n, err := l.w.Write(line)
		l.written += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// stamp cuts "[    1.234567]" off a line.
func stamp(line []byte) (us int64, rest []byte, ok bool) {
	end := bytes.IndexByte(line, ']')
	if len(line) == 0 || line[0] != '[' || end < 0 {
		return 0, nil, false
	}
	sec, frac, ok := bytes.Cut(bytes.TrimLeft(line[1:end], " "), []byte("."))
	s, err1 := strconv.ParseInt(string(sec), 10, 64)
	f, err2 := strconv.ParseInt(string(frac), 10, 64)
	return s*1e6 + f, line[end+1:], ok && len(frac) == 6 && err1 == nil && err2 == nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
