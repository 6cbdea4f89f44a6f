// Package fetch gets a file from a URL that a user or a configuration named.
//
// All requests go through one client that looks at the address after the name was
// resolved, so that a name that points into the own network reaches nothing there unless
// that is allowed, whatever redirects say. What was fetched is kept with what the server
// said of its version, and asked for again only if it changed.
package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrPrivate says that an address is not on the public internet.
var ErrPrivate = errors.New("is not on the public internet; allow it with --allow-private if it is meant")

// Options bound a request. The zero value is careful.
type Options struct {
	// Private allows addresses of private networks and of the machine itself.
	Private bool
	// Most is how many bytes are taken; 0 means 1 GiB.
	Most int64
	// Progress is told of what arrives, if it is not nil.
	Progress func(body io.ReadCloser, size int64) io.ReadCloser
}

// Client returns an HTTP client that refuses private addresses unless they are allowed.
// A proxy of the environment is not used where they are not: it would resolve the name
// itself.
func Client(private bool) *http.Client {
	d := &net.Dialer{Timeout: 30 * time.Second}
	t := &http.Transport{DialContext: d.DialContext, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: time.Minute, ForceAttemptHTTP2: true}
	if private {
		t.Proxy = http.ProxyFromEnvironment
	} else {
		d.Control = func(_, address string, _ syscall.RawConn) error { return check(address) }
	}
	return &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return errors.New("more than five redirects")
		}
		if r.URL.Scheme != "https" && via[0].URL.Scheme == "https" {
			return errors.New("redirected from https to " + r.URL.Scheme)
		}
		return nil
	}}
}

// check refuses an address, with its port, that is not public.
func check(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	ip := ap.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || special(ip) {
		return fmt.Errorf("%s %w", ip, ErrPrivate)
	}
	return nil
}

// special says whether an address is of a block that is routed nowhere, or carries
// another address inside, as 6to4 and NAT64 do.
func special(ip netip.Addr) bool {
	for _, block := range [...]string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		if netip.MustParsePrefix(block).Contains(ip) {
			return true
		}
	}
	return false
}

// validators are what a server said of the version of a file.
type validators struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// File gets a URL into the folder dir, unless what is there is still current, and returns
// the file's path. Where the server cannot be reached, an older copy is returned with the
// error.
func File(ctx context.Context, from, dir, name string, o Options) (string, error) {
	u, err := url.Parse(from)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", fmt.Errorf("%.100q is no http or https URL", from)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	path := filepath.Join(dir, name)
	old := ""
	if _, err := os.Stat(path); err == nil {
		old = path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return old, err
	}
	req.Header.Set("User-Agent", "ringside")
	var known validators
	if b, err := os.ReadFile(path + ".json"); err == nil && old != "" && json.Unmarshal(b, &known) == nil && known.URL == from {
		if known.ETag != "" {
			req.Header.Set("If-None-Match", known.ETag)
		}
		if known.Modified != "" {
			req.Header.Set("If-Modified-Since", known.Modified)
		}
	}
	resp, err := Client(o.Private).Do(req)
	if err != nil {
		return old, fmt.Errorf("fetch the feed: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotModified:
		return path, nil
	case http.StatusOK:
	default:
		return old, fmt.Errorf("fetch %s: the server says %s", u.Redacted(), resp.Status)
	}
	if err := save(resp, path, o); err != nil {
		return old, fmt.Errorf("fetch %s: %w", u.Redacted(), err)
	}
	b, err := json.Marshal(validators{from, resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")})
	if err == nil {
		err = os.WriteFile(path+".json", b, 0o600)
	}
	return path, err
}

// save writes the body beside the file and moves it there when it is whole.
func save(resp *http.Response, path string, o Options) error {
	body := resp.Body
	if o.Progress != nil {
		body = o.Progress(body, resp.ContentLength)
		defer body.Close()
	}
	most := o.Most
	if most == 0 {
		most = 1 << 30
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fetch-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, io.LimitReader(body, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("is larger than %d MiB", most>>20)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
