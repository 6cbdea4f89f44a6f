// Package guest holds the first program of the lab's guests, built for each architecture
// that the lab can run.
//
// The sources are in init/, what it and the lab say to each other in wire/. The programs
// are built by scripts/lab-init and embedded here, so that a run needs no compiler; a test
// builds them again and compares.
package guest

import (
	"embed"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

//go:embed init-*.zst
var programs embed.FS

// inits keeps what was unpacked.
var inits = map[string]func() ([]byte, error){
	"x86_64": sync.OnceValues(func() ([]byte, error) { return unpack("amd64") }),
	"arm64":  sync.OnceValues(func() ([]byte, error) { return unpack("arm64") }),
}

// Init returns the program for an architecture, by the kernel's name of it.
func Init(arch string) ([]byte, error) {
	f, ok := inits[arch]
	if !ok {
		return nil, fmt.Errorf("there is no init for %s: x86_64 and arm64 can be run", arch)
	}
	return f()
}

// maxInit bounds what is unpacked.
const maxInit = 32 << 20

func unpack(goarch string) ([]byte, error) {
	packed, err := programs.ReadFile("init-" + goarch + ".zst")
	if err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInit))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(packed, nil)
}
