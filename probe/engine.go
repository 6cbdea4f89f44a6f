package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// An Engine is one way to record.
type Engine interface {
	// Check returns nil where this kernel lets the engine record c. Its error
	// says what stands against it and what would change that.
	Check(c Capture) error
	// Capture records until ctx ends or its deadline comes, which is no error.
	Capture(ctx context.Context, c Capture, s Session) (*Recording, error)
}

// A Session is what an engine is given to record with.
type Session struct {
	// Out takes the recording, where the engine makes one.
	Out Sink
	// PID holds the recording to one process and what it starts; 0 is all.
	PID int
	// Progress, if set, is called now and then while it records.
	Progress func(Progress)
}

// A Sink takes a recording. Its header is written when the end is known.
type Sink interface {
	io.Writer
	io.WriterAt
}

// Progress is how far a recording has come.
type Progress struct {
	Elapsed time.Duration `json:"elapsed_ns"`
	Bytes   int64         `json:"bytes,omitempty"`  // of the recording
	Events  uint64        `json:"events,omitempty"` // as far as they are counted
	Lost    uint64        `json:"lost,omitempty"`
}

// A Recording is what a capture gave.
type Recording struct {
	Progress
	Format string  `json:"format"`
	Tables []Table `json:"tables,omitempty"`
	// Spent is the CPU time that the capture took in the kernel, where the
	// kernel measures it.
	Spent time.Duration `json:"spent_ns,omitempty"`
	// Notes are what a reader must know: events that were not there, losses.
	Notes []string `json:"notes,omitempty"`
}

// A Choice is the capture that is used, with what spoke against the others.
type Choice struct {
	Capture Capture    `json:"capture"`
	Engine  Engine     `json:"-"`
	Against []Objected `json:"against,omitempty"`
}

// Objected is a capture that this kernel does not allow.
type Objected struct {
	With string `json:"with"`
	Why  string `json:"why"`
}

// Choose returns the first capture of r that an engine can do here. With only
// set, others are not asked. The error lists every objection.
func Choose(r *Recipe, engines map[string]Engine, only string) (*Choice, error) {
	var c Choice
	var errs []error
	for _, capture := range r.Captures {
		if only != "" && capture.With != only {
			continue
		}
		engine, ok := engines[capture.With]
		if !ok {
			c.Against = append(c.Against, Objected{capture.With, "this build has no such engine"})
			continue
		}
		err := engine.Check(capture)
		if err == nil {
			c.Capture, c.Engine = capture, engine
			return &c, nil
		}
		c.Against = append(c.Against, Objected{capture.With, err.Error()})
		errs = append(errs, fmt.Errorf("%s: %w", capture.With, err))
	}
	if len(errs) == 0 {
		errs = append(errs, fmt.Errorf("the recipe has no capture with %s", only))
	}
	return &c, fmt.Errorf("%s cannot be recorded here: %w", r.Name, errors.Join(errs...))
}
