package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringside/crash"
	"ringside/internal/record"
	"ringside/similar"
)

// recordAt is a record that a verb asks: one behind a server, or one in a
// folder of this machine.
type recordAt struct {
	server, data, token string
}

func (r *recordAt) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.server, "server", os.Getenv("RINGSIDE_SERVER"), "`URL` of the server (env RINGSIDE_SERVER)")
	c.Flags().StringVar(&r.data, "data", "", "`DIR` that holds the record, instead of a server")
	c.Flags().StringVar(&r.token, "token", os.Getenv("RINGSIDE_TOKEN"), "`TOKEN` for the server (env RINGSIDE_TOKEN)")
}

// base returns the server's address.
func (r *recordAt) base() (*url.URL, error) {
	base, err := url.Parse(r.server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usagef("--server %q: give the server's address, such as http://ringside.example:8460 (env RINGSIDE_SERVER), or a folder with --data", r.server)
	}
	return base, nil
}

// node opens the record in its folder, which must be there.
func (r *recordAt) node(ctx context.Context) (*node, error) {
	if _, err := os.Stat(r.data); err != nil {
		return nil, usagef("data folder: %w", err)
	}
	return openNode(ctx, nodeConfig{Data: r.data, Log: slog.New(slog.DiscardHandler)})
}

// maxAnswer bounds an answer of a server.
const maxAnswer = 64 << 20

// call asks the server and returns its answer. path may end in a query, and
// body may be nil.
func (r *recordAt) call(ctx context.Context, method, path, kind string, body io.Reader) (json.RawMessage, error) {
	resp, err := r.send(ctx, method, path, kind, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", resp.Request.URL.Host, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{resp.StatusCode, problem(resp, answer)}
	}
	if resp.StatusCode != http.StatusNoContent && !json.Valid(answer) {
		return nil, fmt.Errorf("%s answered %s, but not as a Ringside server does; check --server", resp.Request.URL.Host, resp.Status)
	}
	return bytes.TrimSpace(answer), nil
}

// open asks the server for bytes of any size.
func (r *recordAt) open(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := r.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return nil, fmt.Errorf("read the answer of %s: %w", resp.Request.URL.Host, err)
		}
		return nil, &statusError{resp.StatusCode, problem(resp, answer)}
	}
	return resp.Body, nil
}

func (r *recordAt) send(ctx context.Context, method, path, kind string, body io.Reader) (*http.Response, error) {
	base, err := r.base()
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(path, "?")
	at := base.JoinPath(path)
	at.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return nil, err
	}
	if f, ok := body.(*os.File); ok {
		// A server checks whether it has room before it takes a byte.
		if info, err := f.Stat(); err == nil {
			req.ContentLength = info.Size()
		}
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", base.Host, err)
	}
	return resp, nil
}

// statusError is a server's refusal.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// isStatus tells whether a server refused with a status.
func isStatus(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == status
}

// weights returns what a record has learned about the functions of two reports,
// nil where none was named: then a function weighs by what it does.
func (r *recordAt) weights(ctx context.Context, a, b *crash.Report) (m *similar.Model, err error) {
	functions := record.FunctionsOf(a, b)
	counts := &record.FunctionCounts{}
	switch {
	case r.data != "":
		n, err := r.node(ctx)
		if err != nil {
			return nil, err
		}
		defer closing(&err, n.close)
		if counts, err = n.record.FunctionCounts(ctx, functions); err != nil {
			return nil, err
		}
	case r.server != "":
		q := url.Values{"function": {strings.Join(functions, ",")}}
		answer, err := r.call(ctx, http.MethodGet, "api/v1/function-counts?"+q.Encode(), "", nil)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(answer, counts); err != nil {
			return nil, fmt.Errorf("read the server's counts: %w", err)
		}
	default:
		return nil, nil
	}
	return counts.Model(), nil
}
