package record

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gocloud.dev/blob/memblob"

	"ringside/internal/store"
)

// damage replaces the blobs of a service by a store that holds another content
// under the name.
func damage(t *testing.T, s *Service, sha string) {
	t.Helper()
	b := memblob.OpenBucket(nil)
	if err := b.WriteAll(context.Background(), "sha256/"+sha[:2]+"/"+sha[2:], []byte("REPORT kind=bug fn=bar\n"), nil); err != nil {
		t.Fatal(err)
	}
	s.blobs = store.NewBlobs(b)
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
