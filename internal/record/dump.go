package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/internal/store"
)

// DumpState tells where a kernel dump is on its way.
type DumpState string

// The states of a dump.
const (
	DumpQueued   DumpState = "queued"   // it is kept; its analysis waits for its turn
	DumpRunning  DumpState = "running"  // it is being analysed
	DumpAnalysed DumpState = "analysed" // its document is there
	DumpFailed   DumpState = "failed"   // the analysis gave up; the dump is kept
)

// Dump is one delivery of a kernel dump. Its ID is that of its receipt.
type Dump struct {
	ID          string       `json:"id"`
	SHA256      string       `json:"sha256"`
	Size        int64        `json:"size"`
	State       DumpState    `json:"state" enum:"queued,running,analysed,failed"`
	Error       string       `json:"error,omitempty" doc:"Why the last attempt failed, and what to do"`
	Attempts    int          `json:"attempts" doc:"How often the analysis was tried"`
	Host        *HostRef     `json:"host"`
	Kernel      *KernelRef   `json:"kernel" doc:"As the crash found in its log has it"`
	Source      string       `json:"source,omitempty"`
	Filename    string       `json:"filename,omitempty"`
	ReceivedAt  time.Time    `json:"received_at"`
	CollectedAt *time.Time   `json:"collected_at,omitempty"`
	AnalysedAt  *time.Time   `json:"analysed_at,omitempty"`
	Summary     *DumpSummary `json:"summary" doc:"What was found in it; null until it is analysed"`
	Crashes     []string     `json:"crashes" nullable:"false" doc:"IDs of the crashes that its log tells of"`
	LogSize     int64        `json:"log_size" doc:"Bytes of the kernel's log that was in it; 0 if none was"`
	Duplicate   bool         `json:"duplicate,omitempty" doc:"In the answer to an upload: this content of this host was here before"`
	Demo        bool         `json:"demo"`
}

// DumpSummary is a dump in a few words.
type DumpSummary struct {
	Format    string     `json:"format"`
	Release   string     `json:"release"`
	Version   string     `json:"version,omitempty"`
	Arch      string     `json:"arch,omitempty"`
	Node      string     `json:"node,omitempty" doc:"What the machine called itself"`
	Rung      string     `json:"rung" doc:"How much of it could be read: notes, vmcoreinfo, kallsyms, orc, btf or dwarf"`
	CPUs      int        `json:"cpus"`
	Tasks     int        `json:"tasks"`
	UptimeSec float64    `json:"uptime_s"`
	StoppedAt *time.Time `json:"stopped_at" doc:"When the kernel stopped, by its own clock"`
	Kind      string     `json:"kind" doc:"Of the first finding"`
	Title     string     `json:"title" doc:"Of the first finding"`
	Sure      float64    `json:"confidence" doc:"Of the first finding, 0-1"`
	Findings  int        `json:"findings"`
	Failed    []string   `json:"failed_sections" nullable:"false" doc:"Parts that could not be read"`
}

// DumpFilter selects dumps, newest first. Empty fields select all.
type DumpFilter struct {
	Host   string // ID or name
	Kernel string // release
	Kind   string // of the first finding
	State  DumpState
	SHA256 string
	Crash  string // ID of a crash that the dump's log tells of
	Window
}

// DumpPage is a part of a list of dumps.
type DumpPage struct {
	Total int64  `json:"total"`
	Items []Dump `json:"items" nullable:"false"`
}

const dumpColumns = `r.id, r.sha256, a.size, r.progress, r.error, coalesce(j.state, ''), coalesce(j.attempts, 0), coalesce(j.last_error, ''),
	coalesce(h.id, lh.id), coalesce(h.name, lh.name), r.source, r.filename, r.received_at, r.collected_at,
	coalesce(x.summary, ''), x.analysed_at, coalesce(x.log_size, 0), r.demo`

const dumpTables = ` from dumps d
	join receipts r on r.id = d.id
	join artefacts a on a.sha256 = r.sha256
	left join dump_documents x on x.sha256 = r.sha256
	left join receipts l on l.id = d.log_receipt
	left join hosts h on h.id = r.host_id
	left join hosts lh on lh.id = l.host_id
	left join jobs j on j.kind = 'dump' and j.key = d.id `

func scanDump(scan func(...any) error) (Dump, error) {
	var (
		d                 Dump
		progress          Progress
		job, last, text   string
		hostID, host      sql.Null[string]
		received          int64
		collected, readAt sql.Null[int64]
	)
	err := scan(&d.ID, &d.SHA256, &d.Size, &progress, &d.Error, &job, &d.Attempts, &last, &hostID, &host, &d.Source, &d.Filename,
		&received, &collected, &text, &readAt, &d.LogSize, &d.Demo)
	if err != nil {
		return d, err
	}
	if hostID.Valid {
		d.Host = &HostRef{ID: hostID.V, Name: host.V}
	}
	d.ReceivedAt, d.CollectedAt, d.AnalysedAt, d.Crashes = store.Time(received), store.NullTime(collected), store.NullTime(readAt), []string{}
	d.State = heavyState(progress, job)
	if progress == Pending {
		d.Error = last // of an attempt that will be followed by another
	}
	if text != "" {
		d.Summary = &DumpSummary{}
		err = json.Unmarshal([]byte(text), d.Summary)
	}
	return d, err
}

// Dumps lists dumps, newest first.
func (s *Service) Dumps(ctx context.Context, f DumpFilter) (*DumpPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	var args store.Args
	state, err := whereState(&args, f.State)
	if err != nil {
		return nil, err
	}
	where := []string{state}
	equal := func(column, value string) {
		if value != "" {
			where = append(where, column+" = "+args.Add(value))
		}
	}
	equal("d.kind", f.Kind)
	equal("d.release", f.Kernel)
	equal("r.sha256", f.SHA256)
	if f.Host != "" {
		hosts := hostIDs(&args, f.Host)
		where = append(where, "(r.host_id in "+hosts+" or l.host_id in "+hosts+")")
	}
	if f.Crash != "" {
		where = append(where, "d.log_receipt = (select receipt_id from crashes where id = "+args.Add(f.Crash)+")")
	}
	rest := "where " + strings.Join(where, " and ")
	p := DumpPage{}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+dumpTables+rest, args...).Scan(&p.Total); err != nil {
			return err
		}
		p.Items, err = store.Collect(ctx, q, `select `+dumpColumns+dumpTables+rest+
			` order by d.id desc limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanDump)
		for i := range p.Items {
			if err == nil {
				err = dumpCrashes(ctx, q, &p.Items[i])
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list dumps: %w", err)
	}
	return &p, nil
}

// Dump returns a dump as it stands now.
func (s *Service) Dump(ctx context.Context, id string) (*Dump, error) {
	var d Dump
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		if d, err = scanDump(q.QueryRowContext(ctx, `select `+dumpColumns+dumpTables+`where d.id = $1`, id).Scan); err != nil {
			return err
		}
		return dumpCrashes(ctx, q, &d)
	})
	if err != nil {
		return nil, fmt.Errorf("dump %s: %w", id, found(err))
	}
	return &d, nil
}

// dumpCrashes adds what the dump's log led to.
func dumpCrashes(ctx context.Context, q store.Querier, d *Dump) error {
	crashes, err := listCrashes(ctx, q, `where c.receipt_id = (select log_receipt from dumps where id = $1) order by c.boot`, d.ID)
	for _, c := range crashes {
		d.Crashes = append(d.Crashes, c.ID)
		if d.Kernel == nil {
			d.Kernel = c.Kernel
		}
	}
	return err
}

// DumpPart names a form of what was found in a dump.
type DumpPart string

// The parts.
const (
	// DumpDocument is everything, JSON by the schema vmcore.v1, gzip.
	DumpDocument DumpPart = "document"
	// DumpOutline is the same less the stacks of tasks that are in a group: of
	// a machine with ten thousand tasks this is what can be shown. JSON, gzip.
	DumpOutline DumpPart = "outline"
	// DumpLog is the kernel's log as text, with levels and callers.
	DumpLog DumpPart = "log"
)

// OpenDump opens a part of what was found in a dump. ErrNotFound also means
// that it was not analysed yet, or has no such part.
func (s *Service) OpenDump(ctx context.Context, id string, part DumpPart) (io.ReadCloser, int64, error) {
	column, ok := map[DumpPart]string{DumpDocument: "document", DumpOutline: "outline", DumpLog: "log"}[part]
	if !ok {
		return nil, 0, fmt.Errorf("part %q of a dump: %w", part, ErrInvalid)
	}
	var sha string
	err := s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select x.`+column+` from dumps d join receipts r on r.id = d.id
			join dump_documents x on x.sha256 = r.sha256 where d.id = $1`, id).Scan(&sha)
	})
	if err == nil && sha == "" {
		err = ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s of dump %s: %w", part, id, found(err))
	}
	return s.blobs.Open(ctx, sha)
}
