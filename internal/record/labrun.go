package record

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/lab"
)

// LabRun is one run of a kernel in the lab.
type LabRun struct {
	ID        string        `json:"id" doc:"Receipt of its record"`
	Run       string        `json:"run" doc:"The lab's own name of it: ringside lab rerun takes it"`
	Verb      string        `json:"verb" doc:"What it was run for"`
	Verdict   lab.Verdict   `json:"verdict"`
	Phase     lab.Phase     `json:"phase" doc:"The last one that was reached"`
	Reason    string        `json:"reason"`
	Release   string        `json:"release"`
	Arch      string        `json:"arch"`
	Kernel    *KernelRef    `json:"kernel"`
	Accel     string        `json:"accel"`
	Host      string        `json:"host" doc:"Where it ran"`
	Recipe    string        `json:"recipe" doc:"Identifies what was run: the same recipe has the same"`
	Key       string        `json:"key,omitempty" doc:"Portable signature of the crash that speaks for it"`
	Title     string        `json:"title,omitempty" doc:"Of that crash"`
	Signature string        `json:"signature,omitempty" doc:"ID of the record's signature with that key"`
	Steps     int64         `json:"steps"`
	Failed    int64         `json:"failed" doc:"Steps that did not return 0"`
	Elapsed   time.Duration `json:"elapsed_ns"`
	BeganAt   time.Time     `json:"began_at"`
	SHA256    string        `json:"sha256" doc:"The artefact: its record"`
	Job       string        `json:"job,omitempty" doc:"The job that asked for it"`
	Files     []RunFile     `json:"files" nullable:"false" doc:"Its console and outputs, where they were sent"`
}

// RunFile is a file of a run's folder that the record keeps among its contents.
type RunFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256" pattern:"^[0-9a-f]{64}$"`
	Size   int64  `json:"size"`
}

// LabRunDetail is a run with its whole record.
type LabRunDetail struct {
	LabRun
	Record *lab.Record `json:"record"`
	Same   []LabRun    `json:"same" nullable:"false" doc:"The last runs of the same recipe, the newest first"`
	Counts LabCounts   `json:"counts" doc:"All runs of the same recipe, by verdict"`
}

// LabCounts counts runs by verdict.
type LabCounts map[lab.Verdict]int64

// LabRunFilter says which runs are listed.
type LabRunFilter struct {
	Verdict string
	Kernel  string // ID or release
	Recipe  string
	Key     string // portable signature
	Text    string // words of the release, the crash's title, the reason or the host
	Window
}

// LabRunPage is a part of the list of runs, the newest first.
type LabRunPage struct {
	Total    int64     `json:"total"`
	Items    []LabRun  `json:"items" nullable:"false"`
	Verdicts LabCounts `json:"verdicts" doc:"All runs by verdict, whatever is filtered"`
}

// readLabRun reads the record of a run.
func (s *Service) readLabRun(ctx context.Context, receipt string) error {
	var r lab.Record
	rec, err := s.decodeDocument(ctx, receipt, "record of a run", &r)
	if err != nil {
		return err
	}
	if r.ID == "" || r.Outcome.Verdict == "" {
		return errNameless("record of a run", "it needs an id and an outcome, as ringside lab show --json prints them")
	}
	recipe, err := recipeID(&r.Recipe)
	if err != nil {
		return err
	}
	began := r.Began
	if !plausible(began, rec.ReceivedAt) {
		began = rec.ReceivedAt
	}
	var key, title string
	if c := r.Outcome.Crash; c != nil {
		key, title = c.Signature.Portable, c.Title
	}
	failed := 0
	for i := range r.Outcome.Steps {
		if r.Outcome.Steps[i].Failed() {
			failed++
		}
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		kernel, err := upsertKernel(ctx, tx, kernelFacts{release: r.Recipe.Release, arch: r.Recipe.Arch, at: began, demo: rec.Demo})
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update lab_runs set run = $2, verb = $3, verdict = $4, phase = $5, reason = $6, release = $7, arch = $8, kernel_id = $9,
				accel = $10, host = $11, recipe = $12, key = $13, title = $14, steps = $15, failed = $16, elapsed_us = $17, began_at = $18, demo = $19 where id = $1`,
			rec.ID, clean(r.ID), clean(r.Verb), clean(string(r.Outcome.Verdict)), clean(string(r.Outcome.Phase)), clean(r.Outcome.Reason), clean(r.Recipe.Release), clean(r.Recipe.Arch),
			store.NullString(kernel), clean(r.Machine.Accel), clean(r.Machine.Host), recipe, clean(key), clean(title), len(r.Outcome.Steps), failed,
			r.Outcome.Elapsed.Microseconds(), store.Micros(began), rec.Demo); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "run of the lab")
	})
	if err != nil {
		return fmt.Errorf("record the run %s: %w", r.ID, err)
	}
	s.announce()
	return nil
}

// recipeID identifies what a recipe does: the names of its contents decide nothing.
func recipeID(r *lab.Recipe) (string, error) {
	bare := *r
	bare.Kernel.Name = ""
	bare.Modules = append([]lab.Module(nil), r.Modules...)
	for i := range bare.Modules {
		bare.Modules[i].Content.Name = ""
	}
	bare.Files = append([]lab.File(nil), r.Files...)
	for i := range bare.Files {
		bare.Files[i].Content.Name = ""
	}
	b, err := json.Marshal(&bare)
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), err
}

const labRunFrom = ` from lab_runs r join receipts c on c.id = r.id left join kernels k on k.id = r.kernel_id`

const labRunColumns = `r.id, r.run, r.verb, r.verdict, r.phase, r.reason, r.release, r.arch, r.accel, r.host, r.recipe, r.key, r.title, r.steps, r.failed,
	r.elapsed_us, r.began_at, c.sha256, r.job_id, r.files, k.id, k.release, k.arch,
	coalesce((select min(g.id) from signatures g where r.key <> '' and g.key = r.key), '')`

func scanLabRun(scan func(...any) error) (r LabRun, err error) {
	var (
		elapsed, began    int64
		files             string
		id, release, arch sql.Null[string]
	)
	if err = scan(&r.ID, &r.Run, &r.Verb, &r.Verdict, &r.Phase, &r.Reason, &r.Release, &r.Arch, &r.Accel, &r.Host, &r.Recipe, &r.Key, &r.Title, &r.Steps, &r.Failed,
		&elapsed, &began, &r.SHA256, &r.Job, &files, &id, &release, &arch, &r.Signature); err != nil {
		return r, err
	}
	r.Elapsed, r.BeganAt = time.Duration(elapsed)*time.Microsecond, store.Time(began)
	if id.Valid {
		r.Kernel = &KernelRef{ID: id.V, Release: release.V, Arch: arch.V}
	}
	return r, fromJSON(files, &r.Files)
}

// LabRuns lists runs of the lab, the newest first.
func (s *Service) LabRuns(ctx context.Context, f LabRunFilter) (*LabRunPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	var args store.Args
	where := []string{"r.run <> ''"}
	if f.Verdict != "" {
		where = append(where, "r.verdict = "+args.Add(f.Verdict))
	}
	if f.Kernel != "" {
		p := args.Add(f.Kernel)
		where = append(where, "(k.id = "+p+" or r.release = "+p+")")
	}
	if f.Recipe != "" {
		where = append(where, "r.recipe = "+args.Add(f.Recipe))
	}
	if f.Key != "" {
		where = append(where, "r.key = "+args.Add(f.Key))
	}
	for _, word := range strings.Fields(f.Text) {
		p := args.Add(store.Like(word, false))
		var any []string
		for _, column := range []string{"release", "title", "reason", "host", "run"} {
			any = append(any, `lower(r.`+column+`) like `+p+` escape '\'`)
		}
		where = append(where, "("+strings.Join(any, " or ")+")")
	}
	rest := labRunFrom + ` where ` + strings.Join(where, " and ")
	page := LabRunPage{}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+rest, args...).Scan(&page.Total); err != nil {
			return err
		}
		items, err := store.Collect(ctx, q, `select `+labRunColumns+rest+` order by r.began_at desc, r.id desc limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanLabRun)
		if err != nil {
			return err
		}
		page.Items = append([]LabRun{}, items...)
		page.Verdicts, err = labCounts(ctx, q, `run <> ''`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list runs of the lab: %w", err)
	}
	return &page, nil
}

func labCounts(ctx context.Context, q store.Querier, where string, args ...any) (LabCounts, error) {
	counts := LabCounts{}
	_, err := store.Collect(ctx, q, `select verdict, count(*) from lab_runs where `+where+` group by verdict`, args, func(scan func(...any) error) (struct{}, error) {
		var (
			v lab.Verdict
			n int64
		)
		err := scan(&v, &n)
		counts[v] = n
		return struct{}{}, err
	})
	return counts, err
}

// sameRuns is how many runs of the same recipe a run's page shows.
const sameRuns = 20

// LabRun returns a run by the ID of its receipt or its own, with its record.
func (s *Service) LabRun(ctx context.Context, id string) (*LabRunDetail, error) {
	var d LabRunDetail
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		if d.LabRun, err = scanLabRun(q.QueryRowContext(ctx, `select `+labRunColumns+labRunFrom+` where r.run <> '' and (r.id = $1 or r.run = $1)
			order by case when r.id = $1 then 0 else 1 end, r.began_at desc limit 1`, id).Scan); err != nil {
			return err
		}
		same, err := store.Collect(ctx, q, `select `+labRunColumns+labRunFrom+` where r.recipe = $1 and r.id <> $2 and r.run <> '' order by r.began_at desc, r.id desc limit $3`,
			[]any{d.Recipe, d.ID, sameRuns}, scanLabRun)
		if err != nil {
			return err
		}
		d.Same = append([]LabRun{}, same...)
		d.Counts, err = labCounts(ctx, q, `recipe = $1 and run <> ''`, d.Recipe)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, found(err))
	}
	d.Record = new(lab.Record)
	if err := s.storedDocument(ctx, d.SHA256, d.Record); err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return &d, nil
}
