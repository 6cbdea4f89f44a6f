package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// wrap puts around the routes what every request goes through.
func (s *server) wrap(mux *http.ServeMux) http.Handler {
	h := s.authorize(mux)
	h = s.sameOrigin(h)
	h = s.recovered(h)
	h = deadlines(h)
	h = secureHeaders(h)
	return s.observed(h)
}

type contextKey int

const requestIDKey contextKey = iota

// requestID returns the name of the request in the log.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// observed names the request, logs it and counts it.
func (s *server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, start := rand.Text()[:12], time.Now()
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey, id))
		w.Header().Set("X-Request-Id", id)
		rec := &recorder{ResponseWriter: w}
		defer func() {
			took := time.Since(start)
			// r.Pattern is set by the mux: the route, which, unlike the path,
			// is one of few.
			s.metrics.request(r.Method, r.Pattern, rec.code(), took, rec.bytes)
			s.Log.Info("request", "request", id, "method", r.Method, "path", r.URL.Path, "status", rec.code(),
				"bytes", rec.bytes, "took", took, "remote", r.RemoteAddr)
		}()
		next.ServeHTTP(rec, r)
	})
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// secureHeaders sets what a browser is to be told. The web UI may loosen the
// content policy of its own pages; the API has no content to run.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		if strings.HasPrefix(r.URL.Path, "/api/v1/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

const (
	readLimit  = 30 * time.Second // for a body that is not an upload
	writeLimit = 10 * time.Minute // for the largest answer, an artefact
)

// deadlines bounds how long a client may take to send and to read. An upload
// moves its own deadline while it makes progress.
func deadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, now := http.NewResponseController(w), time.Now()
		// Where there is no connection to set it on, as in a test's recorder,
		// there is nobody to wait for.
		_ = c.SetReadDeadline(now.Add(readLimit))
		_ = c.SetWriteDeadline(now.Add(writeLimit))
		next.ServeHTTP(w, r)
	})
}

// recovered answers a panic with a problem and logs it: one poisonous request
// must not take the others' server down.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // meant to break the connection
			}
			s.Log.Error("request panicked", "request", requestID(r.Context()), "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // the answer is under way: break it rather than end it as if it were whole
			}
			newProblem(r.Context(), http.StatusInternalServerError, "the server failed; its log says why under this request's ID").write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses changes that a page of another site makes a browser ask for.
func (s *server) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		newProblem(r.Context(), http.StatusForbidden, "a page of another site asked for this change; open Ringside itself and try there").write(w)
	}))
	return guard.Handler(next)
}

// authorize lets only who has the token change anything.
func (s *server) authorize(next http.Handler) http.Handler {
	if s.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(s.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			next.ServeHTTP(w, r)
			return
		}
		// Hashes have one length, so the comparison tells nothing about the token.
		got := sha256.Sum256([]byte(presentedToken(r)))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			newProblem(r.Context(), http.StatusUnauthorized, "changes need the server's token: send it as Authorization: Bearer TOKEN").write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func presentedToken(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
