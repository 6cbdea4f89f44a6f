package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/internal/triage"
)

func newPush(s Streams) *cobra.Command {
	var (
		out    output
		target string
		token  string
		host   string
		kernel string
		wait   bool
		tries  int
		raw    bool
	)
	profiles := profileFlags{of: "samples", dirs: splitList(os.Getenv("RINGSIDE_SYMBOLS"))}
	c := &cobra.Command{
		Use:   "push FILE|DIR|-...",
		Short: "Send artefacts to a server",
		Long: `Push uploads each file as it is and prints the server's receipt: from then on the
server has it on disk. Sending the same content again is harmless, so push
retries when the server is busy or cannot be reached. Plain curl does the same:

  curl --data-binary @console.log 'http://SERVER/api/v1/artefacts?host=web-17'

A kernel dump is recognised by its content. It is streamed, held against its
SHA-256 by the server, and not sent at all where the server has it already; the
server analyses it as a job, and shows it at the address that push prints.

  curl -T vmcore -X POST 'http://SERVER/api/v1/dumps?host=web-17'

Of a perf.data its profile is sent, with the names of functions that are found
here: the server has neither the recorded programs nor their kernel. With --raw
the recording itself is sent. A trace.dat brings its names along and is sent as
it is.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			base, err := url.Parse(target)
			if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
				return usagef("--server %q: give the server's address, such as http://ringside.example:8460 (env RINGSIDE_SERVER)", target)
			}
			ins, cleanup, err := inputs(args, s, whole, wholeOrWalk)
			defer cleanup()
			if err != nil {
				return err
			}
			u := uploader{base: base, token: token, tries: tries, wait: wait, progress: newProgress(s), raw: raw, profiles: profiles, query: url.Values{"source": {"push"}}}
			for key, v := range map[string]string{"host": host, "kernel": kernel} {
				if v != "" {
					u.query.Set(key, v)
				}
			}
			if wait {
				u.query.Set("wait", "1")
			}
			list := []render.Pushed{}
			var bad []error
			for _, in := range ins {
				p, err := u.push(c.Context(), in)
				if err != nil {
					bad = append(bad, fmt.Errorf("%s: %w", in.Name, err))
					if c.Context().Err() != nil {
						break
					}
					continue
				}
				list = append(list, p)
			}
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, render.Push{Schema: render.PushSchemaID, Pushed: list})
				}
				for _, p := range list {
					note := ""
					if p.Duplicate {
						note = "  was there already"
					}
					fmt.Fprintf(w, "%s  %s%s\n", p.SHA256, p.File, note)
					if text := u.about(p); text != "" {
						fmt.Fprintf(w, "  %s\n", text)
					}
				}
				return nil
			})
			return verdict(s, err, bad, false)
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&target, "server", os.Getenv("RINGSIDE_SERVER"), "`URL` of the server (env RINGSIDE_SERVER)")
	c.Flags().StringVar(&token, "token", os.Getenv("RINGSIDE_TOKEN"), "`TOKEN` for writing (env RINGSIDE_TOKEN)")
	c.Flags().StringVar(&host, "host", "", "`NAME` of the machine that the artefacts are about")
	c.Flags().StringVar(&kernel, "kernel", "", "`RELEASE` of its kernel, where the artefact does not say")
	c.Flags().BoolVar(&wait, "wait", false, "wait until the server has analysed each artefact")
	c.Flags().BoolVar(&raw, "raw", false, "send a perf.data as it is, without looking for names")
	c.Flags().StringVar(&profiles.vmlinux, "vmlinux", "", "`FILE` with the symbols of the recorded kernel")
	c.Flags().StringVar(&profiles.kallsyms, "kallsyms", "", "`FILE` with /proc/kallsyms of the recorded machine")
	c.Flags().StringVar(&profiles.sysroot, "sysroot", "", "`DIR` with the programs of the recorded machine")
	c.Flags().IntVar(&tries, "tries", 5, "how many times to try before giving up")
	return c
}

// uploader sends artefacts to one server.
type uploader struct {
	base     *url.URL
	token    string
	query    url.Values
	tries    int
	wait     bool
	progress *progress
	raw      bool         // recordings are sent as they are
	profiles profileFlags // how names are found
}

// push uploads in as what it is.
func (u *uploader) push(ctx context.Context, in triage.Input) (render.Pushed, error) {
	f, err := formatIn(in)
	switch {
	case err != nil:
		return render.Pushed{}, err
	case f.IsVmcore():
		return u.pushHeavy(ctx, in, dumpPlace)
	case f.IsRecording():
		return u.pushRecording(ctx, in, f)
	}
	return u.send(ctx, in)
}

// send uploads in as a log, or whatever else may hold one.
func (u *uploader) send(ctx context.Context, in triage.Input) (render.Pushed, error) {
	return u.sendTo(ctx, in, artefactsPath, "")
}

// sendTo uploads in, again and again while there is hope. sha is what it hashes
// to, where that is known.
func (u *uploader) sendTo(ctx context.Context, in triage.Input, path, sha string) (render.Pushed, error) {
	pause := time.Second
	for try := 1; ; try++ {
		p, retry, err := u.once(ctx, in, path, sha)
		if err == nil || retry < 0 || try >= u.tries {
			return p, err
		}
		timer := time.NewTimer(max(retry, pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return p, errors.Join(err, ctx.Err())
		case <-timer.C:
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// final marks an answer that will not change.
const final = time.Duration(-1)

// once uploads in one time. retry is how long to wait before the next try, or
// final.
func (u *uploader) once(ctx context.Context, in triage.Input, path, sha string) (p render.Pushed, retry time.Duration, err error) {
	f, err := in.Open()
	if err != nil {
		return p, final, err
	}
	defer f.Close()
	q := url.Values{}
	for k, v := range u.query {
		q[k] = v
	}
	if in.Name != "-" {
		q.Set("filename", filepath.Base(in.Name))
	}
	if sha != "" {
		q.Set("sha256", sha)
	}
	to := u.base.JoinPath(path)
	to.RawQuery = q.Encode()
	size := sizeOf(f)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), u.progress.reader(f, "sending "+in.Name, size))
	if err != nil {
		return p, final, err
	}
	req.ContentLength = size
	if sha != "" {
		// The server may have it, or no room for it: then it need not be sent.
		req.Header.Set("Expect", "100-continue")
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return p, 0, fmt.Errorf("send to %s: %w", u.base.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return p, 0, fmt.Errorf("read the answer of %s: %w", u.base.Host, err)
	}
	if resp.StatusCode/100 != 2 {
		return p, again(resp), problem(resp, body)
	}
	var r struct {
		SHA256    string `json:"sha256"`
		Duplicate bool   `json:"duplicate"`
	}
	if err := json.Unmarshal(body, &r); err != nil || r.SHA256 == "" {
		return p, final, fmt.Errorf("%s answered %s, but not as a Ringside server does; check --server", u.base.Host, resp.Status)
	}
	return render.Pushed{File: in.Name, SHA256: r.SHA256, Duplicate: r.Duplicate, Receipt: body}, final, nil
}

// sizeOf returns how long a file is, or -1 if it does not say.
func sizeOf(f io.Reader) int64 {
	if st, ok := f.(interface{ Stat() (os.FileInfo, error) }); ok {
		if info, err := st.Stat(); err == nil {
			return info.Size()
		}
	}
	return -1
}

// again says how long to wait before another try after resp.
func again(resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return final
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 {
		return min(time.Duration(s)*time.Second, 5*time.Minute)
	}
	return 0
}

// problem turns an error answer into an error, with what the server says.
func problem(resp *http.Response, body []byte) error {
	var p struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &p) == nil && (p.Detail != "" || p.Title != "") {
		return fmt.Errorf("the server refused it: %s", strings.TrimSpace(p.Title+": "+p.Detail))
	}
	return fmt.Errorf("the server answered %s", resp.Status)
}
