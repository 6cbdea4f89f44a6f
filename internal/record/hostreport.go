package record

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
)

// jobHost is the kind of the jobs that read what a host says of itself; their key is
// the ID of its receipt.
const jobHost = string(ClassHost)

// HostReport is what a host says of itself (ringside cve host): what it has loaded of
// its kernel, and how it does under baselines, which also ask for its command line and
// sysctls.
type HostReport struct {
	Host, Release, Arch string
	At                  time.Time
	ModuleSet
	Cmdline   string
	Config    string // identifies the running configuration, as that of [Inventory] does
	Baselines []BaselineResult
}

// ModuleSet is what a host has loaded, and what keeps other modules from being loaded.
type ModuleSet struct {
	Loaded   []string `json:"loaded"`
	Modprobe []string `json:"modprobe"` // lines of modprobe.d
}

// Fleet is what the hosts of a kernel told of their modules.
type Fleet struct {
	Hosts int64 // that run it now
	Sets  []LoadedSet
}

// LoadedSet is what some hosts have in common.
type LoadedSet struct {
	ModuleSet
	Hosts int64
}

// enqueueHost promises the reading of a host's report.
func (s *Service) enqueueHost(ctx context.Context, tx *sql.Tx, receipt string, m Meta) error {
	if _, err := tx.ExecContext(ctx, `insert into host_reports (id, demo) values ($1, $2) on conflict (id) do nothing`, receipt, m.Demo); err != nil {
		return err
	}
	return s.queue.Enqueue(ctx, tx, jobHost, receipt, "{}")
}

// readHost reads the report of a receipt. A report that is older than what the host said
// last changes nothing.
func (s *Service) readHost(ctx context.Context, receipt string) error {
	if s.exposer == nil {
		return store.Permanent(errors.New("this server does not judge CVEs"))
	}
	rec, r, err := s.receive(ctx, receipt)
	if err != nil {
		return err
	}
	defer r.Close()
	h, err := s.exposer.Host(ctx, r)
	if err != nil {
		return err
	}
	name := normalHost(h.Host)
	if rec.Host != nil { // the sender knows the fleet's name for it
		name = rec.Host.Name
	}
	if name == "" || len(name) > 253 || !printable(name) || strings.ContainsAny(name, " /\\") {
		return store.Permanent(errors.New("the report does not name its host: make it again, or send it with --host"))
	}
	if h.At = h.At.UTC().Truncate(time.Microsecond); !plausible(h.At, rec.ReceivedAt) {
		h.At = rec.ReceivedAt
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := keepHostReport(ctx, tx, rec, name, h); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "host report")
	})
	if err != nil {
		return fmt.Errorf("record what %s says of itself: %w", name, err)
	}
	s.announce()
	s.judgeNow(ctx)
	return nil
}

func keepHostReport(ctx context.Context, tx *sql.Tx, rec Receipt, name string, h *HostReport) error {
	host, err := upsertHost(ctx, tx, hostFacts{name: name, arch: h.Arch, at: h.At, demo: rec.Demo})
	if err != nil {
		return err
	}
	kernel, err := upsertKernel(ctx, tx, kernelFacts{release: h.Release, arch: h.Arch, at: h.At, demo: rec.Demo})
	if err != nil {
		return err
	}
	if err := observe(ctx, tx, host, kernel, h.At); err != nil {
		return err
	}
	modules, err := toJSON(h.ModuleSet)
	if err != nil {
		return err
	}
	modules = clean(modules)
	baselines, err := toJSON(append([]BaselineResult{}, h.Baselines...))
	if err != nil {
		return err
	}
	var (
		had     string
		at      int64
		changed = store.Micros(h.At)
		before  sql.Null[int64]
		ran     sql.Null[string]
	)
	err = tx.QueryRowContext(ctx, `select modules, reported_at, changed_at, kernel_id from host_reports where host_id = $1 and latest and id <> $2`, host, rec.ID).
		Scan(&had, &at, &before, &ran)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case at > store.Micros(h.At):
		_, err := tx.ExecContext(ctx, `update host_reports set host_id = $2, kernel_id = $3, reported_at = $4 where id = $1`, rec.ID, host, kernel, store.Micros(h.At))
		return err
	case had == modules && ran.V == kernel && before.Valid:
		changed = before.V
	}
	if _, err := tx.ExecContext(ctx, `update host_reports set latest = false, modules = '', baselines = '', cmdline = '' where host_id = $1 and id <> $2`, host, rec.ID); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update host_reports set host_id = $2, kernel_id = $3, latest = true, reported_at = $4, modules = $5, changed_at = $6,
		cmdline = $7, config = $8, baselines = $9 where id = $1`,
		rec.ID, host, kernel, store.Micros(h.At), modules, changed, clean(h.Cmdline), clean(h.Config), clean(baselines))
	return err
}

// telling selects the reports of hosts that still run the kernel k that they told of.
const telling = `from host_reports r join hosts h on h.id = r.host_id where r.latest and r.kernel_id = k.id and h.kernel_id = k.id`

// fleetMark identifies what the hosts of the kernel k told: it changes with their modules
// and with which hosts there are.
const fleetMark = `coalesce((select case when count(*) > 0 then count(*) || '-' || min(r.changed_at) || '-' || max(r.changed_at) || '-' || k.hosts_now end ` + telling + `), '')`

// fleet tells what the hosts of a kernel have loaded.
func (s *Service) fleet(ctx context.Context, kernel string) (f Fleet, mark string, err error) {
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select k.hosts_now, `+fleetMark+` from kernels k where k.id = $1`, kernel).Scan(&f.Hosts, &mark); err != nil {
			return err
		}
		f.Sets, err = store.Collect(ctx, q, `select r.modules, count(*) from kernels k, host_reports r join hosts h on h.id = r.host_id
			where k.id = $1 and r.latest and r.kernel_id = k.id and h.kernel_id = k.id group by r.modules order by r.modules`, []any{kernel},
			func(scan func(...any) error) (l LoadedSet, err error) {
				var text string
				if err = scan(&text, &l.Hosts); err != nil {
					return l, err
				}
				return l, fromJSON(text, &l.ModuleSet)
			})
		return err
	})
	return f, mark, err
}

// Drift is how far the hosts of a kernel are from what its build promises.
type Drift struct {
	Kernel KernelRef `json:"kernel"`
	Hosts  int64     `json:"hosts" doc:"Hosts that run the kernel now"`
	Told   int64     `json:"hosts_reporting" doc:"Of them, those that told how they are set up"`
	// Drifted are those of which something does not hold that holds for the build.
	Drifted  int64          `json:"hosts_drifted" doc:"Of those, the ones that break a guardrail which the kernel's build keeps, or does not decide"`
	Findings []DriftFinding `json:"findings" nullable:"false" doc:"Of one kernel: what they break, most hosts first"`
}

// DriftFinding is a guardrail that hosts break and their kernel's build does not.
type DriftFinding struct {
	Baseline string `json:"baseline,omitempty" doc:"Empty for the configuration as a whole"`
	BaselineFinding
	Hosts int64    `json:"hosts"`
	Names []string `json:"names" nullable:"false" doc:"At most ten of them"`
}

// More counts the hosts that are not named.
func (f DriftFinding) More() int64 { return f.Hosts - int64(len(f.Names)) }

// maxDriftNames is how many hosts a finding names.
const maxDriftNames = 10

// hostState is what drift is told by.
type hostState struct {
	kernel, release, arch string
	now                   int64
	name, config, results string
	inventory             string
}

// Drift compares what hosts told of themselves with the baselines of their kernels'
// builds: of one kernel, by ID or release, with what they break, of all ("") without.
func (s *Service) Drift(ctx context.Context, kernel string) ([]Drift, error) {
	out := []Drift{}
	err := s.db.View(ctx, func(q store.Querier) error {
		held, err := heldBaselines(ctx, q, kernel)
		if err != nil {
			return err
		}
		states, err := store.Collect(ctx, q, `select k.id, k.release, k.arch, k.hosts_now, h.name, r.config, r.baselines,
				coalesce((select i.summary from inventories i where i.kernel_id = k.id order by i.id desc limit 1), '')
			from kernels k join host_reports r on r.kernel_id = k.id join hosts h on h.id = r.host_id
			where r.latest and h.kernel_id = k.id and ($1 = '' or k.id = $1 or k.release = $1)
			order by k.hosts_now desc, k.release desc, k.id, h.name`, []any{kernel},
			func(scan func(...any) error) (h hostState, err error) {
				return h, scan(&h.kernel, &h.release, &h.arch, &h.now, &h.name, &h.config, &h.results, &h.inventory)
			})
		if err != nil {
			return err
		}
		known := map[string][]BaselineResult{} // by text: a fleet's hosts are alike
		for _, h := range states {
			if n := len(out); n == 0 || out[n-1].Kernel.ID != h.kernel {
				out = append(out, Drift{Kernel: KernelRef{ID: h.kernel, Release: h.release, Arch: h.arch}, Hosts: h.now, Findings: []DriftFinding{}})
			}
			results, ok := known[h.results]
			if !ok {
				if err := fromJSON(h.results, &results); err != nil {
					return err
				}
				known[h.results] = results
			}
			if err := out[len(out)-1].add(h, results, held[h.kernel]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("drift of hosts: %w", err)
	}
	for i := range out {
		slices.SortStableFunc(out[i].Findings, func(a, b DriftFinding) int {
			return cmp.Or(cmp.Compare(b.Hosts, a.Hosts), cmp.Compare(a.Baseline, b.Baseline), cmp.Compare(a.ID, b.ID))
		})
		if kernel == "" {
			out[i].Findings = []DriftFinding{}
		}
	}
	return out, nil
}

// add counts a host.
func (d *Drift) add(h hostState, results []BaselineResult, held map[string]bool) error {
	d.Told++
	var list []DriftFinding
	same := false // the host runs what the inventory is of
	if h.inventory != "" && h.config != "" {
		var inv Inventory
		if err := fromJSON(h.inventory, &inv); err != nil {
			return err
		}
		if same = inv.Config == h.config; inv.Config != "" && !same {
			list = append(list, DriftFinding{BaselineFinding: BaselineFinding{ID: "configuration", Title: "The running configuration is that of the inventory", State: "failed",
				Why: "the host's kernel was built with another configuration than the inventory has", Advice: "send the inventory of the kernel that runs"}})
		}
	}
	for _, b := range results {
		for _, f := range b.Findings {
			// About a configuration the build knows more: which symbols its sources have.
			if same && strings.HasPrefix(f.ID, "kconfig/") {
				continue
			}
			if f.State != "waived" && !held[b.Baseline+"\x00"+f.ID] {
				list = append(list, DriftFinding{Baseline: b.Baseline, BaselineFinding: f})
			}
		}
	}
	if len(list) > 0 {
		d.Drifted++
	}
	for _, f := range list {
		i := slices.IndexFunc(d.Findings, func(o DriftFinding) bool { return o.Baseline == f.Baseline && o.ID == f.ID && o.Why == f.Why })
		if i < 0 {
			f.Names = []string{}
			i = len(d.Findings)
			d.Findings = append(d.Findings, f)
		}
		d.Findings[i].Hosts++
		if len(d.Findings[i].Names) < maxDriftNames {
			d.Findings[i].Names = append(d.Findings[i].Names, h.name)
		}
	}
	return nil
}

// heldBaselines gives what a kernel's build itself does not keep, by kernel: that hosts do
// not keep it either is no drift.
func heldBaselines(ctx context.Context, q store.Querier, kernel string) (map[string]map[string]bool, error) {
	type row struct {
		kernel, baseline string
		findings         []BaselineFinding
	}
	rows, err := store.Collect(ctx, q, `select k.id, b.baseline, b.findings from kernel_baselines b join kernels k on k.id = b.kernel_id
		where $1 = '' or k.id = $1 or k.release = $1`, []any{kernel},
		func(scan func(...any) error) (r row, err error) {
			var text string
			if err = scan(&r.kernel, &r.baseline, &text); err != nil {
				return r, err
			}
			return r, fromJSON(text, &r.findings)
		})
	out := map[string]map[string]bool{}
	for _, r := range rows {
		if out[r.kernel] == nil {
			out[r.kernel] = map[string]bool{}
		}
		for _, f := range r.findings {
			out[r.kernel][r.baseline+"\x00"+f.ID] = true
		}
	}
	return out, err
}
