package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// asset is one file, as it is and compressed.
type asset struct {
	mediaType   string
	body, small []byte
}

// assets serves embedded files under names that carry a hash of their content:
// a name never changes its meaning, so browsers may keep it for ever.
type assets struct {
	urls   map[string]string // "app.css" -> "/assets/app.1a2b3c4d5e.css"
	byName map[string]asset  // "app.1a2b3c4d5e.css"
}

// mediaTypes lists what assets may be; anything else is not served.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets(files fs.FS) (*assets, error) {
	a := &assets{urls: map[string]string{}, byName: map[string]asset{}}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := path.Ext(name)
		if mediaTypes[ext] == "" {
			return nil // a licence, a README
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(name, "assets/")
		sum := sha256.Sum256(body)
		hashed := strings.TrimSuffix(short, ext) + "." + hex.EncodeToString(sum[:5]) + ext
		a.urls[short] = "/assets/" + hashed
		a.byName[hashed] = asset{mediaTypes[ext], body, compress(body, gzip.DefaultCompression)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	return a, nil
}

// url returns the address of an asset. Asking for one that does not exist is a
// mistake in a template, which the tests render.
func (a *assets) url(name string) string { return a.urls[name] }

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.byName[r.PathValue("name")]
	if !ok {
		http.Error(w, "no such asset; reload the page, it names the current one", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	send(w, r, http.StatusOK, f.body, f.small)
}

// minCompress is the size below which compression saves no packet.
const minCompress = 1400

func compress(b []byte, level int) []byte {
	if len(b) < minCompress {
		return nil
	}
	// Neither a known level nor a buffer in memory can fail.
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, level)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func writeMaybeGzip(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	var small []byte
	if acceptsGzip(r) {
		small = compress(body, gzip.BestSpeed)
	}
	send(w, r, status, body, small)
}

// send writes a body, in its compressed form if there is one and it is wanted.
func send(w http.ResponseWriter, r *http.Request, status int, body, small []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if small != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = small
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever hung up does not want it
	}
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
