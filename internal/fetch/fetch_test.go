package fetch_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"ringside/internal/fetch"
)

func TestFile(t *testing.T) {
	body, asked, sent := "one", 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		tag := fmt.Sprintf("%q", body)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent++
		fmt.Fprint(w, body)
	}))
	dir := t.TempDir()
	get := func(o fetch.Options) (string, error) {
		path, err := fetch.File(t.Context(), server.URL+"/feed.json", dir, "x", o)
		b, _ := os.ReadFile(path)
		return string(b), err
	}
	if _, err := get(fetch.Options{}); !errors.Is(err, fetch.ErrPrivate) {
		t.Errorf("a private address is reached: %v", err)
	}
	if asked != 0 {
		t.Errorf("%d requests reached the server", asked)
	}
	for _, want := range []string{"one", "one", "two"} {
		body = want
		if got, err := get(fetch.Options{Private: true}); got != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if asked != 3 || sent != 2 {
		t.Errorf("asked %d times, sent %d", asked, sent)
	}
	body = "a longer body"
	if got, err := get(fetch.Options{Private: true, Most: 4}); err == nil || got != "two" {
		t.Errorf("a body over the limit: %q, %v", got, err)
	}
	server.Close()
	if got, err := get(fetch.Options{Private: true}); err == nil || got != "two" {
		t.Errorf("without the server: %q, %v; want the old copy and the error", got, err)
	}
}

func TestPrivate(t *testing.T) {
	// A redirect into the own network is refused like the address itself.
	for _, u := range []string{"http://127.0.0.1:1/", "http://10.1.2.3/", "http://[::1]:80/", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::a00:1]/", "http://100.64.0.1/", "http://0.0.0.0:80/"} {
		if _, err := fetch.File(t.Context(), u, t.TempDir(), "x", fetch.Options{}); !errors.Is(err, fetch.ErrPrivate) {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{"file:///etc/passwd", "ftp://example.org/", "://", "https://"} {
		if _, err := fetch.File(t.Context(), u, t.TempDir(), "x", fetch.Options{Private: true}); err == nil {
			t.Errorf("%s is fetched", u)
		}
	}
}
