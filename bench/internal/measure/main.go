// Command measure runs a program several times on one core and prints the
// median of its wall time, its throughput and the most memory it held. It
// needs nothing installed.
//
//	measure -n 5 -cpu 0 -bytes 200000000 -- ringside crash parse clean.log
//
// It prints one line: seconds, MB/s (0 without -bytes), MiB of resident memory,
// MB per second of processor time, each separated by a blank. The last is what a
// machine that others use as well still tells.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	n := flag.Int("n", 5, "how `many` runs the median is taken of; one more comes before to warm the caches")
	cpu := flag.Int("cpu", 0, "the `core` to run on; -1 for any")
	size := flag.Int64("bytes", 0, "how many `BYTES` a run reads")
	codes := flag.Int("exit", 0, "highest exit code that is no failure; grep exits with 1 when it finds nothing")
	flag.Parse()
	if flag.NArg() == 0 || *n < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, flag.Args(), *n, *cpu, *size, *codes)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, n, cpu int, size int64, codes int) error {
	env := os.Environ()
	if cpu >= 0 {
		// Children inherit the affinity of the thread that starts them.
		runtime.LockOSThread()
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("pin to core %d: %w", cpu, err)
		}
		env = append(env, "GOMAXPROCS=1")
	}
	times, cpus := make([]time.Duration, 0, n), make([]time.Duration, 0, n)
	var rss int64
	for i := range n + 1 {
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Env, c.Stderr = env, os.Stderr
		began := time.Now()
		err := c.Run()
		took := time.Since(began)
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0 || exit.ExitCode() > codes) {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if i > 0 {
			times = append(times, took)
			cpus = append(cpus, c.ProcessState.UserTime()+c.ProcessState.SystemTime())
		}
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			rss = max(rss, u.Maxrss) // KiB
		}
	}
	slices.Sort(times)
	slices.Sort(cpus)
	wall, used := times[n/2].Seconds(), max(cpus[n/2].Seconds(), 1e-6)
	fmt.Printf("%.3f %.0f %.1f %.0f\n", wall, float64(size)/1e6/wall, float64(rss)/1024, float64(size)/1e6/used)
	return nil
}
