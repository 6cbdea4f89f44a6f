package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/internal/watch"
	"ringside/owner"
)

func newCrashWatch(s Streams) *cobra.Command {
	var w watcher
	var keep string
	c := &cobra.Command{
		Use:   "watch SOURCE | watch -- COMMAND [ARG]...",
		Short: "Follow a console and report while the machine is still dying",
		Long: `Watch follows the console of a machine. As soon as the first line of a report is
there it says so; when the report is complete it prints what triage would.

A SOURCE is
  -                    standard input
  /dev/ttyUSB0         a serial line, at --baud
  tcp://HOST:PORT      a console server; opened again when it closes
  telnet://HOST:PORT   the same, with telnet's negotiation taken out
  unix:PATH            a socket, such as QEMU's for a serial port
  FILE                 what is appended to it, also after it was rotated

Or it is what a COMMAND prints: journalctl, ipmitool, ssh.`,
		Example: `  ringside crash watch /dev/ttyUSB0 --log console.log
  ringside crash watch telnet://conserver:7017
  ringside crash watch -- ipmitool -I lanplus -H bmc -U admin -E sol activate
  ringside crash watch -- journalctl -k -f -o json
  qemu-system-x86_64 ... -serial stdio | ringside crash watch --until oops -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if w.until != "" && !slices.Contains(impacts, w.until) {
				return usagef("--until %s: use one of %s", w.until, strings.Join(impacts, ", "))
			}
			src, err := w.source(c, s, args)
			if err != nil {
				return err
			}
			o := watch.Options{Silence: w.silence, Settle: w.settle}
			if keep != "" {
				f, err := os.OpenFile(keep, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					return usagef("--log: %w", err)
				}
				defer closing(&err, f.Close)
				o.Copy = f
			}
			w.src, w.s, w.style = src, s, style(s.Out)
			err = watch.Follow(c.Context(), src, o, func(e watch.Event) error { return w.event(c, e) })
			switch {
			case c.Context().Err() != nil:
				return nil // interrupted: how a watch ordinarily ends
			case err != nil:
				return &exitError{exitInternal, err}
			case w.failed != nil:
				return usagef("%s: %w", src, w.failed)
			case w.reached:
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&w.json, "json", false, "write one JSON object per event; the schema is in docs/schemas")
	c.Flags().StringVar(&w.until, "until", "", "end with exit code 1 once a report has this `IMPACT` or a graver one: "+strings.Join(impacts, ", "))
	c.Flags().StringVar(&keep, "log", "", "append everything that comes to `FILE`")
	c.Flags().IntVar(&w.baud, "baud", watch.Baud, "speed of a serial line")
	c.Flags().DurationVar(&w.silence, "silence", 0, "say when nothing has come for this long, such as 5m")
	c.Flags().DurationVar(&w.settle, "settle", 2*time.Second, "a report is complete when nothing was added to it for this long")
	c.Flags().StringVar(&w.overlay, "owners", os.Getenv("RINGSIDE_OWNERS"), "`FILE` in MAINTAINERS syntax whose entries win over the kernel's (env RINGSIDE_OWNERS)")
	c.Flags().StringVar(&w.server, "push", "", "send each complete report's log to the server at `URL`")
	c.Flags().StringVar(&w.token, "token", os.Getenv("RINGSIDE_TOKEN"), "`TOKEN` for writing to it (env RINGSIDE_TOKEN)")
	c.Flags().StringVar(&w.host, "host", "", "`NAME` of the machine, for --push")
	return c
}

// watcher is the state of crash watch.
type watcher struct {
	src      watch.Source
	s        Streams
	style    render.Style
	json     bool
	until    string
	baud     int
	silence  time.Duration
	settle   time.Duration
	overlay  string
	server   string
	token    string
	host     string
	uploader *uploader
	owners   *owner.Index
	reached  bool  // a report has the impact of --until
	failed   error // how a source that is not opened again ended
}

// source resolves the arguments.
func (w *watcher) source(c *cobra.Command, s Streams, args []string) (watch.Source, error) {
	if w.server != "" {
		base, err := url.Parse(w.server)
		if err != nil || base.Host == "" {
			return nil, usagef("--push %q: give the server's address, such as http://ringside.example:8460", w.server)
		}
		w.uploader = &uploader{base: base, token: w.token, tries: 3, query: url.Values{"source": {"watch"}}}
		if w.host != "" {
			w.uploader.query.Set("host", w.host)
		}
	}
	if c.ArgsLenAtDash() == 0 {
		return watch.Command(args), nil
	}
	if len(args) > 1 {
		return nil, usagef("watch follows one source; for a command write -- before it")
	}
	src, err := watch.Named(args[0], s.In, w.baud)
	if err != nil {
		return nil, usage(err)
	}
	return src, nil
}

// event tells of e.
func (w *watcher) event(c *cobra.Command, e watch.Event) error {
	if e.Kind == watch.Ended && e.Err != nil {
		w.failed = e.Err
	}
	if err := w.show(c, e); err != nil {
		return err
	}
	if e.Kind != watch.Completed {
		return nil
	}
	if err := w.push(c, e); err != nil {
		fmt.Fprintln(w.s.Err, "ringside: "+render.Complaint("the report was not sent: "+err.Error()))
	}
	r := &e.Document.Reports[e.Report]
	if w.until != "" && slices.Index(impacts, r.Impact) >= slices.Index(impacts, w.until) {
		w.reached = true
		return watch.Stop()
	}
	return nil
}

// show writes e.
func (w *watcher) show(c *cobra.Command, e watch.Event) error {
	if w.json {
		line := render.WatchEvent{Schema: render.WatchEventSchemaID, Time: e.Time.UTC(), Source: w.src.String(), Event: string(e.Kind), Offset: e.Offset, Line: e.Line}
		switch e.Kind {
		case watch.Booted:
			line.Boot = &e.Document.Boots[e.Boot]
		case watch.Opened, watch.Completed:
			line.Report = &e.Document.Reports[e.Report]
		}
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
		return json.NewEncoder(w.s.Out).Encode(line)
	}
	var what, text string
	switch e.Kind {
	case watch.Connected:
		text = "following " + w.src.String()
	case watch.Disconnected:
		text = w.src.String() + " ended; opening it again"
		if e.Err != nil {
			text = fmt.Sprintf("%s: %v; opening it again", w.src, e.Err)
		}
	case watch.Silent:
		text = "nothing has come for " + w.silence.String()
	case watch.Ended:
		text = w.src.String() + " has ended"
	case watch.Booted:
		text = "Linux " + e.Document.Boots[e.Boot].Release + " boots"
	case watch.Opened:
		r := &e.Document.Reports[e.Report]
		what, text = r.Impact, r.Title
	case watch.Completed:
		return w.triage(c, e)
	}
	return render.Happened(w.s.Out, e.Time, what, text, w.style)
}

// triage writes the whole report that e is about.
func (w *watcher) triage(c *cobra.Command, e watch.Event) error {
	in := triage.Input{Name: w.src.String(), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.Window)), nil }}
	res, err := triage.Run(c.Context(), in, triage.Options{Owners: w.ownerIndex})
	if err != nil && res.Document == nil {
		return err
	}
	// Of all that the window holds, only the report that is new.
	res.Findings = slices.DeleteFunc(res.Findings, func(f triage.Finding) bool { return f.Report != e.Report })
	return render.Terminal(w.s.Out, res, w.style)
}

// ownerIndex reads the owners once.
func (w *watcher) ownerIndex() (*owner.Index, error) {
	if w.owners == nil {
		idx, err := ownerIndex(w.overlay)
		if err != nil {
			return nil, err
		}
		w.owners = idx
	}
	return w.owners, nil
}

// push sends what the report was read from. A panic's report is complete a
// moment before its machine is gone; nothing is awaited but the receipt.
func (w *watcher) push(c *cobra.Command, e watch.Event) error {
	if w.uploader == nil {
		return nil
	}
	_, err := w.uploader.send(c.Context(), triage.Input{Name: "console.log", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(e.Window)), nil
	}})
	if err != nil && errors.Is(err, c.Context().Err()) {
		return nil
	}
	return err
}
