package symbol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Limits of text tables. The largest distribution kernels have 250,000 symbols
// and, with all modules loaded, half a million.
const (
	maxTextSymbols = 8 << 20
	maxTextLine    = 4 << 10
)

// ReadSystemMap reads a System.map, or any output of nm.
//
//	ffffffff81000000 T _stext
func ReadSystemMap(r io.Reader) (*Table, error) { return readText(r, false) }

// ReadKallsyms reads /proc/kallsyms. The symbols of modules carry their module.
// Where the kernel hid the addresses the error is [ErrHidden].
//
//	ffffffff81000000 T _stext
//	ffffffffc0a3f010 t nvme_probe	[nvme]
func ReadKallsyms(r io.Reader) (*Table, error) { return readText(r, true) }

// readText returns what it could read together with the first error.
func readText(r io.Reader, kallsyms bool) (*Table, error) {
	t := textTable{modules: []string{""}, moduleIDs: map[string]uint16{"": 0}}
	br := bufio.NewReaderSize(r, maxTextLine)
	var failed error
	for n := 1; failed == nil; n++ {
		line, err := br.ReadSlice('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if errors.Is(err, bufio.ErrBufferFull) {
				failed = fmt.Errorf("%w: line %d is longer than %d bytes", ErrFormat, n, maxTextLine)
				break
			}
			if bad := t.add(bytes.TrimRight(line, "\r\n"), kallsyms); bad != nil {
				failed = fmt.Errorf("%w: line %d: %w", ErrFormat, n, bad)
				break
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			failed = fmt.Errorf("read symbols: line %d: %w", n, err)
		}
	}
	if failed == nil && len(t.entries) == 0 {
		failed = fmt.Errorf("%w: the file is empty", ErrFormat)
	}
	if failed == nil && kallsyms && t.highest == 0 {
		return nil, ErrHidden
	}
	return newTable(t.entries, t.blob, t.modules, nil), failed
}

// textTable collects the entries of a text.
type textTable struct {
	entries   []tableEntry
	blob      []byte
	modules   []string
	moduleIDs map[string]uint16
	highest   uint64
}

// add reads "address type name" with "\t[module]" where there is one.
func (t *textTable) add(line []byte, kallsyms bool) error {
	address, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return errors.New("expected an address, a type and a name")
	}
	kind, name, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(kind) != 1 || len(name) == 0 {
		// nm leaves the address of undefined symbols blank.
		if len(address) == 0 {
			return nil
		}
		return errors.New("expected an address, a type and a name")
	}
	if len(address) == 0 {
		return nil
	}
	addr, err := strconv.ParseUint(string(address), 16, 64)
	if err != nil {
		return fmt.Errorf("%q is not an address", clipText(address))
	}
	var module uint16
	if i := bytes.LastIndexByte(name, '['); kallsyms && i > 0 && name[len(name)-1] == ']' && (name[i-1] == '\t' || name[i-1] == ' ') {
		if module, err = t.module(string(name[i+1 : len(name)-1])); err != nil {
			return err
		}
		name = bytes.TrimRight(name[:i], "\t ")
	}
	if isMarker(name) || bytes.IndexByte(name, 0) >= 0 {
		return nil
	}
	if len(t.entries) == maxTextSymbols || len(t.blob)+len(name) >= math.MaxUint32 {
		return fmt.Errorf("more than %d symbols", maxTextSymbols)
	}
	t.highest = max(t.highest, addr)
	t.entries = append(t.entries, tableEntry{addr: addr, name: uint32(len(t.blob)), module: module, kind: kind[0], rank: nameRank(kind[0], name)})
	t.blob = append(append(t.blob, name...), 0)
	return nil
}

func (t *textTable) module(name string) (uint16, error) {
	if id, ok := t.moduleIDs[name]; ok {
		return id, nil
	}
	if len(t.modules) > math.MaxUint16 {
		return 0, errors.New("too many modules")
	}
	id := uint16(len(t.modules))
	t.moduleIDs[name] = id
	t.modules = append(t.modules, name)
	return id, nil
}

// nameRank orders the names of one address as the kernel does: strong before
// weak, and few leading underscores first.
func nameRank(kind byte, name []byte) byte {
	under := min(len(name)-len(bytes.TrimLeft(name, "_")), 7)
	rank := byte(under)
	switch kind {
	case 'w', 'W', 'v', 'V':
		rank += 32
	case 't', 'T':
	default:
		rank += 16
	}
	return rank
}

func clipText(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "…"
	}
	return string(b)
}
