package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"
)

// SeedInput is what a demo record is made from.
type SeedInput struct {
	// Logs are real kernel logs. What is not one is left out.
	Logs fs.FS
	// Until is the end of the month that is told. Zero means now.
	Until time.Time
	// Crashes is about how many there shall be. 0 means 1000.
	Crashes int
	// Seed makes another story of the same logs.
	Seed uint64
}

// SeedResult tells what a seed has made.
type SeedResult struct {
	Logs, Hosts, Kernels, Artefacts, Crashes int
}

// seedDays is the length of the story a seed tells.
const seedDays = 30

// Seed fills a record with a plausible month of a fleet: some sixty hosts in
// four groups, kernels rolled out one after the other, and crashes whose logs
// are real. Each log is one of the given ones, changed only in what a fleet
// changes: the release and build of the kernel and the time of the boot, each
// replaced by one of the same length, so that every position in it holds. All
// of it goes the way of any delivery, through Intake and the jobs, and all of
// it is marked as demo data.
//
// The same input makes the same story.
func Seed(ctx context.Context, s *Service, in SeedInput) (SeedResult, error) {
	if in.Until.IsZero() {
		in.Until = s.now()
	}
	if in.Crashes == 0 {
		in.Crashes = 1000
	}
	logs, err := seedLogs(ctx, s, in.Logs)
	if err != nil {
		return SeedResult{}, fmt.Errorf("read the logs of the demo: %w", err)
	}
	if len(logs) == 0 {
		return SeedResult{}, errors.New("none of the demo's logs holds a kernel's report")
	}
	plan := newSeedPlan(in, logs)
	if err := s.Observe(ctx, plan.observations()...); err != nil {
		return SeedResult{}, fmt.Errorf("seed: %w", err)
	}
	res := SeedResult{Logs: len(logs), Hosts: len(plan.hosts), Kernels: plan.kernels()}
	events := plan.events(in.Crashes)
	receipts := map[string]string{} // log to one of its receipts
	for _, d := range plan.decisions() {
		n, _ := slices.BinarySearchFunc(events, d.at, func(e seedEvent, t time.Time) int { return e.at.Compare(t) })
		if err := s.seedEvents(ctx, events[:n], receipts); err != nil {
			return res, fmt.Errorf("seed: %w", err)
		}
		res.Artefacts += n
		events = events[n:]
		if err := s.seedDecision(ctx, d, receipts); err != nil {
			return res, fmt.Errorf("seed: %w", err)
		}
	}
	res.Artefacts += len(events)
	if err := s.seedEvents(ctx, events, receipts); err != nil {
		return res, fmt.Errorf("seed: %w", err)
	}
	o, err := s.Overview(ctx, OverviewQuery{Days: seedDays + 1})
	if err != nil {
		return res, fmt.Errorf("seed: %w", err)
	}
	res.Crashes = int(o.Totals.Crashes)
	return res, nil
}

// seedEvents takes in the logs of events and has them analysed.
func (s *Service) seedEvents(ctx context.Context, events []seedEvent, receipts map[string]string) error {
	for _, e := range events {
		r, err := s.Intake(ctx, bytes.NewReader(e.text()), Meta{
			Host: e.host, Source: "demo", Filename: e.log.name, Demo: true,
			CollectedAt: e.at, ReceivedAt: e.at.Add(20 * time.Second),
		})
		if err != nil {
			return fmt.Errorf("log %s: %w", e.log.name, err)
		}
		receipts[e.log.name] = r.ID
	}
	return s.Drain(ctx)
}

// seedDecision lets a person decide about the signature of a log.
func (s *Service) seedDecision(ctx context.Context, d seedDecision, receipts map[string]string) error {
	id, ok := receipts[d.log]
	if !ok {
		return nil // it has not happened in this story yet
	}
	// Drain leaves out what a worker of another process or goroutine holds.
	r, err := s.Wait(ctx, id)
	if err != nil || len(r.Crashes) == 0 {
		return err
	}
	c, err := s.Crash(ctx, r.Crashes[0])
	if err != nil {
		return err
	}
	d.change.at = d.at
	_, err = s.ChangeSignature(ctx, c.Signature.ID, d.change)
	return err
}

// seedLog is one of the real logs.
type seedLog struct {
	name    string
	text    []byte
	release string // of the kernel that crashed
	version string // its build line
	weight  float64
	// from and to are the releases between which it happens, as indices of
	// the roll-out, both included.
	from, to int
	// days are how many of the last days it happens in.
	days int
	// rising makes it more frequent towards the end.
	rising bool
	// once makes it happen a single time.
	once bool
}

// maxSeedLog leaves out logs that are too large to be multiplied.
const maxSeedLog = 1 << 20

// seedLogs reads the logs that hold a report, in the order of their names.
func seedLogs(ctx context.Context, s *Service, from fs.FS) ([]*seedLog, error) {
	var logs []*seedLog
	err := fs.WalkDir(from, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() > maxSeedLog {
			return err
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		doc, err := s.read(ctx, bytes.NewReader(text))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || doc == nil || len(doc.Reports) == 0 {
			return nil //nolint:nilerr // not a log of a crash: left out
		}
		l := &seedLog{name: path, text: text, release: doc.Reports[0].Kernel}
		for _, b := range doc.Boots {
			if b.Index == doc.Reports[0].Boot {
				l.version = b.Version
				if l.release == "" {
					l.release = b.Release
				}
			}
		}
		logs = append(logs, l)
		return nil
	})
	slices.SortFunc(logs, func(a, b *seedLog) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return logs, err
}

// seedDecision is what a person decides about the signature of a log.
type seedDecision struct {
	log    string
	at     time.Time
	change SignatureChange
}

// seedRand returns the source of a story's chances.
func seedRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(0x72696e67, seed)) }
