package gitrepo_test

import (
	"crypto/sha1" //nolint:gosec // it is how git names objects
	"fmt"

	"ringside/gitrepo"
)

// hash is the name that git gives to a content.
func hash(kind string, data []byte) gitrepo.ID {
	h := sha1.New() //nolint:gosec // it is how git names objects
	fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	h.Write(data)
	return gitrepo.ID(h.Sum(nil))
}
