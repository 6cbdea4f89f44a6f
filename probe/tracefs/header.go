package tracefs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// native is the byte order of this machine, in which the kernel's buffers are.
var native = binary.NativeEndian

// The versions of a header: of trace.dat, and of what perf.data embeds of it.
const (
	VersionTraceDat = "6"
	VersionPerfData = "0.6"
)

// WriteHeader writes what a reader must know to read the events: the layout of
// pages, the formats of the events, printk's formats and the tasks' names. It
// is the beginning of a trace.dat and all of perf.data's tracing data.
func (t *Tree) WriteHeader(w io.Writer, version string, pageSize int, events []string) error {
	var b bytes.Buffer
	b.WriteString("\x17\x08Dtracing" + version + "\x00")
	b.WriteByte(bigEndian())
	b.WriteByte(8) // of long: the platforms of this project
	_ = binary.Write(&b, native, uint32(pageSize))
	for _, name := range []string{"header_page", "header_event"} {
		text, err := t.Read("events/" + name)
		if err != nil {
			return err
		}
		b.WriteString(name + "\x00")
		_ = writeSized(&b, 8, text)
	}
	// The tracer's own events are always there.
	own, err := t.formats("ftrace", nil)
	if err != nil {
		return err
	}
	_ = binary.Write(&b, native, uint32(len(own)))
	for _, text := range own {
		_ = writeSized(&b, 8, text)
	}
	bySystem := map[string][]string{}
	for _, e := range events {
		system, name, _ := strings.Cut(e, ":")
		if !slices.Contains(bySystem[system], name) {
			bySystem[system] = append(bySystem[system], name)
		}
	}
	_ = binary.Write(&b, native, uint32(len(bySystem)))
	for _, system := range sortedKeys(bySystem) {
		formats, err := t.formats(system, bySystem[system])
		if err != nil {
			return err
		}
		b.WriteString(system + "\x00")
		_ = binary.Write(&b, native, uint32(len(formats)))
		for _, text := range formats {
			_ = writeSized(&b, 8, text)
		}
	}
	// The kernel's symbols are read from the machine itself, or from the
	// kernel's build: five megabytes in each recording serve nobody.
	_ = writeSized(&b, 4, nil)
	printk, err := t.Read("printk_formats")
	if err != nil {
		return err
	}
	_ = writeSized(&b, 4, printk)
	names, err := t.Read("saved_cmdlines")
	if err != nil {
		return err
	}
	_ = writeSized(&b, 8, names)
	_, err = w.Write(b.Bytes())
	return err
}

// formats returns the format files of a system's events, of all without names.
func (t *Tree) formats(system string, names []string) ([][]byte, error) {
	dir := path.Join("events", system)
	if names == nil {
		all, err := t.List(dir)
		if err != nil {
			return nil, err
		}
		names = all
	}
	var list [][]byte
	for _, name := range names {
		text, err := t.Read(path.Join(dir, name, "format"))
		if err != nil {
			if system == "ftrace" {
				continue // "enable", "filter"
			}
			return nil, fmt.Errorf("format of %s:%s: %w", system, name, err)
		}
		list = append(list, text)
	}
	return list, nil
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func bigEndian() byte {
	if native.Uint16([]byte{0, 1}) == 1 {
		return 1
	}
	return 0
}
