package record

import (
	"cmp"
	"slices"

	"ringside/internal/store"
)

// maxExemplars bounds the exemplars of one signature.
const maxExemplars = 8

// exemplar is a crash that is kept as evidence of a signature.
type exemplar struct {
	crash, kernel string
	at            int64
}

// chooseExemplars returns which of the candidates are kept: the first ever,
// then the newest of each kernel, those of the newest kernels if there are too
// many. The result is sorted, oldest first.
func chooseExemplars(candidates []exemplar) []exemplar {
	if len(candidates) == 0 {
		return nil
	}
	all := slices.Clone(candidates)
	slices.SortFunc(all, func(a, b exemplar) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.crash, b.crash)) })
	all = slices.Compact(all)
	keep := all[:1:1]
	seen := map[string]bool{}
	for _, e := range slices.Backward(all[1:]) {
		if len(keep) == maxExemplars {
			break
		}
		if !seen[e.kernel] {
			seen[e.kernel] = true
			keep = append(keep, e)
		}
	}
	slices.Reverse(keep[1:])
	return keep
}

func (b *batch) exemplars(signature string) ([]exemplar, error) {
	return store.Collect(b.ctx, b.tx, `select crash_id, kernel_id, occurred_at from exemplars where signature_id = $1`,
		[]any{signature}, scanExemplar)
}

func scanExemplar(scan func(...any) error) (e exemplar, err error) {
	return e, scan(&e.crash, &e.kernel, &e.at)
}

// keepExemplar offers a crash as exemplar of its signature and tells whether
// it is the first one on its kernel.
func (b *batch) keepExemplar(signature string, e exemplar) (newKernel bool, err error) {
	have, err := b.exemplars(signature)
	if err != nil {
		return false, err
	}
	newKernel = !slices.ContainsFunc(have, func(h exemplar) bool { return h.kernel == e.kernel })
	return newKernel, b.setExemplars(signature, have, chooseExemplars(append(slices.Clone(have), e)))
}

func (b *batch) setExemplars(signature string, have, want []exemplar) error {
	for _, e := range have {
		if !slices.Contains(want, e) {
			if _, err := b.tx.ExecContext(b.ctx, `delete from exemplars where signature_id = $1 and crash_id = $2`, signature, e.crash); err != nil {
				return err
			}
		}
	}
	for _, e := range want {
		if !slices.Contains(have, e) {
			if _, err := b.tx.ExecContext(b.ctx, `insert into exemplars (signature_id, crash_id, kernel_id, occurred_at) values ($1, $2, $3, $4)
				on conflict (signature_id, crash_id) do update set kernel_id = excluded.kernel_id, occurred_at = excluded.occurred_at`,
				signature, e.crash, e.kernel, e.at); err != nil {
				return err
			}
		}
	}
	return nil
}

// refillExemplars chooses the exemplars of a signature anew, from its crashes.
func (b *batch) refillExemplars(signature string) error {
	have, err := b.exemplars(signature)
	if err != nil {
		return err
	}
	all, err := store.Collect(b.ctx, b.tx, `
		select id, kernel, occurred_at from (
			select id, coalesce(kernel_id, '') as kernel, occurred_at,
				row_number() over (order by occurred_at, id) as oldest,
				row_number() over (partition by kernel_id order by occurred_at desc, id desc) as newest
			from crashes where signature_id = $1) ranked
		where oldest = 1 or newest = 1`, []any{signature}, scanExemplar)
	if err != nil {
		return err
	}
	return b.setExemplars(signature, have, chooseExemplars(all))
}
