package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/internal/store"
	"ringside/lab"
)

// ErrContents is the end of a job whose contents are not all here.
var ErrContents = errors.New("contents are missing: send them first")

// maxAsked bounds how many contents can be asked for at once.
const maxAsked = 20000

// MissingLabContents tells which of some contents the record does not have.
func (s *Service) MissingLabContents(ctx context.Context, sums []string) ([]string, error) {
	if len(sums) > maxAsked {
		return nil, fmt.Errorf("%w: ask for at most %d contents at once", ErrInvalid, maxAsked)
	}
	for i, sum := range sums {
		if sums[i] = strings.ToLower(sum); !store.ValidSHA256(sums[i]) {
			return nil, fmt.Errorf("sha256 %q: %w: it has 64 hexadecimal digits", sum, ErrInvalid)
		}
	}
	missing := []string{}
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		missing, err = missingContents(ctx, q, sums)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for contents: %w", err)
	}
	return missing, nil
}

func missingContents(ctx context.Context, q store.Querier, sums []string) ([]string, error) {
	have := map[string]bool{}
	const block = 500 // within the engines' limits of parameters
	for at := 0; at < len(sums); at += block {
		var args store.Args
		in := store.In(&args, sums[at:min(len(sums), at+block)])
		list, err := store.Collect(ctx, q, `select sha256 from lab_contents where sha256 in `+in, args, func(scan func(...any) error) (sum string, err error) {
			return sum, scan(&sum)
		})
		if err != nil {
			return nil, err
		}
		for _, sum := range list {
			have[sum] = true
		}
	}
	missing := []string{}
	for _, sum := range sums {
		if !have[sum] {
			missing, have[sum] = append(missing, sum), true
		}
	}
	return missing, nil
}

// PutLabContent keeps bytes that runs need or that they made. Sending what is here
// already is no error.
func (s *Service) PutLabContent(ctx context.Context, sum string, r io.Reader) (lab.Content, error) {
	if !store.ValidSHA256(sum) {
		return lab.Content{}, fmt.Errorf("sha256 %q: %w: it has 64 hexadecimal digits", sum, ErrInvalid)
	}
	ref, _, err := s.blobs.PutExpected(ctx, r, s.dumpLimit, sum)
	switch {
	case errors.Is(err, store.ErrTooLarge):
		return lab.Content{}, fmt.Errorf("%w: the limit is %d bytes; raise the server's limit of dumps (--max-dump)", ErrTooLarge, s.dumpLimit)
	case errors.Is(err, store.ErrUnexpected):
		return lab.Content{}, fmt.Errorf("%w; send it again: %w", ErrMismatch, err)
	case err != nil:
		return lab.Content{}, fmt.Errorf("keep a content: %w", err)
	}
	now := store.Micros(s.now())
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into lab_contents (sha256, size, first_at, used_at) values ($1, $2, $3, $3)
			on conflict (sha256) do update set used_at = excluded.used_at`, ref.SHA256, ref.Size, now)
		return err
	})
	if err != nil {
		return lab.Content{}, fmt.Errorf("record a content: %w", err)
	}
	return lab.Content{SHA256: ref.SHA256, Size: ref.Size}, nil
}

// OpenLabContent opens a content, verified against its hash as it is read.
func (s *Service) OpenLabContent(ctx context.Context, sum string) (io.ReadCloser, int64, error) {
	missing, err := s.MissingLabContents(ctx, []string{sum})
	if err == nil && len(missing) > 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("content %s: %w", sum, err)
	}
	return s.blobs.Open(ctx, sum)
}
