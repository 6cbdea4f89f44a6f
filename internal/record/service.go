package record

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"ringside/crash"
	"ringside/internal/store"
)

// Analyzer finds the reports in a kernel log. A document returned together
// with an error is what could be read before it; it says what is missing in its
// notes, and it is kept.
type Analyzer interface {
	Analyze(ctx context.Context, r io.Reader) (*crash.Document, error)
}

// AnalyzerFunc is a function that is an Analyzer.
type AnalyzerFunc func(ctx context.Context, r io.Reader) (*crash.Document, error)

// Analyze calls f.
func (f AnalyzerFunc) Analyze(ctx context.Context, r io.Reader) (*crash.Document, error) {
	return f(ctx, r)
}

// Owners finds who owns the code a report points at. Any argument may be empty.
type Owners interface {
	Owner(function, module, file string) (Owner, bool)
}

// Config is what a Service works with.
type Config struct {
	DB       *store.DB
	Blobs    *store.Blobs
	Analyzer Analyzer
	// Rules is the version of the analyzer. Artefacts that another version
	// read are read again when their analysis is asked for.
	Rules string
	// Algorithm names the rules of today's signatures, and Sign makes those of
	// other rules that a record may still group by. Where they are not set, the
	// record groups by whatever signature a report comes with.
	Algorithm string
	Sign      Signer
	// Open turns an artefact's bytes into its text: it undoes compression,
	// within limits. nil takes them as they are.
	Open func(r io.Reader) (io.Reader, error)
	// Owners may be nil.
	Owners Owners
	// MaxArtefact is the largest artefact taken, in bytes. 0 means 256 MiB.
	MaxArtefact int64
	// Dumps analyses kernel dumps. Without it they are not taken.
	Dumps DumpAnalyzer
	// Recordings analyses profiles and traces. Without it they are not taken.
	Recordings RecordingAnalyzer
	// Exposer judges which CVEs touch a kernel. Without it none are known.
	Exposer Exposer
	// Deadlines say how long a CVE may stay open. nil sets no deadlines.
	Deadlines Deadlines
	// MaxDump is the largest dump or recording taken, in bytes. 0 means 16 GiB.
	MaxDump int64
	// Workers is how many analyses run at the same time. 0 means 2.
	Workers int
	Now     func() time.Time // nil means the clock
	Log     *slog.Logger     // nil means silence
}

// DefaultMaxArtefact is the size limit of an artefact if none is configured.
const DefaultMaxArtefact = 256 << 20

// Service is the system of record. It is safe for use by many goroutines, and
// many processes may work on the same database and blobs.
type Service struct {
	db         *store.DB
	blobs      *store.Blobs
	queue      *store.Queue
	analyzer   Analyzer
	rules      string
	algorithm  string
	signer     Signer
	open       func(io.Reader) (io.Reader, error)
	owners     Owners
	limit      int64
	dumps      DumpAnalyzer
	dumpLimit  int64
	recordings RecordingAnalyzer
	exposer    Exposer
	deadlines  Deadlines
	heavyQueue *store.Queue // of dumps and recordings: they are analysed one at a time
	workers    int
	now        func() time.Time
	log        *slog.Logger

	mu       sync.Mutex
	progress chan struct{} // closed and replaced whenever an analysis ends
}

var (
	_ Reader = (*Service)(nil)
	_ Writer = (*Service)(nil)
)

// New returns a Service. It does no work by itself: [Service.Run] does the jobs.
func New(c Config) (*Service, error) {
	if c.DB == nil || c.Blobs == nil || c.Analyzer == nil {
		return nil, errors.New("the record needs a database, a blob store and an analyzer")
	}
	s := &Service{
		db: c.DB, blobs: c.Blobs, analyzer: c.Analyzer, rules: c.Rules, algorithm: c.Algorithm, signer: c.Sign, open: c.Open, owners: c.Owners,
		limit: cmp.Or(c.MaxArtefact, DefaultMaxArtefact),
		dumps: c.Dumps, recordings: c.Recordings, exposer: c.Exposer, deadlines: c.Deadlines, dumpLimit: cmp.Or(c.MaxDump, DefaultMaxDump),
		workers: c.Workers, log: c.Log, progress: make(chan struct{}),
	}
	// The record and its database agree on the resolution of time.
	clock := c.Now
	if clock == nil {
		clock = time.Now
	}
	s.now = func() time.Time { return clock().UTC().Truncate(time.Microsecond) }
	if s.open == nil {
		s.open = func(r io.Reader) (io.Reader, error) { return r, nil }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.openQueues()
	return s, nil
}

// openQueues makes the queue of dumps and recordings, and that of all else.
func (s *Service) openQueues() {
	s.queue, s.heavyQueue = store.NewQueue(s.db, s.now), store.NewQueue(s.db, s.now)
	s.queue.Except, s.heavyQueue.Only = heavy, heavy
	s.heavyQueue.Attempts = heavyAttempts
}

// wake tells the idle workers that there may be work.
func (s *Service) wake() {
	s.queue.Wake()
	s.heavyQueue.Wake()
}

// MaxDump returns the size limit of a dump or a recording, in bytes.
func (s *Service) MaxDump() int64 { return s.dumpLimit }

// Room is store.ErrNoSpace if something of a size cannot be kept.
func (s *Service) Room(size int64) error { return s.blobs.Room(size) }

// MaxArtefact returns the size limit of an artefact, in bytes.
func (s *Service) MaxArtefact() int64 { return s.limit }

// Ready tells whether the record can take and answer.
func (s *Service) Ready(ctx context.Context) error {
	return errors.Join(s.db.Ping(ctx), s.blobs.Ping(ctx))
}

// Run does the record's jobs until ctx ends.
//
// Where an earlier release wrote the record, it first asks for the stacks that
// signatures are compared by; and where the program's rules are newer than the
// record's, for a backfill that shows what they would change.
func (s *Service) Run(ctx context.Context) error {
	if err := s.noticeBare(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("cannot prepare the stacks of older signatures; they resemble nothing until the next start", "error", err)
	}
	if err := s.noticeAlgorithm(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("cannot prepare the new signature algorithm; signatures go on as they are", "algorithm", s.algorithm, "error", err)
	}
	var heavy sync.WaitGroup
	if s.takesHeavy() {
		heavy.Go(func() {
			if err := s.heavyPool().Run(ctx); err != nil {
				s.log.Error("dumps and recordings are not analysed any more", "error", err)
			}
		})
	}
	var judging sync.WaitGroup
	if s.exposer != nil {
		judging.Go(func() { s.keepJudging(ctx) })
	}
	err := s.pool().Run(ctx)
	judging.Wait()
	heavy.Wait()
	return err
}

// Drain does the jobs that may run now and returns when none is left.
func (s *Service) Drain(ctx context.Context) error {
	if s.takesHeavy() {
		if err := s.heavyPool().Drain(ctx); err != nil {
			return err
		}
	}
	if err := s.judgeDue(ctx); err != nil {
		return err
	}
	return s.pool().Drain(ctx)
}

// takesHeavy tells whether there is somebody who analyses dumps or recordings.
func (s *Service) takesHeavy() bool { return s.dumps != nil || s.recordings != nil }

// heavyPool analyses dumps and recordings, one at a time.
func (s *Service) heavyPool() *store.Workers {
	return &store.Workers{
		Queue: s.heavyQueue, N: 1, Log: s.log, Dead: s.gaveUp,
		Handlers: map[string]store.Handler{
			jobDump:      func(ctx context.Context, j store.Job) error { return s.AnalyseDump(ctx, j.Key) },
			jobRecording: func(ctx context.Context, j store.Job) error { return s.AnalyseRecording(ctx, j.Key) },
		},
	}
}

func (s *Service) pool() *store.Workers {
	w := &store.Workers{
		Queue: s.queue, N: s.workers, Log: s.log,
		Handlers: map[string]store.Handler{
			jobAnalyse:  func(ctx context.Context, j store.Job) error { return s.Analyse(ctx, j.Key) },
			jobSuggest:  func(ctx context.Context, j store.Job) error { return s.suggest(ctx, j.Key) },
			jobStacks:   s.fillStacks,
			jobBackfill: s.backfill,
			jobTakeOver: s.takeOver,

			jobInventory: func(ctx context.Context, j store.Job) error { return s.readInventory(ctx, j.Key) },
			jobHost:      func(ctx context.Context, j store.Job) error { return s.readHost(ctx, j.Key) },
			jobFeed:      func(ctx context.Context, _ store.Job) error { return s.readFeed(ctx) },
			jobJudge:     func(ctx context.Context, j store.Job) error { return s.judge(ctx, j.Key) },
		},
		Dead: s.gaveUp,
	}
	for class, read := range s.documentHandlers() {
		w.Handlers[string(class)] = func(ctx context.Context, j store.Job) error { return read(ctx, j.Key) }
	}
	return w
}

// announce wakes everybody who waits for an analysis.
func (s *Service) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.progress)
	s.progress = make(chan struct{})
}

func (s *Service) nextProgress() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.progress
}

// day returns the UTC day of a time, as the roll-ups count it.
func day(t time.Time) int64 {
	us := t.UnixMicro()
	d := us / microsPerDay
	if us < 0 && us%microsPerDay != 0 {
		d--
	}
	return d
}

const microsPerDay = 24 * 60 * 60 * 1_000_000

// dayName writes a day as 2006-01-02.
func dayName(d int64) string { return time.UnixMicro(d * microsPerDay).UTC().Format(time.DateOnly) }

func emptyTrend(first int64, days int) Trend {
	return Trend{FirstDay: dayName(first), Counts: make([]int64, days)}
}

// page returns a window within its bounds.
func (w Window) page() (limit, offset int, err error) {
	limit, err = pageLimit(w.Limit)
	if err == nil && w.Offset < 0 {
		err = fmt.Errorf("offset %d: %w: it counts rows to skip", w.Offset, ErrInvalid)
	}
	return limit, w.Offset, err
}

func pageLimit(n int) (int, error) {
	if n < 0 || n > 500 {
		return 0, fmt.Errorf("limit %d: %w: ask for 1 to 500 rows", n, ErrInvalid)
	}
	return cmp.Or(n, 50), nil
}

// fromJSON reads what toJSON wrote.
func fromJSON(text string, v any) error { return json.Unmarshal([]byte(text), v) }

// toJSON marshals a value of ours, which cannot fail but for a programming error.
func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
