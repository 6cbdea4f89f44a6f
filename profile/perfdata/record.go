package perfdata

// A Record is one record. It is used again for the next one.
type Record struct {
	Type uint32
	Misc uint16
	// Body is the record behind its header, in the byte order of the recording.
	Body []byte

	// What most records have; -1 or 0 where this one does not.
	Attr int // index into File.Attrs
	Time uint64
	PID  int32
	TID  int32
	CPU  int32
	ID   uint64

	// Of samples.
	IP        uint64
	Addr      uint64
	Period    uint64
	Callchain []uint64
	Raw       []byte
	Cgroup    uint64
	Members   []Member // of a group read
	UserABI   uint64
	UserRegs  []uint64
	UserStack []byte

	time bool // Time is known
}

// A Member is one counter of a group.
type Member struct {
	Attr  int
	ID    uint64
	Value uint64
}

// Bits of Misc.
const (
	MiscCPUMode     = 7
	MiscKernel      = 1
	MiscUser        = 2
	MiscHypervisor  = 3
	MiscGuestKernel = 4
	MiscGuestUser   = 5
	MiscCommExec    = 1 << 13 // of COMM
	MiscMmapBuildID = 1 << 14 // of MMAP2
	MiscSwitchOut   = 1 << 13 // of SWITCH
)

// Values of UserABI (PERF_SAMPLE_REGS_ABI_*).
const (
	ABI32 = 1
	ABI64 = 2
)

// Contexts in a call chain (PERF_CONTEXT_*): values that say where the next
// addresses are.
const (
	ContextMax         = ^uint64(4095) + 1
	ContextHypervisor  = ^uint64(32) + 1
	ContextKernel      = ^uint64(128) + 1
	ContextUser        = ^uint64(512) + 1
	ContextGuest       = ^uint64(2048) + 1
	ContextGuestKernel = ^uint64(2176) + 1
	ContextGuestUser   = ^uint64(2560) + 1
)

// attrOf finds the event of a record with this number.
func (f *File) attrOf(id uint64) int {
	at := &f.recent[id%uint64(len(f.recent))]
	if at.id == id && id != 0 {
		return at.attr
	}
	i := f.byID[id] // the first event's where nobody has the number
	at.id, at.attr = id, i
	return i
}

// sampleID reads the fields at the end of a record that is no sample.
func (f *File) sampleID(r *Record) {
	r.Attr, r.PID, r.TID, r.CPU, r.Time, r.ID, r.time = 0, -1, -1, -1, 0, 0, false
	if len(f.Attrs) == 0 {
		return
	}
	b := r.Body
	if f.Attrs[0].SampleType&SampleIdentifier != 0 && len(b) >= 8 && f.Attrs[0].Flags&flagSampleIDAll != 0 {
		r.ID = f.u64(b[len(b)-8:])
		r.Attr = f.attrOf(r.ID)
	}
	a := &f.Attrs[r.Attr]
	if a.Flags&flagSampleIDAll == 0 {
		return
	}
	end := len(b)
	take := func(bit uint64) ([]byte, bool) {
		if a.SampleType&bit == 0 || end < 8 {
			return nil, false
		}
		end -= 8
		return b[end : end+8], true
	}
	// From the last to the first.
	take(SampleIdentifier)
	if v, ok := take(SampleCPU); ok {
		r.CPU = int32(f.u32(v))
	}
	take(SampleStreamID)
	if v, ok := take(SampleID); ok {
		r.ID = f.u64(v)
		r.Attr = f.attrOf(r.ID)
	}
	if v, ok := take(SampleTime); ok {
		r.Time, r.time = f.u64(v), true
	}
	if v, ok := take(SampleTID); ok {
		r.PID, r.TID = int32(f.u32(v)), int32(f.u32(v[4:]))
	}
}

// sampleAttr finds the event of a sample before its fields are read.
func (f *File) sampleAttr(b []byte) int {
	if len(f.Attrs) < 2 {
		return 0
	}
	t := f.Attrs[0].SampleType
	if t&SampleIdentifier != 0 {
		if len(b) >= 8 {
			return f.attrOf(f.u64(b))
		}
		return 0
	}
	if t&SampleID == 0 {
		return 0
	}
	at := 0
	for _, bit := range []uint64{SampleIP, SampleTID, SampleTime, SampleAddr} {
		if t&bit != 0 {
			at += 8
		}
	}
	if len(b) < at+8 {
		return 0
	}
	return f.attrOf(f.u64(b[at:]))
}

// sampleTime reads the time of a sample without the rest.
func (f *File) sampleTime(a *Attr, b []byte) (uint64, bool) {
	if a.SampleType&SampleTime == 0 {
		return 0, false
	}
	at := 0
	for _, bit := range []uint64{SampleIdentifier, SampleIP, SampleTID} {
		if a.SampleType&bit != 0 {
			at += 8
		}
	}
	if len(b) < at+8 {
		return 0, false
	}
	return f.u64(b[at:]), true
}

// cursor reads fields; once there are too few bytes, ok is false.
type cursor struct {
	order
	b  []byte
	ok bool
}

func (c *cursor) u64() uint64 {
	if len(c.b) < 8 {
		c.ok = false
		return 0
	}
	v := c.order.u64(c.b)
	c.b = c.b[8:]
	return v
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.ok = false
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

// pair reads two 32-bit numbers.
func (c *cursor) pair() (uint32, uint32) {
	b := c.take(8)
	if b == nil {
		return 0, 0
	}
	return c.u32(b), c.u32(b[4:])
}

// words appends n numbers to list, as far as they are there.
func (c *cursor) words(list []uint64, n uint64) []uint64 {
	if n > uint64(len(c.b)/8) {
		c.ok = false
		return list
	}
	for range n {
		list = append(list, c.u64())
	}
	return list
}

// sample reads a sample's fields, in the order of the kernel's
// perf_output_sample. It returns false where the record is too short for them;
// those that were read are kept.
func (f *File) sample(r *Record) bool {
	r.Attr = f.sampleAttr(r.Body)
	r.PID, r.TID, r.CPU = -1, -1, -1
	r.Time, r.ID, r.IP, r.Addr, r.Period, r.Cgroup, r.UserABI = 0, 0, 0, 0, 0, 0, 0
	r.Callchain, r.Raw, r.Members, r.UserRegs, r.UserStack = r.Callchain[:0], nil, r.Members[:0], r.UserRegs[:0], nil
	if len(f.Attrs) == 0 {
		return false
	}
	a := &f.Attrs[r.Attr]
	t := a.SampleType
	c := cursor{f.order, r.Body, true}
	if t&SampleIdentifier != 0 {
		r.ID = c.u64()
	}
	if t&SampleIP != 0 {
		r.IP = c.u64()
	}
	if t&SampleTID != 0 {
		pid, tid := c.pair()
		r.PID, r.TID = int32(pid), int32(tid)
	}
	if t&SampleTime != 0 {
		r.Time, r.time = c.u64(), true
	}
	if t&SampleAddr != 0 {
		r.Addr = c.u64()
	}
	if t&SampleID != 0 {
		r.ID = c.u64()
	}
	if t&SampleStreamID != 0 {
		c.u64()
	}
	if t&SampleCPU != 0 {
		cpu, _ := c.pair()
		r.CPU = int32(cpu)
	}
	if t&SamplePeriod != 0 {
		r.Period = c.u64()
	} else if !a.Frequency() {
		r.Period = a.Period
	} else {
		r.Period = 1
	}
	if t&SampleRead != 0 {
		f.members(&c, r, a.ReadFormat)
	}
	if t&SampleCallchain != 0 {
		r.Callchain = c.words(r.Callchain, c.u64())
	}
	if t&SampleRaw != 0 {
		b := c.take(4)
		if b != nil {
			r.Raw = c.take(uint64(c.u32(b)))
		}
	}
	if t&SampleBranchStack != 0 {
		n := c.u64()
		if a.BranchType&(1<<17) != 0 { // PERF_SAMPLE_BRANCH_HW_INDEX
			c.u64()
		}
		if n > 1<<16 {
			c.ok = false
		} else {
			c.take(24 * n)
		}
	}
	if t&SampleRegsUser != 0 {
		if r.UserABI = c.u64(); r.UserABI != 0 {
			r.UserRegs = c.words(r.UserRegs, ones(a.RegsUser))
		}
	}
	if t&SampleStackUser != 0 {
		if n := c.u64(); n != 0 {
			stack := c.take(n)
			if dyn := c.u64(); dyn <= uint64(len(stack)) {
				r.UserStack = stack[:dyn]
			}
		}
	}
	if t&(SampleWeight|SampleWeightStruct) != 0 {
		c.u64()
	}
	if t&SampleDataSrc != 0 {
		c.u64()
	}
	if t&SampleTransaction != 0 {
		c.u64()
	}
	if t&SampleRegsIntr != 0 {
		if c.u64() != 0 {
			c.take(8 * ones(a.RegsIntr))
		}
	}
	if t&SamplePhysAddr != 0 {
		c.u64()
	}
	if t&SampleCgroup != 0 {
		r.Cgroup = c.u64()
	}
	return c.ok
}

func ones(mask uint64) (n uint64) {
	for ; mask != 0; mask &= mask - 1 {
		n++
	}
	return n
}

// members reads the counters of a sample.
func (f *File) members(c *cursor, r *Record, format uint64) {
	times := ones(format & (ReadEnabled | ReadRunning))
	if format&ReadGroup == 0 {
		c.u64()
		c.take(8 * times)
		c.take(8 * ones(format&(ReadID|ReadLost)))
		return
	}
	n := c.u64()
	c.take(8 * times)
	if n > 1<<12 {
		c.ok = false
		return
	}
	for range n {
		m := Member{Attr: r.Attr, Value: c.u64()}
		if format&ReadID != 0 {
			m.ID = c.u64()
			m.Attr = f.attrOf(m.ID)
		}
		if format&ReadLost != 0 {
			c.u64()
		}
		if !c.ok {
			return
		}
		r.Members = append(r.Members, m)
	}
}

// A Mapping is what an MMAP or MMAP2 record tells.
type Mapping struct {
	PID, TID       int32
	Start, Len     uint64
	Offset         uint64 // in the file
	Path           string
	BuildID        string // raw bytes; empty where the record has none
	Exec           bool
	Kernel         bool
	Inode          uint64
	Device         uint64
	HasProtections bool
}

// Mapping reads an MMAP or MMAP2 record.
func (f *File) Mapping(r *Record) (m Mapping, ok bool) {
	c := cursor{f.order, r.Body, true}
	pid, tid := c.pair()
	m.PID, m.TID = int32(pid), int32(tid)
	m.Start, m.Len, m.Offset = c.u64(), c.u64(), c.u64()
	m.Kernel = r.Misc&MiscCPUMode == MiscKernel || r.Misc&MiscCPUMode == MiscGuestKernel
	m.Exec = true
	if r.Type == RecordMmap2 {
		if r.Misc&MiscMmapBuildID != 0 {
			b := c.take(24)
			if b != nil && b[0] <= 20 {
				m.BuildID = string(b[4 : 4+b[0]])
			}
		} else {
			major, minor := c.pair()
			m.Device = uint64(major)<<32 | uint64(minor)
			m.Inode = c.u64()
			c.u64()
		}
		prot, _ := c.pair()
		m.Exec, m.HasProtections = prot&4 != 0, true
	}
	if !c.ok {
		return m, false
	}
	m.Path = cString(c.b)
	return m, true
}

// Comm is what a COMM record tells.
type Comm struct {
	PID, TID int32
	Name     string
	Exec     bool
}

// Comm reads a COMM record.
func (f *File) Comm(r *Record) (m Comm, ok bool) {
	c := cursor{f.order, r.Body, true}
	pid, tid := c.pair()
	return Comm{int32(pid), int32(tid), cString(c.b), r.Misc&MiscCommExec != 0}, c.ok
}

// Task is what a FORK or EXIT record tells.
type Task struct{ PID, ParentPID, TID, ParentTID int32 }

// Task reads a FORK or EXIT record.
func (f *File) Task(r *Record) (t Task, ok bool) {
	c := cursor{f.order, r.Body, true}
	pid, ppid := c.pair()
	tid, ptid := c.pair()
	return Task{int32(pid), int32(ppid), int32(tid), int32(ptid)}, c.ok
}

// Ksymbol is a symbol that came to or left the kernel while it ran: a BPF
// program, a trampoline.
type Ksymbol struct {
	Addr    uint64
	Len     uint32
	Name    string
	Removed bool
}

// Ksymbol reads a KSYMBOL record.
func (f *File) Ksymbol(r *Record) (k Ksymbol, ok bool) {
	c := cursor{f.order, r.Body, true}
	k.Addr = c.u64()
	b := c.take(8)
	if b == nil {
		return k, false
	}
	k.Len, k.Removed = c.u32(b), c.u16(b[6:])&1 != 0
	k.Name = cString(c.b)
	return k, c.ok
}

// Cgroup reads a CGROUP record: a number and the path it stands for.
func (f *File) Cgroup(r *Record) (id uint64, path string, ok bool) {
	c := cursor{f.order, r.Body, true}
	id = c.u64()
	return id, cString(c.b), c.ok
}
