package symbol_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringside/symbol"
)

// server is a debuginfod server with the given answers by build ID.
func server(t *testing.T, answers map[string]http.HandlerFunc) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /buildid/{id}/debuginfo", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h, ok := answers[r.PathValue("id")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, asked
}

func file(t *testing.T, name string) http.HandlerFunc {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
	}
}

func TestDebuginfod(t *testing.T) {
	good, asked := server(t, map[string]http.HandlerFunc{kernelID: file(t, "kernel.elf"), otherID: file(t, "kernel.elf")})
	empty, _ := server(t, nil)
	store := symbol.OpenStore(t.TempDir())
	var told int64
	d := &symbol.Debuginfod{URLs: []string{empty, good}, Store: store, Progress: func(_ string, done, total int64) {
		if done > total {
			t.Errorf("%d of %d bytes", done, total)
		}
		told = done
	}}
	r := &symbol.Resolver{Finders: []symbol.Finder{store, d}}
	defer r.Close()
	kernel := testKernel
	kernel.BuildID = kernelID
	answers, err := r.Resolve(t.Context(), symbol.Query{Name: "middle", Offset: 0xb, Size: 0x30, Return: true, Kernel: kernel})
	if err != nil || len(answers) != 1 || short(answers[0].Lines) != "middle kernel.c:31" || answers[0].Verified != symbol.ByBuildID {
		t.Fatalf("%+v, %v", answers, err)
	}
	if told == 0 {
		t.Error("nobody was told how far the transfer was")
	}
	if e, err := d.Fetch(t.Context(), kernelID); err != nil || e.New || asked.Load() != 1 {
		t.Errorf("the second time it comes from the store: %+v, %v, asked %d times", e, err, asked.Load())
	}

	var mismatch *symbol.MismatchError
	if _, err := d.Fetch(t.Context(), otherID); !errors.As(err, &mismatch) || mismatch.Has != kernelID {
		t.Errorf("a file with another build ID: %v", err)
	}
	missing := strings.Repeat("ab", 20)
	if _, err := d.Fetch(t.Context(), missing); !errors.Is(err, symbol.ErrNotFound) || !strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), empty) {
		t.Errorf("a file that nobody has: %v", err)
	}
	if _, err := d.Fetch(t.Context(), "../../etc/passwd"); err == nil || !strings.Contains(err.Error(), "not a build ID") {
		t.Errorf("no build ID: %v", err)
	}
	if list, err := store.Entries(); err != nil || len(list) != 1 {
		t.Errorf("only the good file is kept: %+v, %v", list, err)
	}
	left, err := filepath.Glob(filepath.Join(store.Dir(), ".build-id", "*", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestDebuginfodOffline(t *testing.T) {
	d := &symbol.Debuginfod{Store: symbol.OpenStore(t.TempDir())}
	if _, err := d.Find(t.Context(), symbol.Identity{BuildID: kernelID}); !errors.Is(err, symbol.ErrNotFound) || !strings.Contains(err.Error(), "no debuginfod server is configured") {
		t.Errorf("without servers: %v", err)
	}
	d.URLs = []string{"http://127.0.0.1:1"}
	if _, err := d.Find(t.Context(), testKernel); !errors.Is(err, symbol.ErrNotFound) || !strings.Contains(err.Error(), "build ID") {
		t.Errorf("without a build ID nobody is asked: %v", err)
	}
	if _, err := d.Fetch(t.Context(), kernelID); err == nil || errors.Is(err, symbol.ErrNotFound) {
		t.Errorf("a server that cannot be reached is no 'not found': %v", err)
	}
	d.URLs = []string{"file:///etc"}
	if _, err := d.Fetch(t.Context(), kernelID); err == nil || !strings.Contains(err.Error(), "http or https") {
		t.Errorf("a strange URL: %v", err)
	}
}

func TestDebuginfodLimits(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // no length is known
		_, _ = io.Copy(w, zeros{})
	}
	silent := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	broken := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write([]byte("\x7fELF"))
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		max    int64
		says   string
	}{
		{"too large, said", file(t, "kernel.elf"), 1000, "more than the limit of 1000"},
		{"too large, not said", endless, 1000, "more than the limit of 1000"},
		{"silent", silent, 0, "sent nothing for"},
		{"broken", broken, 0, "500"},
		{"cut", cut, 0, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := server(t, map[string]http.HandlerFunc{kernelID: tt.answer})
			d := &symbol.Debuginfod{URLs: []string{url}, Store: symbol.OpenStore(t.TempDir()), MaxFile: tt.max, Stall: time.Second}
			if _, err := d.Fetch(t.Context(), kernelID); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
			if list, _ := d.Store.Entries(); len(list) > 0 {
				t.Errorf("it was kept: %+v", list)
			}
		})
	}
	url, _ := server(t, map[string]http.HandlerFunc{kernelID: silent})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &symbol.Debuginfod{URLs: []string{url}, Store: symbol.OpenStore(t.TempDir())}
	if _, err := d.Fetch(ctx, kernelID); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled fetch gives %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Fetched files go when they are too many, the ones not used for longest first;
// what the user added stays.
func TestDebuginfodTrims(t *testing.T) {
	demo := openFile(t, "testdata/demo.ko").Identity().BuildID
	arm := openFile(t, "testdata/demo-arm64.ko").Identity().BuildID
	url, _ := server(t, map[string]http.HandlerFunc{demo: file(t, "demo.ko"), arm: file(t, "demo-arm64.ko")})
	store := symbol.OpenStore(t.TempDir())
	if _, err := store.Add("testdata/kernel.elf", ""); err != nil {
		t.Fatal(err)
	}
	d := &symbol.Debuginfod{URLs: []string{url}, Store: store, MaxKept: 10_000}
	for _, id := range []string{demo, arm} {
		if _, err := d.Fetch(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	list, err := store.Entries()
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, e := range list {
		kept = append(kept, e.BuildID)
	}
	if has := strings.Join(kept, " "); len(kept) != 2 || !strings.Contains(has, arm) || !strings.Contains(has, kernelID) {
		t.Errorf("kept %v, want %s and %s", kept, arm, kernelID)
	}
}
