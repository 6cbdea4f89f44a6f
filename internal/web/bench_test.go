package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkPages measures what the UI and the record need for a page together.
func BenchmarkPages(b *testing.B) {
	f := newFleet(b)
	for _, p := range []struct{ name, path string }{
		{"overview", "/"},
		{"signatures", "/signatures"},
		{"signature", "/signatures/" + f.signature("lkdtm_WRITE_RO")},
		{"crash", "/crashes/" + f.crashOf("null-ptr-deref in null_in_thread")},
		{"crash with 20 reports", "/crashes/" + f.crashOf("rcu-stall in rcustall")},
		{"crashes", "/crashes"},
		{"kernels", "/kernels"},
		{"kernel", "/kernels/6.1.0-56-amd64"},
		{"compare", "/kernels/compare?a=6.1.0-55-amd64&b=6.1.0-56-amd64"},
		{"hosts", "/hosts"},
		{"host", "/hosts/web03"},
		{"jobs", "/admin/jobs"},
	} {
		b.Run(p.name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, p.path, nil)
			for b.Loop() {
				w := httptest.NewRecorder()
				f.ui.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("status %d", w.Code)
				}
			}
		})
	}
}
