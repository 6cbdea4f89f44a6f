package dump

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Types of notes by the name that owns them.
const (
	ntPRStatus   = 1 // "CORE"
	ntPRPSInfo   = 3
	ntTaskStruct = 4 // only the kernel's own /proc/kcore has it
	ntAuxv       = 6
	ntFile       = 0x46494c45
)

const noteNameMax = 256

// parseNotes splits a segment of notes that lies at an offset of its file. What
// can be read is returned with the error.
func parseNotes(b []byte, at int64, order binary.ByteOrder) ([]Note, error) {
	var notes []Note
	for pos := 0; pos+12 <= len(b); {
		namesz, descsz := order.Uint32(b[pos:]), order.Uint32(b[pos+4:])
		typ := order.Uint32(b[pos+8:])
		if namesz == 0 {
			pos += 4 // padding: every note has an owner, per-CPU areas end in zeros
			continue
		}
		if namesz > noteNameMax {
			return notes, fmt.Errorf("the note at offset %#x has a name of %d bytes: the rest of the notes is not read", at+int64(pos), namesz)
		}
		name := pos + 12
		desc := name + align4(int(namesz))
		if desc > len(b) {
			return notes, fmt.Errorf("the note at offset %#x is cut off", at+int64(pos))
		}
		n := Note{
			Name:   string(bytes.TrimRight(b[name:name+int(namesz)], "\x00")),
			Type:   typ,
			Offset: at + int64(desc),
		}
		if uint64(descsz) > uint64(len(b)-desc) {
			n.Desc = b[desc:len(b):len(b)]
			return append(notes, n), fmt.Errorf("the note %q at offset %#x has %d of its %d bytes", n.Name, at+int64(pos), len(n.Desc), descsz)
		}
		n.Desc = b[desc : desc+int(descsz) : desc+int(descsz)]
		notes = append(notes, n)
		pos = desc + align4(int(descsz))
	}
	return notes, nil
}

func align4(n int) int { return (n + 3) &^ 3 }

// vmcoreinfo takes the kernel's description of itself out of notes. A dump that
// passed through a hypervisor may have an empty one of its firmware besides.
func vmcoreinfo(notes []Note) (text []byte, rest []Note) {
	for _, n := range notes {
		if n.Name != "VMCOREINFO" {
			rest = append(rest, n)
			continue
		}
		t := trimText(n.Desc)
		if text == nil || !bytes.Contains(text, []byte("OSRELEASE=")) && bytes.Contains(t, []byte("OSRELEASE=")) {
			text = t
		}
	}
	return text, rest
}

// trimText cuts text at its first NUL.
func trimText(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return nil
	}
	return b
}

// vmcoreinfoValue returns the value of a key.
func vmcoreinfoValue(text []byte, key string) string {
	for line := range bytes.Lines(text) {
		if k, v, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("=")); ok && string(k) == key {
			return string(v)
		}
	}
	return ""
}
