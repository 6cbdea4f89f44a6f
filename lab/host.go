package lab

import (
	"context"
	"io"
	"time"
)

// Host is where machines run.
type Host interface {
	// Start starts a program with some channels, which it has as file descriptors from 3
	// up. The program ends with the host's own, however that ends.
	Start(ctx context.Context, path string, args []string, channels int) (Process, error)
	// Create makes a file of the run's folder.
	Create(name string) (io.WriteCloser, error)
	// Size returns the size of a file of the run's folder.
	Size(name string) (int64, error)
}

// Process is a program that a host has started.
type Process interface {
	Channel(i int) io.ReadWriteCloser
	// Done is closed when it has ended, and all that it printed to its standard error is
	// in Said.
	Done() <-chan struct{}
	// Said is how it ended and what it printed to its standard error, for people.
	Said() string
	// Usage tells how much CPU time it got, and for how long it could have run and did not
	// get a CPU.
	Usage() (Usage, error)
	Kill()
}

// Usage is the time of a process.
type Usage struct {
	CPU   time.Duration
	Ready time.Duration // runnable and waiting: the longest of any of its threads
}

// Watch is told what happens while it happens. Each may be nil.
type Watch struct {
	Phase   func(Phase)
	Step    func(step int)
	Output  func(step int, stderr bool, b []byte)
	Console func(b []byte)
}

// Terminal is a person at the last step of a run.
type Terminal struct {
	Input   io.Reader
	Rows    int
	Columns int
	Resized <-chan [2]int // rows, columns
}
