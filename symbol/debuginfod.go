package symbol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Debuginfod asks servers for debug files by build ID and keeps them in a
// store. It asks nobody unless URLs says whom.
type Debuginfod struct {
	URLs  []string // as in DEBUGINFOD_URLS
	Store *Store
	HTTP  *http.Client // nil means a plain one
	// MaxFile is the largest file that is fetched, 0 means 4 GiB.
	MaxFile int64
	// MaxKept is how much of what was fetched is kept; the files that were not
	// used for longest go first. 0 means 20 GiB.
	MaxKept int64
	// Stall is how long a server may send nothing, 0 means 60 s.
	Stall time.Duration
	// Progress, if set, is told how much of a file has arrived; total is -1
	// where the server does not say.
	Progress func(url string, done, total int64)
}

// Find fetches the debug file of a build ID, unless the store has it.
func (d *Debuginfod) Find(ctx context.Context, want Identity) (*File, error) {
	id := ParseBuildID(want.BuildID)
	switch {
	case len(d.URLs) == 0:
		return nil, fmt.Errorf("%w: no debuginfod server is configured (DEBUGINFOD_URLS)", ErrNotFound)
	case id == "":
		return nil, fmt.Errorf("%w: the log does not print the build ID of %s, by which debuginfod servers are asked", ErrNotFound, want.what())
	}
	if _, err := d.Fetch(ctx, id); err != nil {
		return nil, err
	}
	return d.Store.open(id)
}

// Fetch makes sure that the store has the debug file of a build ID and returns
// it. The error is [ErrNotFound] where every server says that it has none.
func (d *Debuginfod) Fetch(ctx context.Context, buildID string) (Entry, error) {
	id := ParseBuildID(buildID)
	if id == "" {
		return Entry{}, fmt.Errorf("%q is not a build ID: it is 8 or more hexadecimal digits, as printed by 'file' or 'readelf -n'", buildID)
	}
	name := d.Store.path(id, "debug")
	e := Entry{Identity: Identity{BuildID: id}, Path: name}
	if info, err := os.Stat(name); err == nil {
		d.touch(id)
		e.Bytes = info.Size()
		return e, nil
	}
	var errs []error
	for _, server := range d.URLs {
		n, err := d.fetch(ctx, server, id, name)
		if err == nil {
			e.Bytes, e.New = n, true
			return e, d.trim(id)
		}
		if ctx.Err() != nil {
			return Entry{}, fmt.Errorf("fetch %s: %w", id, ctx.Err())
		}
		if !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return Entry{}, fmt.Errorf("fetch debug file of build ID %s: %w", id, errors.Join(errs...))
	}
	return Entry{}, fmt.Errorf("%w: no server has a debug file for build ID %s (asked: %s)", ErrNotFound, id, strings.Join(d.URLs, ", "))
}

// fetch asks one server. The file gets its name only when it is complete and
// has the build ID that was asked for.
func (d *Debuginfod) fetch(ctx context.Context, server, id, name string) (int64, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return 0, fmt.Errorf("debuginfod server %q: give an http or https URL", server)
	}
	u = u.JoinPath("buildid", id, "debuginfo")
	stall := d.Stall
	if stall == 0 {
		stall = time.Minute
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errStall := fmt.Errorf("%s sent nothing for %v", u, stall)
	timer := time.AfterFunc(stall, func() { cancel(errStall) })
	defer timer.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", u, err)
	}
	req.Header.Set("User-Agent", "ringside")
	client := d.HTTP
	if client == nil {
		client = &http.Client{}
	}
	resp, err := client.Do(req) //nolint:bodyclose // it is closed below
	if err != nil {
		return 0, fmt.Errorf("ask debuginfod server: %w", stalled(ctx, err))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return 0, ErrNotFound
	case resp.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("%s answers %s", u, resp.Status)
	}
	limit := d.MaxFile
	if limit == 0 {
		limit = 4 << 30
	}
	if resp.ContentLength > limit {
		return 0, fmt.Errorf("%s has %d bytes, more than the limit of %d", u, resp.ContentLength, limit)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, fmt.Errorf("keep %s: %w", u, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return 0, fmt.Errorf("keep %s: %w", u, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	body := &progressReader{r: resp.Body, alive: func(done int64) {
		timer.Reset(stall)
		if d.Progress != nil {
			d.Progress(u.String(), done, resp.ContentLength)
		}
	}}
	n, err := io.Copy(tmp, io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return 0, fmt.Errorf("fetch %s: %w", u, stalled(ctx, err))
	case n > limit:
		return 0, fmt.Errorf("%s has more than the limit of %d bytes", u, limit)
	}
	got, err := BuildID(tmp)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", u, err)
	}
	if got != id {
		return 0, &MismatchError{File: u.String(), What: "build ID", Has: cmpNone(got), Want: id}
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return 0, fmt.Errorf("keep %s: %w", u, err)
	}
	if err := os.WriteFile(d.Store.path(id, "fetched"), nil, 0o644); err != nil {
		return 0, fmt.Errorf("keep %s: %w", u, err)
	}
	return n, os.Rename(tmp.Name(), name)
}

// stalled says why a request ended that was given up.
func stalled(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
		return cause
	}
	return err
}

type progressReader struct {
	r     io.Reader
	done  int64
	alive func(done int64)
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	if n > 0 {
		p.alive(p.done)
	}
	return n, err
}

// touch remembers that a fetched file was used.
func (d *Debuginfod) touch(id string) {
	now := time.Now()
	// Only files that were fetched have the mark; without it the file stays.
	_ = os.Chtimes(d.Store.path(id, "fetched"), now, now)
}

// trim removes fetched files that were not used for longest until the rest
// fits; the one that was just fetched stays.
func (d *Debuginfod) trim(keep string) error {
	limit := d.MaxKept
	if limit == 0 {
		limit = 20 << 30
	}
	type fetched struct {
		id   string
		used time.Time
		size int64
	}
	marks, err := filepath.Glob(filepath.Join(globQuote(d.Store.dir), ".build-id", "??", "*.fetched"))
	if err != nil {
		return fmt.Errorf("trim fetched symbols: %w", err)
	}
	var list []fetched
	var total int64
	for _, mark := range marks {
		id := filepath.Base(filepath.Dir(mark)) + strings.TrimSuffix(filepath.Base(mark), ".fetched")
		info, err := os.Stat(mark)
		if err != nil || ParseBuildID(id) == "" {
			continue
		}
		file, err := os.Stat(d.Store.path(id, "debug"))
		if err != nil {
			continue
		}
		total += file.Size()
		list = append(list, fetched{id, info.ModTime(), file.Size()})
	}
	slices.SortFunc(list, func(a, b fetched) int { return a.used.Compare(b.used) })
	for _, f := range list {
		if total <= limit {
			break
		}
		if f.id == keep {
			continue
		}
		for _, ext := range []string{"debug", "units", "fetched"} {
			if err := os.Remove(d.Store.path(f.id, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("trim fetched symbols: %w", err)
			}
		}
		total -= f.size
	}
	return nil
}
