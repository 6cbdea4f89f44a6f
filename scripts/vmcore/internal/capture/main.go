// Command capture runs a guest in QEMU until its console says a certain thing,
// and writes its memory to files. Everything is waited for as an event: a line
// of the console, an answer or event of QEMU's machine protocol (QMP).
//
//	capture -console LOG -until REGEXP [-nmi REGEXP] -dump FORMAT=FILE... -- qemu...
//	capture fixelf FILE
//
// A format is elf, elf-paging, kdump-zlib (QEMU's dump-guest-memory) or
// ram:BASE:SIZE (the bytes of physical memory). Without any, the guest is waited
// for until it ends by itself.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == "fixelf" {
		err = fixELF(os.Args[2])
	} else {
		err = run(os.Args[1:])
	}
	if err != nil {
		slog.Error("capture failed", "err", err)
		os.Exit(1)
	}
}

// order is one dump to be written.
type order struct{ format, file string }

type orders []order

func (o *orders) String() string { return fmt.Sprint(*o) }

func (o *orders) Set(s string) error {
	format, file, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("want FORMAT=FILE")
	}
	abs, err := filepath.Abs(file)
	*o = append(*o, order{format, abs})
	return err
}

func run(args []string) error {
	flags := flag.NewFlagSet("capture", flag.ContinueOnError)
	console := flags.String("console", "", "write the guest's console to this `file`")
	until := flags.String("until", "", "take the dumps when a console line matches this `regexp`")
	nmi := flags.String("nmi", "", "inject a non-maskable interrupt when a console line matches this `regexp`")
	limit := flags.Duration("timeout", 5*time.Minute, "give the guest up after this time")
	var dumps orders
	flags.Var(&dumps, "dump", "write a dump, `FORMAT=FILE`; can be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *console == "" || *until == "" || flags.NArg() == 0 {
		return errors.New("want -console, -until and a QEMU command; see the head of main.go")
	}
	done, err := regexp.Compile(*until)
	if err != nil {
		return fmt.Errorf("-until: %w", err)
	}
	var poke *regexp.Regexp
	if *nmi != "" {
		if poke, err = regexp.Compile(*nmi); err != nil {
			return fmt.Errorf("-nmi: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	return capture(ctx, flags.Args(), *console, done, poke, dumps)
}

func capture(ctx context.Context, qemu []string, console string, done, poke *regexp.Regexp, dumps orders) (err error) {
	dir, err := os.MkdirTemp("", "capture")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// QEMU calls us: no waiting for a socket to appear.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, "qmp"))
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()

	log, err := os.Create(console)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	cmd := exec.CommandContext(ctx, qemu[0], append(qemu[1:], "-serial", "stdio", "-qmp", "unix:"+filepath.Join(dir, "qmp"))...)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", qemu[0], err)
	}
	defer func() {
		cancelled := cmd.Process.Kill()
		if waited := cmd.Wait(); waited == nil || cancelled == nil {
			return
		} else if err == nil {
			err = fmt.Errorf("qemu: %w", waited)
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	conn, err := listener.Accept()
	if err != nil {
		return fmt.Errorf("qemu did not call: %w", err)
	}
	monitor, err := newMonitor(ctx, conn)
	if err != nil {
		return err
	}
	defer monitor.Close()

	lines := make(chan string)
	ended := make(chan error, 1)
	go func() {
		defer close(lines)
		ended <- follow(ctx, output, log, lines)
	}()
	for line := range lines {
		if poke != nil && poke.MatchString(line) {
			if err := monitor.do("inject-nmi", nil); err != nil {
				return err
			}
			poke = nil
		}
		if !done.MatchString(line) {
			continue
		}
		// The console is read on while the dumps are written, or the guest
		// would block in the middle of its last line.
		go func() {
			for range lines {
			}
		}()
		if len(dumps) == 0 {
			return <-ended
		}
		for _, d := range dumps {
			if err := d.write(monitor); err != nil {
				return err
			}
		}
		return monitor.do("quit", nil)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the guest never said %q: %w; its console is in %s", done, ctx.Err(), console)
	}
	return fmt.Errorf("the guest ended without %q; its console is in %s", done, console)
}

// follow copies the console to the log and hands its lines on.
func follow(ctx context.Context, r io.Reader, log io.Writer, lines chan<- string) error {
	in := bufio.NewReader(io.TeeReader(r, log))
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			select {
			case lines <- strings.TrimRight(line, "\r\n"):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (o order) write(m *monitor) error {
	if layout, ok := strings.CutPrefix(o.format, "ram:"); ok {
		base, size, _ := strings.Cut(layout, ":")
		from, err := strconv.ParseUint(base, 0, 64)
		if err != nil {
			return fmt.Errorf("base of %s: %w", o.format, err)
		}
		n, err := strconv.ParseUint(size, 0, 64)
		if err != nil {
			return fmt.Errorf("size of %s: %w", o.format, err)
		}
		return m.do("pmemsave", map[string]any{"val": from, "size": n, "filename": o.file})
	}
	args := map[string]any{"paging": o.format == "elf-paging", "protocol": "file:" + o.file}
	switch o.format {
	case "elf", "elf-paging":
	case "kdump-zlib", "kdump-lzo", "kdump-snappy":
		args["format"] = o.format
	default:
		return fmt.Errorf("unknown format %s: want elf, elf-paging, kdump-zlib or ram:BASE:SIZE", o.format)
	}
	return m.do("dump-guest-memory", args)
}
