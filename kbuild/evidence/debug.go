package evidence

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"ringside/kbuild"
)

// Debug is the sources that debug information names.
type Debug struct {
	names   map[string][]string // as the compiler wrote them → targets
	targets map[string]bool     // that were read
}

// ErrNoDebug is the error for a file without debug information.
var ErrNoDebug = errors.New("no debug information in it: give the unstripped file, or the one of the -dbg package")

// Bounds of what is read of one file.
const (
	maxUnits = 1 << 20
	maxNames = 1 << 22
)

// Add reads the debug information of vmlinux (as [kbuild.Vmlinux]) or of a module, which
// is called by its path in the tree, as fs/ext4/ext4.ko.
func (d *Debug) Add(target string, r io.ReaderAt) (err error) {
	// The library's readers are made for what compilers write.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: its debug information is broken: %v", target, p)
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	data, size, err := sections(f)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if d.names == nil {
		d.names, d.targets = map[string][]string{}, map[string]bool{}
	}
	if err := d.units(target, data, size); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	d.targets[target] = true
	return nil
}

// sections reads what names need: the units, their line tables, and strings; and gives
// where each unit's entry is.
func sections(f *elf.File) (*dwarf.Data, []dwarf.Offset, error) {
	info := f.Section(".debug_info")
	if info == nil {
		return nil, nil, ErrNoDebug
	}
	var data *dwarf.Data
	var raw []byte
	var err error
	if f.Type == elf.ET_REL {
		// What names stand at is relocated in a module; the library does it.
		if data, err = f.DWARF(); err == nil {
			raw, err = info.Data()
		}
	} else {
		text := map[string][]byte{}
		for _, name := range []string{".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".debug_line_str", ".debug_str_offsets", ".debug_addr"} {
			if s := f.Section(name); s != nil {
				if text[name], err = s.Data(); err != nil {
					return nil, nil, fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		raw = text[".debug_info"]
		data, err = dwarf.New(text[".debug_abbrev"], nil, nil, raw, text[".debug_line"], nil, nil, text[".debug_str"])
		for _, name := range []string{".debug_line_str", ".debug_str_offsets", ".debug_addr"} {
			if err == nil && text[name] != nil {
				err = data.AddSection(name, text[name])
			}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return data, entries(raw, f.ByteOrder), nil
}

// entries finds the first entry of each unit by the lengths in the units' heads, so that
// nothing else of them is read.
func entries(info []byte, order binary.ByteOrder) (list []dwarf.Offset) {
	for at := uint64(0); at+12 <= uint64(len(info)) && len(list) < maxUnits; {
		length, head := uint64(order.Uint32(info[at:])), uint64(4)
		offset := uint64(4)
		if length == 0xffffffff {
			if at+24 > uint64(len(info)) {
				break
			}
			length, head, offset = order.Uint64(info[at+4:]), 12, 8
		}
		version := order.Uint16(info[at+head:])
		size := head + 2 + offset + 1 // version, abbreviations, size of addresses
		compile := true
		if version >= 5 {
			size++
			kind := info[at+head+2]
			compile = kind == 1 || kind == 3 // not types, not split
		}
		if length == 0 || length > uint64(len(info))-at {
			break
		}
		if compile && version >= 2 && version <= 5 {
			list = append(list, dwarf.Offset(at+size)) //nolint:gosec // bounded by the section
		}
		at += head + length
	}
	return list
}

// units notes the names of each unit and of the files in its line table.
func (d *Debug) units(target string, data *dwarf.Data, entries []dwarf.Offset) error {
	if len(entries) == 0 {
		return ErrNoDebug
	}
	r := data.Reader()
	for _, at := range entries {
		r.Seek(at)
		unit, err := r.Next()
		if err != nil {
			return fmt.Errorf("unit at %#x: %w", at, err)
		}
		if unit == nil || unit.Tag != dwarf.TagCompileUnit {
			continue
		}
		name, _ := unit.Val(dwarf.AttrName).(string)
		dir, _ := unit.Val(dwarf.AttrCompDir).(string)
		d.name(name, dir, target)
		lines, err := data.LineReader(unit)
		if err != nil {
			return fmt.Errorf("line table of %s: %w", name, err)
		}
		if lines == nil {
			continue
		}
		for _, f := range lines.Files() {
			if f != nil {
				d.name(f.Name, "", target)
			}
		}
		if len(d.names) > maxNames {
			return fmt.Errorf("more than %d names of files: it is no kernel's", maxNames)
		}
	}
	return nil
}

func (d *Debug) name(name, dir, target string) {
	if name == "" || strings.HasPrefix(name, "<") {
		return
	}
	// The name may count from the source tree's top while the folder is the build's, where
	// prefixes were mapped; what is there in the tree tells.
	if !path.IsAbs(name) && dir != "" {
		d.name(path.Join("/", dir, name), "", target)
	}
	if list := d.names[name]; !slices.Contains(list, target) {
		d.names[name] = append(list, target)
	}
}

// resolved is debug information in the names of a source tree.
type resolved struct{ files map[string][]string }

// in finds the files of a tree that the names mean: folders of the build stand before the
// tree's.
func (d *Debug) in(exists func(string) bool) *resolved {
	r := &resolved{files: map[string][]string{}}
	for name, targets := range d.names {
		file, ok := inTree(name, exists)
		if !ok {
			continue
		}
		for _, t := range targets {
			if !slices.Contains(r.files[file], t) {
				r.files[file] = append(r.files[file], t)
			}
		}
	}
	for _, targets := range r.files {
		slices.Sort(targets)
	}
	return r
}

// inTree takes folders off the front of a name until the tree has it.
func inTree(name string, exists func(string) bool) (string, bool) {
	for rest := strings.TrimLeft(path.Clean(name), "/."); strings.Contains(rest, "/"); _, rest, _ = strings.Cut(rest, "/") {
		if exists(rest) {
			return rest, true
		}
	}
	return "", false
}

// Targets gives what was read, in order.
func (d *Debug) Targets() (list []string) {
	for t := range d.targets {
		list = append(list, t)
	}
	slices.Sort(list)
	return list
}

// TargetOf gives what a file of debug information is of, by its place: vmlinux-6.1, or
// …/kernel/fs/ext4/ext4.ko.debug. ok is false for what is neither.
func TargetOf(name string) (target string, ok bool) {
	base := path.Base(name)
	if base == "vmlinux" || strings.HasPrefix(base, "vmlinux-") || strings.HasPrefix(base, "vmlinux.") && (strings.HasSuffix(base, ".debug") || strings.HasSuffix(base, ".unstripped")) {
		return kbuild.Vmlinux, true
	}
	return moduleOf(name)
}

// moduleOf gives a module's path in the tree out of its file's.
func moduleOf(name string) (module string, ok bool) {
	i := strings.LastIndex(name, ".ko")
	if i < 0 || i+3 < len(name) && name[i+3] != '.' {
		return "", false
	}
	name = path.Clean(name[:i+3])
	if _, below, ok := strings.Cut("/"+name, "/kernel/"); ok && strings.Contains(name, "/") {
		return below, true
	}
	return strings.TrimPrefix(name, "/"), true
}
