package perfevent

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"ringside/probe"
	"ringside/probe/tracefs"
)

// Records of perf.data (include/uapi/linux/perf_event.h, and perf's own).
const (
	recordMmap          = 1
	recordLost          = 2
	recordComm          = 3
	recordFork          = 7
	recordSample        = 9
	recordMmap2         = 10
	recordLostSamples   = 13
	recordFinishedRound = 68

	miscKernel = 1
	miscUser   = 2
)

// Features of perf.data (tools/perf/Documentation/perf.data-file-format.txt).
const (
	featureTracingData = 1
	featureBuildID     = 2
	featureHostname    = 3
	featureOSRelease   = 4
	featureVersion     = 5
	featureArch        = 6
	featureCPUs        = 7
	featureEventDesc   = 12
)

const (
	headerSize = 104
	// Every record that is not a sample ends in these: TID, TIME, CPU and
	// IDENTIFIER.
	sampleIDSize = 32
)

// A file is a perf.data that is being written.
type file struct {
	out     probe.Sink
	n       int64 // bytes so far
	attrsAt int64
	dataAt  int64
	attrs   int
}

func (f *file) write(b []byte) error {
	n, err := f.out.Write(b)
	f.n += int64(n)
	if err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

// record writes one record.
func (f *file) record(kind uint32, misc uint16, body []byte) error {
	b := make([]byte, 8, 8+len(body))
	native.PutUint32(b, kind)
	native.PutUint16(b[4:], misc)
	native.PutUint16(b[6:], uint16(8+len(body)))
	return f.write(append(b, body...))
}

// begin writes room for the header, the events' numbers and their attributes.
func (f *file) begin(attrs []unix.PerfEventAttr, ids [][]uint64) error {
	var b bytes.Buffer
	b.Write(make([]byte, headerSize))
	at := make([]int, len(attrs))
	for i := range attrs {
		at[i] = b.Len()
		_ = binary.Write(&b, native, ids[i])
	}
	f.attrsAt, f.attrs = int64(b.Len()), len(attrs)
	for i := range attrs {
		b.Write(attrBytes(&attrs[i]))
		_ = binary.Write(&b, native, [2]uint64{uint64(at[i]), uint64(8 * len(ids[i]))})
	}
	f.dataAt = int64(b.Len())
	return f.write(b.Bytes())
}

func attrBytes(a *unix.PerfEventAttr) []byte {
	return bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(a)), attrSize))
}

// tasks tells of the kernel's maps and of the tasks that run already.
func (f *file) tasks(root fs.FS) error {
	if err := f.kernel(root); err != nil {
		return err
	}
	dirs, err := fs.ReadDir(root, "proc")
	if err != nil {
		return fmt.Errorf("tasks that run: %w", err)
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		// A task may end while it is read: what is gone needs no name.
		if err := f.process(root, pid); err != nil {
			return err
		}
	}
	return nil
}

// kernel writes where the kernel and its modules are. The addresses are zero
// where kptr_restrict hides them, and then nothing is written.
func (f *file) kernel(root fs.FS) error {
	if text, ok := kallsymsText(root); ok {
		// pgoff is the address that the kernel's own symbol table has for it.
		if err := f.mmap(text, ^uint64(0)-text, text, "[kernel.kallsyms]_text"); err != nil {
			return err
		}
	}
	modules, err := fs.ReadFile(root, "proc/modules")
	if err != nil {
		return nil // a kernel without modules
	}
	for line := range strings.Lines(string(modules)) {
		part := strings.Fields(line)
		if len(part) < 6 {
			continue
		}
		size, err1 := strconv.ParseUint(part[1], 10, 64)
		addr, err2 := strconv.ParseUint(part[5], 0, 64)
		if err1 != nil || err2 != nil || addr == 0 {
			continue
		}
		if err := f.mmap(addr, size, 0, "["+part[0]+"]"); err != nil {
			return err
		}
	}
	return nil
}

// kallsymsText returns the address of _text.
func kallsymsText(root fs.FS) (uint64, bool) {
	file, err := root.Open("proc/kallsyms")
	if err != nil {
		return 0, false
	}
	defer file.Close()
	// _text is among the first symbols: behind the per-CPU ones.
	buf := make([]byte, 1<<20)
	var text []byte
	for len(text) < 8<<20 {
		n, err := file.Read(buf)
		text = append(text, buf[:n]...)
		if i := bytes.Index(text, []byte(" T _text\n")); i >= 0 {
			line := text[bytes.LastIndexByte(text[:i], '\n')+1 : i]
			addr, err := strconv.ParseUint(string(line), 16, 64)
			return addr, err == nil && addr != 0
		}
		if err != nil {
			break
		}
	}
	return 0, false
}

func (f *file) mmap(addr, size, pgoff uint64, name string) error {
	var b bytes.Buffer
	_ = binary.Write(&b, native, [2]int32{-1, 0})
	_ = binary.Write(&b, native, [3]uint64{addr, size, pgoff})
	padded(&b, name)
	b.Write(make([]byte, sampleIDSize))
	return f.record(recordMmap, miscKernel, b.Bytes())
}

// process writes the name and the maps of a process, and its threads.
func (f *file) process(root fs.FS, pid int) error {
	dir := "proc/" + strconv.Itoa(pid)
	name, err := fs.ReadFile(root, dir+"/comm")
	if err != nil {
		return nil
	}
	if err := f.comm(pid, pid, name); err != nil {
		return err
	}
	maps, err := fs.ReadFile(root, dir+"/maps")
	if err != nil {
		return nil // a kernel thread, or one that we may not look at
	}
	for line := range strings.Lines(string(maps)) {
		if b, ok := mmap2(pid, strings.TrimSuffix(line, "\n")); ok {
			if err := f.record(recordMmap2, miscUser, b); err != nil {
				return err
			}
		}
	}
	threads, err := fs.ReadDir(root, dir+"/task")
	if err != nil {
		return nil
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil || tid == pid {
			continue
		}
		name, err := fs.ReadFile(root, dir+"/task/"+t.Name()+"/comm")
		if err != nil {
			continue
		}
		var b bytes.Buffer
		_ = binary.Write(&b, native, [4]uint32{uint32(pid), uint32(pid), uint32(tid), uint32(pid)})
		b.Write(make([]byte, 8+sampleIDSize))
		if err := f.record(recordFork, 0, b.Bytes()); err != nil {
			return err
		}
		if err := f.comm(pid, tid, name); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) comm(pid, tid int, name []byte) error {
	var b bytes.Buffer
	_ = binary.Write(&b, native, [2]uint32{uint32(pid), uint32(tid)})
	padded(&b, strings.TrimSuffix(string(name), "\n"))
	idBytes(&b, pid, tid)
	return f.record(recordComm, 0, b.Bytes())
}

// idBytes writes the end of a record that the kernel did not make: no time, no
// CPU, of no event.
func idBytes(b *bytes.Buffer, pid, tid int) {
	_ = binary.Write(b, native, [2]uint32{uint32(pid), uint32(tid)})
	b.Write(make([]byte, sampleIDSize-8))
}

// mmap2 makes a record of a line of /proc/PID/maps. Only what can be executed
// is of use: the others hold no code.
func mmap2(pid int, line string) ([]byte, bool) {
	var span, perm, dev string
	var off, ino uint64
	part := strings.SplitN(line, " ", 6)
	if len(part) < 5 {
		return nil, false
	}
	span, perm, dev = part[0], part[1], part[3]
	if len(perm) < 4 || perm[2] != 'x' {
		return nil, false
	}
	name := ""
	if len(part) == 6 {
		name = strings.TrimLeft(part[5], " ")
	}
	if name == "" {
		name = "//anon"
	}
	first, last, _ := strings.Cut(span, "-")
	major, minor, _ := strings.Cut(dev, ":")
	from, err1 := strconv.ParseUint(first, 16, 64)
	to, err2 := strconv.ParseUint(last, 16, 64)
	maj, err3 := strconv.ParseUint(major, 16, 32)
	min, err4 := strconv.ParseUint(minor, 16, 32)
	off, err5 := strconv.ParseUint(part[2], 16, 64)
	ino, err6 := strconv.ParseUint(part[4], 10, 64)
	for _, err := range []error{err1, err2, err3, err4, err5, err6} {
		if err != nil {
			return nil, false
		}
	}
	var prot uint32
	for i, bit := range []uint32{unix.PROT_READ, unix.PROT_WRITE, unix.PROT_EXEC} {
		if perm[i] != '-' {
			prot |= bit
		}
	}
	flags := uint32(unix.MAP_PRIVATE)
	if perm[3] == 's' {
		flags = unix.MAP_SHARED
	}
	var b bytes.Buffer
	_ = binary.Write(&b, native, [2]uint32{uint32(pid), uint32(pid)})
	_ = binary.Write(&b, native, [3]uint64{from, to - from, off})
	_ = binary.Write(&b, native, [2]uint32{uint32(maj), uint32(min)})
	_ = binary.Write(&b, native, [2]uint64{ino, 0})
	_ = binary.Write(&b, native, [2]uint32{prot, flags})
	padded(&b, name)
	idBytes(&b, pid, pid)
	return b.Bytes(), b.Len() < 1<<16-8
}

// padded writes a name with its end, to a multiple of eight bytes.
func padded(b *bytes.Buffer, name string) {
	b.WriteString(name)
	b.Write(make([]byte, 8-len(name)%8))
}

// end writes the features and the header.
func (f *file) end(e *Engine, attrs []unix.PerfEventAttr, names []string, ids [][]uint64, tracepoints []string) error {
	dataSize := f.n - f.dataAt
	type feature struct {
		id   int
		body []byte
	}
	var list []feature
	if len(tracepoints) > 0 {
		var b bytes.Buffer
		if err := e.Tree.WriteHeader(&b, tracefs.VersionPerfData, pageSize, tracepoints); err != nil {
			return err
		}
		list = append(list, feature{featureTracingData, b.Bytes()})
	}
	if id, ok := kernelBuildID(e.Root); ok {
		list = append(list, feature{featureBuildID, buildIDRecord(id)})
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		for _, x := range []struct {
			id   int
			text []byte
		}{{featureHostname, u.Nodename[:]}, {featureOSRelease, u.Release[:]}} {
			list = append(list, feature{x.id, stringBytes(unix.ByteSliceToString(x.text))})
		}
		list = append(list, feature{featureVersion, stringBytes("ringside")})
		list = append(list, feature{featureArch, stringBytes(unix.ByteSliceToString(u.Machine[:]))})
	}
	var cpus [8]byte
	native.PutUint32(cpus[:], uint32(runtime.NumCPU()))
	native.PutUint32(cpus[4:], uint32(len(ids[0])))
	list = append(list, feature{featureCPUs, cpus[:]}, feature{featureEventDesc, eventDesc(attrs, names, ids)})

	var flags [4]uint64
	var table bytes.Buffer
	at := f.n + int64(16*len(list))
	for _, x := range list {
		flags[x.id/64] |= 1 << (x.id % 64)
		_ = binary.Write(&table, native, [2]uint64{uint64(at), uint64(len(x.body))})
		at += int64(len(x.body))
	}
	if err := f.write(table.Bytes()); err != nil {
		return err
	}
	for _, x := range list {
		if err := f.write(x.body); err != nil {
			return err
		}
	}
	var h bytes.Buffer
	magic := [8]byte([]byte("PERFILE2"))
	if native.Uint16([]byte{0, 1}) == 1 {
		magic = [8]byte([]byte("2ELIFREP"))
	}
	h.Write(magic[:])
	_ = binary.Write(&h, native, [2]uint64{headerSize, uint64(attrSize) + 16})
	_ = binary.Write(&h, native, [2]uint64{uint64(f.attrsAt), uint64(f.attrs * (attrSize + 16))})
	_ = binary.Write(&h, native, [2]uint64{uint64(f.dataAt), uint64(dataSize)})
	_ = binary.Write(&h, native, [2]uint64{})
	_ = binary.Write(&h, native, flags)
	if _, err := f.out.WriteAt(h.Bytes(), 0); err != nil {
		return fmt.Errorf("write the recording's header: %w", err)
	}
	return nil
}

// stringBytes is a text as features have it: its padded length, and it.
func stringBytes(text string) []byte {
	size := (len(text) + 1 + 63) &^ 63
	b := make([]byte, 4+size)
	native.PutUint32(b, uint32(size))
	copy(b[4:], text)
	return b
}

func eventDesc(attrs []unix.PerfEventAttr, names []string, ids [][]uint64) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, native, [2]uint32{uint32(len(attrs)), uint32(attrSize)})
	for i := range attrs {
		b.Write(attrBytes(&attrs[i]))
		_ = binary.Write(&b, native, uint32(len(ids[i])))
		b.Write(stringBytes(names[i]))
		_ = binary.Write(&b, native, ids[i])
	}
	return b.Bytes()
}

// kernelBuildID reads the note of the running kernel.
func kernelBuildID(root fs.FS) ([]byte, bool) {
	b, err := fs.ReadFile(root, "sys/kernel/notes")
	if err != nil {
		return nil, false
	}
	for len(b) >= 12 {
		name, desc, kind := int(native.Uint32(b)), int(native.Uint32(b[4:])), native.Uint32(b[8:])
		at := 12 + (name+3)&^3
		end := at + (desc+3)&^3
		if name < 0 || desc < 0 || at < 12 || end < at || end > len(b) {
			break
		}
		if kind == 3 && bytes.HasPrefix(b[12:], []byte("GNU\x00")) {
			return b[at : at+desc], true
		}
		b = b[end:]
	}
	return nil, false
}

// buildIDRecord is the kernel's entry of the build ID feature.
func buildIDRecord(id []byte) []byte {
	const name = "[kernel.kallsyms]"
	var field [24]byte // 20 bytes, the length and what fills it up
	copy(field[:20], id)
	field[20] = byte(min(len(id), 20))
	var b bytes.Buffer
	_ = binary.Write(&b, native, int32(-1))
	b.Write(field[:])
	padded(&b, name)
	head := make([]byte, 8)
	native.PutUint16(head[4:], miscKernel|1<<15) // it has a length
	native.PutUint16(head[6:], uint16(8+b.Len()))
	return append(head, b.Bytes()...)
}

// KernelBuildID returns the build ID of the running kernel in hexadecimal.
func KernelBuildID(root fs.FS) string {
	id, _ := kernelBuildID(root)
	return hex.EncodeToString(id)
}
