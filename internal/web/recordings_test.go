package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"ringside/internal/record"
	"ringside/internal/recording"
	"ringside/internal/store"
	"ringside/profile"
	"ringside/profile/convert"
	"ringside/trace/latency"
)

// ownProfiles analyses profiles in Ringside's own form as the real child does,
// and knows one trace, "TRACE".
type ownProfiles struct{}

func (ownProfiles) Recognize(head []byte) bool {
	return bytes.HasPrefix(head, []byte(convert.RingsideMagic)) || bytes.HasPrefix(head, []byte("TRACE"))
}

func (ownProfiles) AnalyzeRecording(ctx context.Context, f *os.File) (*record.RecordingAnalysis, error) {
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	a := &record.RecordingAnalysis{Close: func() error { return nil }}
	sum := &recording.Summary{Kind: recording.Trace, Title: "<b>busy</b> waited for a CPU 48ms", Format: "trace.dat", Hostname: "db07", Release: "6.1.0-56-amd64", Count: 15014,
		Duration: time.Second, Events: []recording.Event{{Name: "sched:sched_switch", Count: 1706}}, Losses: []profile.Loss{{What: "events in 2 places", Count: 12}},
		Trace: &recording.TraceFacts{Kinds: map[string]latency.Latency{latency.RunQueue: {N: 1698, P50: 2e6, P99: 16e6, Max: 48e6,
			Worst: []latency.Story{{Latency: 48e6, What: "busy", CPU: 1, Waker: "git", Held: []latency.Held{{Task: "qemu", For: 23e6}}}}}}}}
	a.Picture = zipped("<!doctype html><title>a timeline</title>")
	if !bytes.HasPrefix(data, []byte("TRACE")) {
		p, err := convert.ReadRingside(bytes.NewReader(data))
		if err != nil {
			return nil, store.Permanent(err)
		}
		o := recording.Opened{Profile: p}
		if sum, err = o.Summary(ctx); err != nil {
			return nil, err
		}
		a.Profile = bytes.NewReader(data)
		var page bytes.Buffer
		z := gzip.NewWriter(&page)
		picture, err := o.Picture(ctx, sum)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(picture(z), z.Close()); err != nil {
			return nil, err
		}
		a.Picture = &page
	} else if bytes.Contains(data, []byte("broken")) {
		return nil, store.Permanent(errors.New("the analysis needs <more> memory"))
	}
	text, err := json.Marshal(sum)
	if err != nil {
		return nil, err
	}
	a.Document = zipped(string(text))
	a.Summary = record.RecordingSummary{Kind: string(sum.Kind), Format: sum.Format, Title: sum.Title, Node: sum.Hostname, Release: sum.Release, Count: sum.Count, Duration: sum.Duration}
	return a, nil
}

// spinning is a profile in which lock spinning takes a share of the time.
func spinning(release string, share int64) []byte {
	b := profile.NewBuilder(profile.Limits{})
	b.Source(profile.Source{Format: "perf.data", Hostname: "web02", Release: release, CPUs: 2})
	e := b.Event(profile.Event{Name: "cpu-clock", Unit: "ns"})
	push := func(names ...string) profile.StackID {
		var s profile.StackID
		for _, n := range names {
			f := profile.Frame{Func: n, Module: "[kernel.kallsyms]", Kind: profile.Kernel}
			if strings.HasPrefix(n, "app_") {
				f = profile.Frame{Func: n, Module: "/usr/bin/<app>", Kind: profile.User}
			}
			s = b.Push(s, b.Frame(f))
		}
		return s
	}
	var work []profile.StackID
	for _, name := range []string{"app_work", "app_parse", "app_hash", "app_route", "app_encode"} {
		work = append(work, push("app_main", name))
	}
	spin := push("app_main", "do_syscall_64", "ext4_file_write_iter", "native_queued_spin_lock_slowpath")
	l := b.Label(profile.Labels{Event: e, Comm: "app", PID: 7, TID: 7})
	for i := range int64(4000) {
		stack := work[i%5]
		if i*37%100 < share {
			stack = spin
		}
		b.AddAt(uint64(1e9+i*1e6), stack, l, 1, 1e6)
	}
	var out bytes.Buffer
	if err := convert.WriteRingside(&out, b.Profile()); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// sendRecording sends a recording and returns its ID.
func (f *fleet) sendRecording(data []byte, name string) string {
	f.t.Helper()
	f.now = f.now.Add(time.Second)
	r, err := f.svc.Intake(f.t.Context(), bytes.NewReader(data), record.Meta{Filename: name, ReceivedAt: f.now})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.svc.Drain(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return r.ID
}

func TestRecordingPages(t *testing.T) {
	f := emptyFleet(t)
	wants(t, f.get("/profiles").Body.String(), "No profile here", "ringside push")
	wants(t, f.get("/traces").Body.String(), "No trace here")
	wants(t, f.get("/profiles/compare").Body.String(), "There are no profiles yet")
	a, b := f.sendRecording(spinning("6.1.0-55-amd64", 5), "a.profile"), f.sendRecording(spinning("6.1.0-56-amd64", 40), "b.profile")
	trace, broken := f.sendRecording([]byte("TRACE"), "trace.dat"), f.sendRecording([]byte("TRACE broken"), "broken.dat")
	for _, tt := range []struct {
		path   string
		status int
		texts  []string
	}{
		{"/profiles", 200, []string{`href="/recordings/` + a, `href="/recordings/` + b, "Spinning on locks: 40 % of the busy time, mostly for ext4_file_write_iter", "4,000", "!trace.dat", "Compare two profiles"}},
		{"/profiles?kernel=6.1.0-55-amd64", 200, []string{`href="/recordings/` + a, `!href="/recordings/` + b}},
		{"/profiles?kernel=5.10", 200, []string{"Nothing fits"}},
		{"/profiles?offset=x", 400, nil},
		{"/traces", 200, []string{`href="/recordings/` + trace, "&lt;b&gt;busy&lt;/b&gt; waited", "db07", "15,014"}},
		{"/recordings/" + b, 200, []string{"Spinning on locks", "CPUs burn time waiting for a lock", "ext4_file_write_iter", "40.0 %", "app_work", "&lt;app&gt;",
			`<iframe class="picture" src="/recordings/` + b + `/page#embedded"`, `sandbox="allow-scripts allow-downloads"`, "6.1.0-55-amd64 on web02", "Profile with names"}},
		{"/recordings/" + trace, 200, []string{"Waiting for a CPU", "1,698", "16 ms", "woken by", "git", "qemu", "had the CPU for 23 ms", "Lost: 12 events in 2 places", "sched:sched_switch", "!Profile with names"}},
		{"/recordings/" + broken, 200, []string{"It could not be analysed", "needs &lt;more&gt; memory", "Analyse it again"}},
		{"/recordings/01H00000000000000000000000", 404, []string{"Not in the record"}},
		{"/profiles/compare", 200, []string{"Choose two profiles"}},
		{"/profiles/compare?a=" + a + "&b=" + b, 200, []string{"B does more of something", "native_queued_spin_lock_slowpath has grown", "v-grown", "Swap", `src="/profiles/compare/page?a=` + a}},
		{"/profiles/compare?a=" + b + "&b=" + a, 200, []string{"B does less of something"}},
		{"/profiles/compare?a=" + a + "&b=" + a, 200, []string{"Nothing has changed that could be seen"}},
		{"/kernels/6.1.0-55-amd64", 200, []string{`href="/profiles?kernel=6.1.0-55-amd64"`, "1 profile of it"}},
		{"/kernels/compare?a=6.1.0-55-amd64&b=6.1.0-56-amd64", 200, []string{`href="/profiles/compare?a=` + a + "&amp;b=" + b}},
		{"/profiles/compare?a=" + a + "&b=" + trace, 400, []string{"only profiles can be compared"}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := f.get(tt.path)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d\n%s", w.Code, tt.status, f.log)
			}
			wants(t, w.Body.String(), tt.texts...)
		})
	}
	for path, want := range map[string]string{"/recordings/" + b + "/page": `id="data"`, "/recordings/" + trace + "/page": "a timeline", "/profiles/compare/page?a=" + a + "&b=" + b: "regressed"} {
		w := f.get(path)
		wants(t, w.Body.String(), want)
		// A picture has no origin: what is in it reaches nothing of the server's.
		if p := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(p, "sandbox allow-scripts") || strings.Contains(p, "allow-same-origin") || !strings.Contains(p, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, p)
		}
	}
	raw := f.get("/recordings/" + trace + "/raw")
	if raw.Body.String() != "TRACE" || !strings.Contains(raw.Header().Get("Content-Disposition"), "filename=trace.dat") {
		t.Errorf("the trace itself: %q, %v", raw.Body, raw.Header())
	}
	w := httptest.NewRecorder()
	f.ui.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/recordings/"+broken+"/analysis", nil))
	if w.Code != http.StatusSeeOther {
		t.Errorf("analyse again: %d", w.Code)
	}
	wants(t, f.get("/recordings/"+broken).Body.String(), "Its analysis waits for its turn")
}
