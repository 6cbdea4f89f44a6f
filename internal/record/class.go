package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/internal/store"
)

// Class is what an artefact is to the record: it decides who analyses it, and
// when.
type Class string

// The classes.
const (
	ClassLog       Class = ""          // a log, or whatever else may hold one
	ClassDump      Class = "dump"      // a kernel's memory
	ClassRecording Class = "recording" // a profile or a trace
	ClassInventory Class = "inventory" // what a kernel was built from
	// ClassPatchStack is a report of where the patches of a stack stand.
	ClassPatchStack Class = "patch-stack"
	// ClassPatchWork is a report of reviews, or of contributions to upstream.
	ClassPatchWork Class = "patch-work"
	ClassHost      Class = "host" // what a host says of itself
	// ClassLabRun is a run of the lab.
	ClassLabRun Class = "lab-run"
	// ClassTestRun is a run of tests.
	ClassTestRun Class = "test-run"
	// ClassBisection is the report of a bisection.
	ClassBisection Class = "bisection"
	// ClassReproducer is the report of a reproducer.
	ClassReproducer Class = "reproducer"
)

// heavy are the classes whose analysis takes long: they have a queue of their
// own, and are analysed one at a time.
var heavy = []string{jobDump, jobRecording}

// classify tells what begins with head.
func (s *Service) classify(head []byte) Class {
	switch {
	case s.dumps != nil && s.dumps.Recognize(head):
		return ClassDump
	case s.recordings != nil && s.recordings.Recognize(head):
		return ClassRecording
	case s.exposer != nil && s.exposer.Recognize(head):
		return ClassInventory
	case s.exposer != nil && s.exposer.RecognizeHost(head):
		return ClassHost
	}
	if c := recognizeDocument(head); c != nil {
		return c.class
	}
	return ClassLog
}

// takes is an error if an artefact cannot be taken for what it was sent as.
func (s *Service) takes(want, class Class) error {
	if want == ClassLog || want == class {
		return nil
	}
	if c := documentClassOf(want); c != nil {
		return fmt.Errorf("%w: this is no %s", ErrInvalid, c.what)
	}
	switch {
	case want == ClassDump && s.dumps == nil:
		return fmt.Errorf("%w: this server does not take kernel dumps", ErrInvalid)
	case want == ClassDump:
		return fmt.Errorf("%w: this is no kernel dump (ELF, kdump or flattened, as it is or compressed as a whole); logs and all else go to /api/v1/artefacts", ErrInvalid)
	case (want == ClassInventory || want == ClassHost) && s.exposer == nil:
		return fmt.Errorf("%w: this server does not judge CVEs", ErrInvalid)
	case want == ClassInventory:
		return fmt.Errorf("%w: this is no inventory of a kernel, as ringside cve inventory makes one", ErrInvalid)
	case want == ClassHost:
		return fmt.Errorf("%w: this is no report of a host, as ringside cve host makes one", ErrInvalid)
	case s.recordings == nil:
		return fmt.Errorf("%w: this server does not take recordings", ErrInvalid)
	}
	return fmt.Errorf("%w: this is no profile (perf.data, Ringside's own) or trace (trace.dat); logs and all else go to /api/v1/artefacts", ErrInvalid)
}

// most is the size limit of a class.
func (s *Service) most(c Class) int64 {
	if c == ClassDump || c == ClassRecording {
		return s.dumpLimit
	}
	return s.limit
}

// smaller says how to get below the limit.
func smaller(c Class) string {
	switch c {
	case ClassDump:
		return "write the dump without pages that nobody needs (makedumpfile -d 31 -z, or ringside vmcore filter), or raise the server's limit of dumps (--max-dump)"
	case ClassRecording:
		return "send the profile with names instead of the recording (ringside push does), record for a shorter time, or raise the server's limit of dumps and recordings (--max-dump)"
	}
	return "send the part around the crash, compressed, or raise the limit"
}

// enqueue promises the analysis of a new receipt.
func (s *Service) enqueue(ctx context.Context, tx *sql.Tx, receipt string, c Class, m Meta) error {
	switch c {
	case ClassInventory:
		return s.enqueueInventory(ctx, tx, receipt, m)
	case ClassHost:
		return s.enqueueHost(ctx, tx, receipt, m)
	}
	if d := documentClassOf(c); d != nil {
		return s.enqueueDocument(ctx, tx, receipt, d)
	}
	table := tableOf(c)
	if table == "" {
		return s.queue.Enqueue(ctx, tx, jobAnalyse, receipt, "{}")
	}
	if _, err := tx.ExecContext(ctx, `insert into `+table+` (id, release, demo) values ($1, $2, $3) on conflict (id) do nothing`,
		receipt, m.Kernel, m.Demo); err != nil {
		return err
	}
	return s.heavyQueue.Enqueue(ctx, tx, string(c), receipt, "{}")
}

// classTable is where the receipts of a class are, by their ID.
type classTable struct {
	class Class
	table string
}

// tables lists the tables of all classes but logs, whose receipts are nowhere else.
func tables() []classTable {
	list := []classTable{{ClassDump, "dumps"}, {ClassRecording, "recordings"}, {ClassInventory, "inventories"}, {ClassHost, "host_reports"}}
	for _, c := range documentClasses {
		list = append(list, classTable{c.class, c.table})
	}
	return list
}

func tableOf(c Class) string {
	for _, t := range tables() {
		if t.class == c {
			return t.table
		}
	}
	return ""
}

// classExpr is the SQL for the class of the receipts that a condition on r fits.
func classExpr(condition string) string {
	var b strings.Builder
	b.WriteString("case")
	for _, t := range tables() {
		fmt.Fprintf(&b, " when exists (select 1 from %s d join receipts r on r.id = d.id where %s) then '%s'", t.table, condition, t.class)
	}
	return b.String() + " else '' end"
}

// classOf tells what a receipt is of.
func classOf(ctx context.Context, q store.Querier, receipt string) (Class, error) {
	var c Class
	err := q.QueryRowContext(ctx, `select `+classExpr("r.id = $1"), receipt).Scan(&c)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return c, err
}

// jobOf is the kind of the job that analyses a class.
func jobOf(c Class) string {
	if c == ClassLog {
		return jobAnalyse
	}
	return string(c)
}

// receive opens the artefact of a receipt whose reading is due.
func (s *Service) receive(ctx context.Context, receipt string) (rec Receipt, r io.ReadCloser, err error) {
	if rec, err = s.promised(ctx, receipt); err != nil {
		return rec, nil, err
	}
	r, _, err = s.blobs.Open(ctx, rec.SHA256)
	return rec, r, err
}

// analysed ends the reading of a receipt's artefact, which turned out to be of a type.
func analysed(ctx context.Context, tx *sql.Tx, rec Receipt, kind string) error {
	if _, err := tx.ExecContext(ctx, `update artefacts set type = $2 where sha256 = $1`, rec.SHA256, kind); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `update receipts set progress = 'analysed', error = '' where id = $1`, rec.ID)
	return err
}
