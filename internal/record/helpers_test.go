package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/internal/store"
)

// damage replaces the blobs of a service by a store that holds another content
// under the name.
func damage(t *testing.T, s *Service, sha string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "sha256", sha[:2], sha[2:])
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("REPORT kind=bug fn=bar\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenBlobDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.blobs = b
	t.Cleanup(func() { s.blobs.Close() })
}

// rollups are the tables that count.
var rollups = []string{
	`select 'signature', title, crashes, secondary, panics, hosts, kernels, first_seen, last_seen from signatures`,
	`select 'host', name, crashes, signatures, last_crash, 0, 0, 0, 0 from hosts`,
	`select 'kernel', release, crashes, last_crash, 0, 0, 0, 0, 0 from kernels`,
	`select 'signature_daily', signature_id || kernel_id, day, crashes, secondary, 0, 0, 0, 0 from signature_daily`,
	`select 'signature_hosts', signature_id || host_id, crashes, secondary, first_seen, last_seen, 0, 0, 0 from signature_hosts`,
	`select 'signature_kernels', signature_id || kernel_id, crashes, secondary, last_seen, 0, 0, 0, 0 from signature_kernels`,
	`select 'class_daily', class || kernel_id, day, crashes, 0, 0, 0, 0, 0 from class_daily`,
	`select 'host_daily', host_id, day, crashes, 0, 0, 0, 0, 0 from host_daily`,
	`select 'kernel_hosts', kernel_id || host_id, crashes, 0, 0, 0, 0, 0, 0 from kernel_hosts`,
	`select 'exemplars', signature_id || crash_id, occurred_at, 0, 0, 0, 0, 0, 0 from exemplars`,
}

// dump writes down everything the record counts.
func dump(t testing.TB, s *Service) string {
	t.Helper()
	var b strings.Builder
	err := s.db.View(t.Context(), func(q store.Querier) error {
		for _, query := range rollups {
			rows, err := store.Collect(t.Context(), q, query+` order by 1, 2, 3, 4`, nil, func(scan func(...any) error) (string, error) {
				var (
					table, name string
					n           [7]*int64
				)
				err := scan(&table, &name, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6])
				line := table + " " + name
				for _, v := range n {
					if v == nil {
						line += " -"
					} else {
						line += fmt.Sprint(" ", *v)
					}
				}
				return line, err
			})
			if err != nil {
				return err
			}
			b.WriteString(strings.Join(rows, "\n") + "\n")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dumpCounts is the part of a dump that does not name rows by their IDs.
func dumpCounts(t testing.TB, s *Service) string { return dumpCountsOf(dump(t, s)) }

func dumpCountsOf(dump string) string {
	var out []string
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "signature ") || strings.HasPrefix(line, "class_daily") || strings.HasPrefix(line, "host ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// checkRollups counts by hand what the roll-ups say.
func checkRollups(t *testing.T, s *Service) {
	t.Helper()
	err := s.db.View(t.Context(), func(q store.Querier) error {
		var crashes int
		if err := q.QueryRowContext(t.Context(), `select count(*) from crashes`).Scan(&crashes); err != nil {
			return err
		}
		if crashes == 0 {
			return errors.New("there are no crashes to count")
		}
		for _, c := range []struct{ name, raw, counted string }{
			{"signatures", `select count(*) from crashes`, `select coalesce(sum(crashes), 0) from signatures`},
			{"secondary", `select count(*) from crash_reports where not is_primary`, `select sum(secondary) from signatures`},
			{"panics", `select count(*) from crashes where panicked`, `select sum(panics) from signatures`},
			{"hosts", `select count(*) from crashes where host_id is not null`, `select sum(crashes) from hosts`},
			{"kernels", `select count(*) from crashes where kernel_id is not null`, `select sum(crashes) from kernels`},
			{"days", `select count(*) from crashes`, `select sum(crashes) from signature_daily`},
			{"secondary days", `select count(*) from crash_reports where not is_primary`, `select sum(secondary) from signature_daily`},
			{"classes", `select count(*) from crashes`, `select sum(crashes) from class_daily`},
			{"days of hosts", `select count(*) from crashes where host_id is not null`, `select sum(crashes) from host_daily`},
			{"distinct hosts", `select count(*) from (select distinct r.signature_id, c.host_id from crash_reports r
				join crashes c on c.id = r.crash_id where c.host_id is not null) x`, `select sum(hosts) from signatures`},
			{"distinct signatures", `select sum(hosts) from signatures`, `select sum(signatures) from hosts`},
			{"distinct kernels", `select count(*) from (select distinct r.signature_id, c.kernel_id from crash_reports r
				join crashes c on c.id = r.crash_id where c.kernel_id is not null) x`, `select sum(kernels) from signatures`},
			{"hosts running", `select count(*) from hosts where kernel_id is not null`, `select sum(hosts_now) from kernels`},
			{"spells", `select count(*) from host_kernels`, `select sum(started) from kernel_spells`},
			{"open spells", `select count(*) from host_kernels where until is null`, `select sum(started - ended) from kernel_spells`},
			{"newest of hosts", `select sum(x) from (select max(occurred_at) / 1000000 as x from crashes group by host_id) y`,
				`select sum(last_crash / 1000000) from hosts`},
			{"first of signatures", `select sum(x) from (select min(c.occurred_at) / 1000000 as x from crash_reports r
				join crashes c on c.id = r.crash_id group by r.signature_id) y`, `select sum(first_seen / 1000000) from signatures where replaced_by = ''`},
		} {
			var raw, counted int
			if err := q.QueryRowContext(t.Context(), c.raw).Scan(&raw); err != nil {
				return err
			}
			if err := q.QueryRowContext(t.Context(), c.counted).Scan(&counted); err != nil {
				return err
			}
			if raw != counted {
				t.Errorf("%s: %d counted, %d there", c.name, counted, raw)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
