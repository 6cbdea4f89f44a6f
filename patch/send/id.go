package send

import (
	"crypto/sha1" //nolint:gosec // it is git's
	"encoding/hex"
	"io"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// ID is what git patch-id --stable gives for a patch: the sum of the hashes of its files'
// changes without white space.
func ID(p *patch.Patch) string {
	var sum [sha1.Size]byte
	for i := range p.Files {
		h := fileHash(&p.Files[i])
		carry := 0
		for j := range sum {
			carry += int(sum[j]) + int(h[j])
			sum[j] = byte(carry)
			carry >>= 8
		}
	}
	return hex.EncodeToString(sum[:])
}

func fileHash(f *diff.File) [sha1.Size]byte {
	h := sha1.New() //nolint:gosec // it is git's
	var text strings.Builder
	file(&text, f)
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "index ") || strings.HasPrefix(line, "@@ -") || strings.HasPrefix(line, "\\ ") {
			continue
		}
		_, _ = io.WriteString(h, strings.Join(strings.Fields(line), ""))
	}
	var out [sha1.Size]byte
	copy(out[:], h.Sum(nil))
	return out
}
