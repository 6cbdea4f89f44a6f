package symbol

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
)

const (
	noteBuildID  = 3
	maxNoteBytes = 1 << 20
)

// ParseBuildID returns a build ID in its usual form, or "" if text is none.
// Kernels that have it print all of it, 20 bytes of SHA-1 as a rule.
func ParseBuildID(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if len(text) < 8 || len(text) > 128 {
		return ""
	}
	if _, err := hex.DecodeString(text); err != nil {
		return ""
	}
	return text
}

// BuildID reads the build ID of an ELF file; "" if it has none.
func BuildID(r io.ReaderAt) (id string, err error) {
	defer guard(&err)
	f, err := elf.NewFile(r)
	if err != nil {
		return "", elfError(err)
	}
	return buildID(f, r), nil
}

// buildID looks into the note sections; files without sections have the same
// notes in a segment.
func buildID(f *elf.File, r io.ReaderAt) string {
	left := uint64(maxNoteBytes)
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOTE && s.Flags&elf.SHF_COMPRESSED == 0 {
			if id := noteID(readNotes(r, s.Offset, s.FileSize, &left), f.ByteOrder); id != "" {
				return id
			}
		}
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_NOTE {
			if id := noteID(readNotes(r, p.Off, p.Filesz, &left), f.ByteOrder); id != "" {
				return id
			}
		}
	}
	return ""
}

// readNotes reads notes and takes them off what is left to read of all notes.
func readNotes(r io.ReaderAt, off, n uint64, left *uint64) []byte {
	if off > 1<<62 {
		return nil
	}
	n = min(n, *left)
	*left -= n
	b := make([]byte, n)
	got, _ := r.ReadAt(b, int64(off)) // short notes are searched as far as they go
	return b[:got]
}

// noteID finds the GNU build ID in the bytes of notes.
func noteID(b []byte, order binary.ByteOrder) string {
	for len(b) >= 12 {
		nameLen, descLen := uint64(order.Uint32(b)), uint64(order.Uint32(b[4:]))
		kind := order.Uint32(b[8:])
		b = b[12:]
		nameEnd, descAt := nameLen, (nameLen+3)&^3
		if descAt > uint64(len(b)) || descLen > uint64(len(b))-descAt {
			return ""
		}
		desc := b[descAt : descAt+descLen]
		if kind == noteBuildID && bytes.Equal(b[:nameEnd], []byte("GNU\x00")) && len(desc) >= 4 && len(desc) <= 64 {
			return hex.EncodeToString(desc)
		}
		b = b[min(descAt+(descLen+3)&^3, uint64(len(b))):]
	}
	return ""
}
