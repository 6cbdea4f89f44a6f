package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ringside/internal/store"
)

// Progress tells how far a delivery has come.
type Progress string

// The progress of a receipt.
const (
	Pending  Progress = "pending"  // stored; its analysis is queued or running
	Analysed Progress = "analysed" // its crashes are in the record
	Failed   Progress = "failed"   // the analysis gave up; the artefact is kept and can be analysed again
)

// Meta is what the sender says about an artefact. Every field may be empty.
type Meta struct {
	Host        string    // the machine it is about
	Kernel      string    // the release that ran; what the log says goes first
	Source      string    // who sent it: "push", "agent", "curl", ...
	Filename    string    // its name at the sender
	ReceivedAt  time.Time // zero means now
	CollectedAt time.Time // when the sender found it, by the sender's clock
	Demo        bool      // invented circumstances, to be shown as such
	SHA256      string    // what the content must hash to; empty takes it as it comes
	Class       Class     // what it must be; ClassLog takes anything
}

// Receipt is the promise that one delivery of an artefact is kept.
type Receipt struct {
	ID          string     `json:"id"`
	SHA256      string     `json:"sha256"`
	Size        int64      `json:"size"`
	Duplicate   bool       `json:"duplicate" doc:"The same content from the same host was here before; this is the receipt of that delivery"`
	Progress    Progress   `json:"progress" enum:"pending,analysed,failed"`
	Error       string     `json:"error,omitempty" doc:"Why the analysis gave up"`
	Host        *HostRef   `json:"host"`
	Kernel      string     `json:"kernel,omitempty" doc:"The kernel release the sender named"`
	Source      string     `json:"source,omitempty"`
	Filename    string     `json:"filename,omitempty"`
	ReceivedAt  time.Time  `json:"received_at"`
	CollectedAt *time.Time `json:"collected_at,omitempty"`
	Crashes     []string   `json:"crashes" nullable:"false" doc:"IDs of the crashes found in it"`
	Demo        bool       `json:"demo"`
}

const receiptColumns = `r.id, r.sha256, a.size, r.progress, r.error, r.host_id, r.host_name, r.kernel, r.source, r.filename,
	r.received_at, r.collected_at, r.demo`

const receiptTables = ` from receipts r join artefacts a on a.sha256 = r.sha256 `

func scanReceipt(scan func(...any) error) (Receipt, error) {
	var (
		r         Receipt
		hostID    sql.Null[string]
		hostName  string
		received  int64
		collected sql.Null[int64]
	)
	err := scan(&r.ID, &r.SHA256, &r.Size, &r.Progress, &r.Error, &hostID, &hostName, &r.Kernel, &r.Source, &r.Filename,
		&received, &collected, &r.Demo)
	if hostID.Valid {
		r.Host = &HostRef{ID: hostID.V, Name: hostName}
	}
	r.ReceivedAt, r.CollectedAt, r.Crashes = store.Time(received), store.NullTime(collected), []string{}
	return r, err
}

// Receipt returns a receipt as it stands now.
func (s *Service) Receipt(ctx context.Context, id string) (Receipt, error) {
	var r Receipt
	err := s.db.View(ctx, func(q store.Querier) error {
		var err error
		if r, err = scanReceipt(q.QueryRowContext(ctx, `select `+receiptColumns+receiptTables+`where r.id = $1`, id).Scan); err != nil {
			return err
		}
		r.Crashes, err = store.Collect(ctx, q, `select id from crashes where receipt_id = $1
			or receipt_id = (select log_receipt from dumps where id = $1) order by boot`, []any{id},
			func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		return err
	})
	if err != nil {
		return r, fmt.Errorf("receipt %s: %w", id, found(err))
	}
	return r, nil
}

// promised is the receipt that a job is about. One that is not there will not
// come: the job gives up.
func (s *Service) promised(ctx context.Context, id string) (Receipt, error) {
	var r Receipt
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		r, err = scanReceipt(q.QueryRowContext(ctx, `select `+receiptColumns+receiptTables+`where r.id = $1`, id).Scan)
		return err
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, store.Permanent(fmt.Errorf("receipt %s: %w", id, ErrNotFound))
	case err != nil:
		return r, fmt.Errorf("read receipt %s: %w", id, err)
	}
	return r, nil
}

// waitPoll is how often Wait looks by itself, for analyses that end in another
// process.
const waitPoll = 500 * time.Millisecond

// Wait returns once the receipt's analysis is done or has failed, or with the
// receipt as it stands when ctx ends.
func (s *Service) Wait(ctx context.Context, id string) (Receipt, error) {
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for {
		next := s.nextProgress() // before looking, so that nothing is missed
		r, err := s.Receipt(context.WithoutCancel(ctx), id)
		if err != nil || r.Progress != Pending {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, nil
		case <-next:
		case <-tick.C:
		}
	}
}

// found turns the absence of a row into ErrNotFound.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
