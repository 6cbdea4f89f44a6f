package owner

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"ringside/owner/internal/pack"
)

//go:embed linux.idx.zst
var compressed []byte

// maxIndex bounds what the embedded index may decompress to.
const maxIndex = 64 << 20

// Default returns the index that comes with the program. It is decoded on the
// first call, and the same index is returned ever after.
func Default() (*Index, error) { return decodeDefault() }

var decodeDefault = sync.OnceValues(func() (*Index, error) {
	x, err := decode(compressed)
	if err != nil {
		return nil, fmt.Errorf("embedded owner index: %w", err)
	}
	return x, nil
})

func decode(data []byte) (*Index, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxIndex))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	raw, err := dec.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	p, err := pack.Decode(raw)
	if err != nil {
		return nil, err
	}
	mail, err := ReadMailmap(bytes.NewReader(p.Mailmap))
	if err != nil {
		return nil, err
	}
	t := newTable("MAINTAINERS")
	if err := t.read(bytes.NewReader(p.Maintainers), p.FirstLine); err != nil {
		return nil, err
	}
	t.finish(mail)
	return &Index{tables: []*table{t}, sources: packed{p}}, nil
}

// packed makes an index file the knowledge of an Index.
type packed struct{ *pack.Index }

// Modules returns the source files of each module of this name.
func (p packed) Modules(name string) [][]string {
	var out [][]string
	for _, m := range p.Index.Modules(name) {
		out = append(out, m.Files)
	}
	return out
}

// Provenance says which kernel an index was made from.
type Provenance struct {
	Package   string `json:"package"`
	Version   string `json:"version"`
	Date      string `json:"date"`
	Files     int    `json:"files"`
	Functions int    `json:"functions"` // definitions; a function may have several
	Modules   int    `json:"modules"`
}

// Provenance returns where the knowledge of functions and modules is from. It
// is the zero value for an index that was made by [Parse].
func (x *Index) Provenance() Provenance {
	if t, ok := x.sources.(treeSources); ok {
		return Provenance{Package: "tree", Version: t.name}
	}
	p, ok := x.sources.(packed)
	if !ok {
		return Provenance{}
	}
	files, functions, modules := p.Counts()
	m := p.Meta
	return Provenance{m.Package, m.Version, m.Date, files, functions, modules}
}
