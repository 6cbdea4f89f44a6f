package record

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ringside/bisect"
	"ringside/internal/store"
	"ringside/ktest"
	"ringside/lab"
	"ringside/patch/stack"
)

// documentClass is a class of artefacts that are JSON documents of Ringside's own: they
// say in their first bytes which schema they follow, and a job reads them.
type documentClass struct {
	class   Class
	table   string   // its receipts have a row each there, made with them
	blank   string   // columns of that row that have no default
	schemas []string // that its documents follow
	what    string   // what it is and who makes it
}

// documentClasses are the classes of documents. Who reads them stands in
// [Service.documentHandlers].
var documentClasses = []documentClass{
	{ClassPatchStack, "patch_reports", "", []string{stack.ReportSchemaID},
		"report of a patch stack, as ringside patch stack --json makes one"},
	{ClassPatchWork, "patch_documents", "kind", patchWorkSchemas(),
		"report of reviews or contributions, as ringside patch reviews --json makes one"},
	{ClassLabRun, "lab_runs", "", []string{lab.RecordSchemaID},
		"run of the lab, as ringside lab run --json prints one"},
	{ClassTestRun, "test_runs", "", []string{ktest.RunSchemaID},
		"run of tests, as ringside test import --json prints one"},
	{ClassBisection, "bisections", "", []string{bisect.ReportSchemaID},
		"report of a bisection, as ringside bisect show --json prints one"},
	{ClassReproducer, "reproducers", "", []string{reproducerSchema},
		"report of a reproducer, as ringside reproduce --json prints one"},
}

// documentHandlers are the jobs that read documents, by their kind: the class.
func (s *Service) documentHandlers() map[Class]func(ctx context.Context, receipt string) error {
	return map[Class]func(context.Context, string) error{
		ClassPatchStack: s.readPatchStack,
		ClassPatchWork:  s.readPatchWork,
		ClassLabRun:     s.readLabRun,
		ClassTestRun:    s.readTestRun,
		ClassBisection:  s.readBisection,
		ClassReproducer: s.readReproducer,
	}
}

// recognizeDocument tells what document begins with head.
func recognizeDocument(head []byte) *documentClass {
	for i := range documentClasses {
		for _, id := range documentClasses[i].schemas {
			if hasSchema(head, id) {
				return &documentClasses[i]
			}
		}
	}
	return nil
}

// hasSchema tells whether a JSON object begins so that names its schema at once.
func hasSchema(head []byte, id string) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && head[0] == '{' && bytes.Contains(head[:min(len(head), 200)], []byte(`"`+id+`"`))
}

func documentClassOf(c Class) *documentClass {
	for i := range documentClasses {
		if documentClasses[i].class == c {
			return &documentClasses[i]
		}
	}
	return nil
}

// enqueueDocument promises the reading of a document.
func (s *Service) enqueueDocument(ctx context.Context, tx *sql.Tx, receipt string, c *documentClass) error {
	columns, values := "id", "$1"
	if c.blank != "" {
		columns, values = columns+", "+c.blank, values+", ''"
	}
	if _, err := tx.ExecContext(ctx, `insert into `+c.table+` (`+columns+`) values (`+values+`) on conflict (id) do nothing`, receipt); err != nil {
		return err
	}
	return s.queue.Enqueue(ctx, tx, string(c.class), receipt, "{}")
}

// decodeDocument reads the document of a receipt into v. What is not JSON of v's shape
// will never be: the error is permanent.
func (s *Service) decodeDocument(ctx context.Context, receipt, what string, v any) (Receipt, error) {
	rec, r, err := s.receive(ctx, receipt)
	if err != nil {
		return rec, err
	}
	defer r.Close()
	src := &faultRecorder{r: io.LimitReader(r, s.limit)}
	if err := json.NewDecoder(src).Decode(v); err != nil {
		if src.err != nil {
			return rec, src.err // our storage failed, which says nothing about the input
		}
		return rec, store.Permanent(fmt.Errorf("the %s cannot be read: %w", what, err))
	}
	return rec, nil
}

// storedDocument reads a document again, for a page.
func (s *Service) storedDocument(ctx context.Context, sha string, v any) error {
	r, _, err := s.blobs.Open(ctx, sha)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := json.NewDecoder(io.LimitReader(r, s.limit)).Decode(v); err != nil {
		return fmt.Errorf("artefact %s: %w", sha, err)
	}
	return nil
}

// errNameless is the end of a document that does not say what it is about.
func errNameless(what, how string) error {
	return store.Permanent(errors.New("the " + what + " has no name: " + how))
}
