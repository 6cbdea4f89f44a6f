package dump

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Open recognises a dump by its content and reads its headers and notes. Several
// inputs are the files of a split set, in any order.
func Open(inputs []Input, o Options) (*File, error) {
	if len(inputs) == 0 {
		return nil, errors.New("no dump was given: name its file, or all files of a split set")
	}
	if o.PageSize != 0 && !goodPageSize(int64(o.PageSize)) {
		return nil, fmt.Errorf("a page size of %d is none: give a power of two, such as 4096", o.PageSize)
	}
	f := &File{info: Info{Parts: len(inputs)}}
	var sources []*source
	var formats []string
	for _, in := range inputs {
		s, err := f.openSource(in)
		if err != nil {
			return nil, err
		}
		format, err := recognise(s, o)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
		formats = append(formats, format)
	}
	for i, format := range formats {
		if len(formats) > 1 && format != FormatKDUMP {
			return nil, fmt.Errorf("%s is no KDUMP file, and only those come in parts: give it alone", inputs[i].Name)
		}
	}
	var err error
	switch formats[0] {
	case FormatELF:
		err = f.openELF(sources[0], o)
	case FormatKDUMP:
		err = f.openKdump(sources, o)
	default:
		err = f.openRaw(sources[0], o)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// openSource looks behind a flattened stream.
func (f *File) openSource(in Input) (*source, error) {
	if in.Name == "" {
		in.Name = "the dump"
	}
	s := &source{name: in.Name, r: in.R, size: in.Size, physical: in.Size}
	f.info.Bytes += max(0, in.Size)
	head, err := s.prefix(0, 32)
	if len(head) == 0 {
		return nil, fmt.Errorf("%s: nothing can be read of it: %w", in.Name, err)
	}
	if !isFlattened(head) {
		return s, nil
	}
	flat, err := openFlattened(in)
	if err != nil {
		return nil, err
	}
	s.flat, s.size = flat, flat.size
	f.info.Flattened = true
	if flat.cut != nil {
		f.info.Incomplete = true
		f.warn("%s: %v", in.Name, flat.cut)
	}
	return s, nil
}

func (f *File) warn(format string, args ...any) {
	if len(f.info.Warnings) < maxWarnings {
		f.info.Warnings = append(f.info.Warnings, fmt.Sprintf(format, args...))
	}
}

// recognise returns the format of a file, or an error that says what else it is.
func recognise(s *source, o Options) (string, error) {
	head, _ := s.prefix(0, 16)
	switch {
	case isKDUMP(head):
		return FormatKDUMP, nil
	case strings.HasPrefix(string(head), elf.ELFMAG):
		return FormatELF, nil
	}
	if o.Raw {
		return FormatRaw, nil
	}
	for _, k := range []struct{ magic, what string }{
		{"DISKDUMP", "a diskdump file of the time before kdump: open it with crash"},
		{"\xed\x1f\x8e\xa8", "an LKCD dump: open it with crash"},
		{"\xd2\xbe\xd2\xbe", "a VMware state file: make a core of it with vmss2core first"},
		{"\xd0\xbe\xd2\xbe", "a VMware state file: make a core of it with vmss2core first"},
		{"EMiL", "a LiME image: take it again with the format raw or padded, and give its base address"},
		{"\x1f\x8b", "compressed with gzip: decompress it first"},
		{"\xfd7zXZ\x00", "compressed with xz: decompress it first"},
		{"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it first"},
		{"BZh", "compressed with bzip2: decompress it first"},
	} {
		if strings.HasPrefix(string(head), k.magic) {
			return "", fmt.Errorf("%s is %s", s.name, k.what)
		}
	}
	return "", fmt.Errorf("%s is no dump that is known (ELF, KDUMP, flattened): if it is plain RAM, say so and give its base address", s.name)
}

func (f *File) openELF(s *source, o Options) error {
	c, err := readELF(s)
	if err != nil {
		return err
	}
	info := &f.info
	info.Warnings = append(info.Warnings, c.warnings...)
	info.Format, info.Machine = FormatELF, c.head.machine
	info.Incomplete = info.Incomplete || c.head.flags&elfIncomplete != 0
	has := func(name string, typ uint32) bool {
		return slices.ContainsFunc(c.notes, func(n Note) bool { return n.Name == name && n.Type == typ })
	}
	kcore := has("CORE", ntTaskStruct) && has("CORE", ntPRPSInfo)
	text, _ := vmcoreinfo(c.notes)
	if text == nil && (has("CORE", ntFile) || has("CORE", ntAuxv)) {
		return fmt.Errorf("%s is the core of a process and no dump of a kernel: open it with gdb", s.name)
	}
	left := slices.ContainsFunc(c.segments, func(g segment) bool { return g.memsz > g.filesz })
	switch {
	case kcore:
		info.Format = FormatKcore
		f.live = s.size < 0
	case has("QEMU", 0):
		info.Producer = "qemu"
	case left || info.Flattened:
		info.Producer = "makedumpfile"
	case text != nil:
		info.Producer = "kdump"
	}
	f.takeNotes(c.notes, c.head.order, o)
	s.alone = kcore
	mem := newSegments(s, info.PageSize, c.segments, kcore)
	for _, p := range mem.phys {
		if p.kind == kindTruncated {
			info.Incomplete = true
			f.warn("%s ends before the memory that its headers speak of: copy it again", s.name)
			break
		}
	}
	f.start(mem, o)
	return nil
}

func (f *File) openKdump(sources []*source, o Options) error {
	k, err := openKdump(sources)
	if err != nil {
		return err
	}
	text, notes := k.readNotes()
	k.warnings = append(f.info.Warnings, k.warnings...)
	h, info := &k.head, &f.info
	info.Format = FormatKDUMP
	info.Compression = h.compression()
	info.DumpLevel = h.dumpLevel
	info.Release, info.Version, info.Node, info.Time = h.uts[2], h.uts[3], h.uts[1], h.time
	info.Incomplete = info.Incomplete || h.status&kdumpIncomplete != 0
	if h.subBlocks > 0 {
		info.PhysBase = &h.physBase
	}
	// QEMU knows the guest's machine and nothing of its kernel.
	info.Producer = "makedumpfile"
	if h.uts[0] == "" {
		info.Producer = "qemu"
	}
	info.Machine = machineNamed(h.uts[4])
	if info.Machine == elf.EM_NONE {
		info.Machine = machineOf(notes)
	}
	f.text = text
	info.PageSize = int(h.blockSize)
	if o.PageSize != 0 && o.PageSize != info.PageSize {
		k.warn("the pages of this dump have %d bytes, whatever was asked for", info.PageSize)
		o.PageSize = 0
	}
	f.takeNotes(notes, h.order, o)
	f.start(k, o)
	return nil
}

func (f *File) openRaw(s *source, o Options) error {
	if s.size < 0 {
		return fmt.Errorf("%s: the size of plain RAM must be known: copy it into a file first", s.name)
	}
	f.info.Format, f.info.Machine = FormatRaw, o.Machine
	if o.Machine == elf.EM_NONE {
		f.info.Machine = elf.EM_X86_64
	}
	f.takeNotes(nil, binary.LittleEndian, o)
	f.start(newSegments(s, f.info.PageSize, []segment{{paddr: o.Base, filesz: uint64(s.size)}}, false), o)
	return nil
}

// takeNotes sorts the notes out and learns from them what the header leaves
// open.
func (f *File) takeNotes(notes []Note, order binary.ByteOrder, o Options) {
	info := &f.info
	f.all = notes
	text, rest := vmcoreinfo(notes)
	if f.text == nil {
		f.text = text
	}
	f.cpus, f.notes = cpus(rest, info.Machine, order)
	info.Arch = archOf(info.Machine)
	if info.PageSize == 0 {
		info.PageSize = 4096
		if n, err := strconv.Atoi(vmcoreinfoValue(f.text, "PAGESIZE")); err == nil && goodPageSize(int64(n)) {
			info.PageSize = n
		}
		if o.PageSize != 0 {
			info.PageSize = o.PageSize
		}
	}
	if r := vmcoreinfoValue(f.text, "OSRELEASE"); r != "" {
		info.Release = r
	}
	if sec, err := strconv.ParseInt(vmcoreinfoValue(f.text, "CRASHTIME"), 10, 64); err == nil && sec > 0 && sec < 1<<40 {
		info.Time = time.Unix(sec, 0).UTC()
	}
}

// machineOf tells a machine by the size of its registers.
func machineOf(notes []Note) elf.Machine {
	for _, n := range notes {
		if n.Name == "CORE" && n.Type == ntPRStatus {
			switch len(n.Desc) {
			case 0x150:
				return elf.EM_X86_64
			case 0x188:
				return elf.EM_AARCH64
			}
		}
	}
	return elf.EM_NONE
}
