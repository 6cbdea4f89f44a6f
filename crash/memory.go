package crash

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"ringside/klog"
)

// Memory is what the kernel says about memory when an allocation fails or it
// has to kill a task (mm/show_mem.c, mm/oom_kill.c). Numbers of pages are in
// pages of PageSize.
type Memory struct {
	Order      *int      `json:"order,omitempty"`     // of the request: 2^order pages in a row; -1 for a kill that somebody asked for
	GFP        string    `json:"gfp,omitempty"`       // "0xcc0"
	GFPFlags   []string  `json:"gfp_flags,omitempty"` // "GFP_KERNEL", "__GFP_ZERO"
	Constraint string    `json:"constraint,omitempty"`
	Cgroup     string    `json:"cgroup,omitempty"` // whose limit was hit
	UsageKB    int64     `json:"usage_kb,omitempty"`
	LimitKB    int64     `json:"limit_kb,omitempty"`  // of the cgroup
	PageSize   int       `json:"page_size,omitempty"` // in bytes, where the free lists tell it
	Pages      *MemPages `json:"pages,omitempty"`
	SwapKB     *MemSwap  `json:"swap_kb,omitempty"`
	Tasks      int       `json:"tasks,omitempty"`   // entries of the table of tasks
	Biggest    []MemTask `json:"biggest,omitempty"` // of these, by resident pages, at most ten
	Killed     *MemKill  `json:"killed,omitempty"`
}

// MemPages is the block below "Mem-Info:".
type MemPages struct {
	Total             int64 `json:"total"` // of RAM
	Reserved          int64 `json:"reserved"`
	Free              int64 `json:"free"`
	ActiveAnon        int64 `json:"active_anon"`
	InactiveAnon      int64 `json:"inactive_anon"`
	ActiveFile        int64 `json:"active_file"`
	InactiveFile      int64 `json:"inactive_file"`
	Unevictable       int64 `json:"unevictable"`
	Dirty             int64 `json:"dirty"`
	Writeback         int64 `json:"writeback"`
	SlabReclaimable   int64 `json:"slab_reclaimable"`
	SlabUnreclaimable int64 `json:"slab_unreclaimable"`
	Mapped            int64 `json:"mapped"`
	Shmem             int64 `json:"shmem"`
	PageTables        int64 `json:"pagetables"`
}

// MemSwap is the swap space.
type MemSwap struct {
	Total int64 `json:"total"`
	Free  int64 `json:"free"`
}

// MemTask is an entry of the table of tasks that could be killed.
type MemTask struct {
	PID      int    `json:"pid"`
	Name     string `json:"name"`
	TotalVM  int64  `json:"total_vm"` // pages
	RSS      int64  `json:"rss"`      // pages
	Swap     int64  `json:"swap"`     // pages
	ScoreAdj int64  `json:"oom_score_adj"`
}

// MemKill is the task that was killed.
type MemKill struct {
	PID       int    `json:"pid"`
	Name      string `json:"name"`
	TotalVMKB int64  `json:"total_vm_kb"`
	AnonRSSKB int64  `json:"anon_rss_kb"`
	FileRSSKB int64  `json:"file_rss_kb"`
	ShmRSSKB  int64  `json:"shmem_rss_kb"`
}

// maxBiggest is how many tasks of a table are kept.
const maxBiggest = 10

// aboutMemory reports whether a kind comes with a report about memory.
func aboutMemory(k Kind) bool { return k == KindOOM || k == KindAllocFailure }

// memoryLine reads what a line of a report about memory says of it. The line is
// read otherwise as well.
func (b *builder) memoryLine(rec *klog.Record) {
	text := trimBlanks(rec.Text)
	if len(text) == 0 {
		return
	}
	m := b.rep.Memory
	if m == nil {
		m = &Memory{}
	}
	switch {
	case m.request(text):
	case m.cgroup(text), m.info(text), b.memoryTask(m, text), m.kill(text):
		b.grow(rec)
	default:
		return
	}
	b.rep.Memory = m
	b.evidence("memory", "body/memory", rec, len(rec.Text)-len(text), len(rec.Text))
}

// number reads the decimal number that follows key in text.
func number(text []byte, key string) (int64, bool) {
	i := bytes.Index(text, []byte(key))
	if i < 0 {
		return 0, false
	}
	return decimal(text[i+len(key):])
}

// decimal reads a number of at most 18 digits.
func decimal(text []byte) (v int64, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	n := run(text, digits)
	if n == 0 || n > 18 {
		return 0, false
	}
	for _, d := range text[:n] {
		v = v*10 + int64(d-'0')
	}
	if negative {
		v = -v
	}
	return v, true
}

// request reads what was asked for:
//
//	foo invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
//	foo: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)
func (m *Memory) request(text []byte) bool {
	mask, order := "mode:", "order:"
	switch {
	case m.Order != nil || m.GFP != "":
		return false // the next request is another report's
	case bytes.Contains(text, []byte(" invoked oom-killer: ")):
		mask, order = "gfp_mask=", "order="
	case !bytes.Contains(text, []byte(": page allocation ")) && !bytes.Contains(text, []byte("vmalloc: allocation failure")) && !bytes.Contains(text, []byte("vmalloc error: ")):
		return false
	}
	if v, ok := number(text, order); ok {
		n := int(min(max(v, -1), 64))
		m.Order = &n
	}
	i := bytes.Index(text, []byte(mask))
	if i < 0 {
		return m.Order != nil
	}
	rest := text[i+len(mask):]
	n := hexLen(rest)
	m.GFP = string(rest[:min(n, 18)])
	if rest = rest[n:]; len(rest) > 0 && rest[0] == '(' {
		if end := bytes.IndexByte(rest, ')'); end > 1 && end < maxText {
			m.GFPFlags = strings.Split(clip(rest[1:end]), "|")
		}
	}
	return true
}

// cgroup reads the constraint and the limit:
//
//	oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=foo,pid=1,uid=0
//	memory: usage 51200kB, limit 51200kB, failcnt 12
func (m *Memory) cgroup(text []byte) bool {
	if rest, ok := bytes.CutPrefix(text, []byte("oom-kill:constraint=")); ok {
		word, rest, _ := bytes.Cut(rest, []byte(","))
		m.Constraint = clip(word)
		if _, after, ok := bytes.Cut(rest, []byte("oom_memcg=")); ok {
			group, _, _ := bytes.Cut(after, []byte(","))
			m.Cgroup = clip(group)
		}
		return true
	}
	if bytes.HasPrefix(text, []byte("memory: usage ")) {
		m.UsageKB, _ = number(text, "usage ")
		m.LimitKB, _ = number(text, "limit ")
		return true
	}
	return false
}

// info reads the lines below "Mem-Info:".
func (m *Memory) info(text []byte) bool {
	if bytes.HasPrefix(text, []byte("Node ")) {
		// "Node 0 DMA: 1*4kB (U) 0*8kB ...": the first list is of single pages.
		if i := bytes.IndexByte(text, '*'); i > 0 && m.PageSize == 0 && bytes.Contains(text[:i], []byte(": ")) {
			if kb, ok := decimal(text[i+1:]); ok && kb > 0 && kb <= 1024 {
				m.PageSize = int(kb) << 10
				return true
			}
		}
		return false
	}
	if v, ok := decimal(text); ok && bytes.Contains(text, []byte(" pages ")) {
		switch {
		case bytes.HasSuffix(text, []byte(" pages RAM")):
			m.pages().Total = v
		case bytes.HasSuffix(text, []byte(" pages reserved")):
			m.pages().Reserved = v
		default:
			return false
		}
		return true
	}
	if free := bytes.HasPrefix(text, []byte("Free swap")); free || bytes.HasPrefix(text, []byte("Total swap")) {
		v, ok := number(text, "= ")
		if !ok {
			return false
		}
		if m.SwapKB == nil {
			m.SwapKB = &MemSwap{}
		}
		if free {
			m.SwapKB.Free = v
		} else {
			m.SwapKB.Total = v
		}
		return true
	}
	found := false
	for word := range bytes.FieldsSeq(text[:min(len(text), 512)]) {
		key, value, ok := bytes.Cut(word, []byte(":"))
		if !ok || run(value, digits) != len(value) {
			return found // the same of a node, in kB, or another line
		}
		p := memoryField(string(key))
		v, ok := decimal(value)
		if p == nil || !ok {
			continue
		}
		*p(m.pages()), found = v, true
	}
	return found
}

func (m *Memory) pages() *MemPages {
	if m.Pages == nil {
		m.Pages = &MemPages{}
	}
	return m.Pages
}

// memoryField returns where the number with a name of the kernel's goes.
func memoryField(name string) func(*MemPages) *int64 {
	switch name {
	case "free":
		return func(p *MemPages) *int64 { return &p.Free }
	case "active_anon":
		return func(p *MemPages) *int64 { return &p.ActiveAnon }
	case "inactive_anon":
		return func(p *MemPages) *int64 { return &p.InactiveAnon }
	case "active_file":
		return func(p *MemPages) *int64 { return &p.ActiveFile }
	case "inactive_file":
		return func(p *MemPages) *int64 { return &p.InactiveFile }
	case "unevictable":
		return func(p *MemPages) *int64 { return &p.Unevictable }
	case "dirty":
		return func(p *MemPages) *int64 { return &p.Dirty }
	case "writeback":
		return func(p *MemPages) *int64 { return &p.Writeback }
	case "slab_reclaimable":
		return func(p *MemPages) *int64 { return &p.SlabReclaimable }
	case "slab_unreclaimable":
		return func(p *MemPages) *int64 { return &p.SlabUnreclaimable }
	case "mapped":
		return func(p *MemPages) *int64 { return &p.Mapped }
	case "shmem":
		return func(p *MemPages) *int64 { return &p.Shmem }
	case "pagetables":
		return func(p *MemPages) *int64 { return &p.PageTables }
	}
	return nil
}

// memoryTask reads the table of tasks. Its heading tells which columns it has:
//
//	[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
//	[    123]     0   123     1000      100       90       10         0          40960        0             0 foo
func (b *builder) memoryTask(m *Memory, text []byte) bool {
	if text[0] != '[' {
		return false
	}
	inner, rest, ok := bytes.Cut(text[1:], []byte("]"))
	if !ok || len(rest) > maxText {
		return false
	}
	inner = bytes.TrimSpace(inner)
	if string(inner) == "pid" {
		b.taskColumns = strings.Fields(string(rest))
		return true
	}
	pid, n := atoi(inner)
	if n == 0 || n != len(inner) || len(b.taskColumns) == 0 {
		return false
	}
	t := MemTask{PID: pid}
	for _, column := range b.taskColumns {
		rest = trimBlanks(rest)
		if column == "name" {
			t.Name = clip(rest) // which can have blanks
			break
		}
		v, ok := decimal(rest)
		if !ok {
			return false
		}
		_, rest, _ = bytes.Cut(rest, []byte(" "))
		switch column {
		case "total_vm":
			t.TotalVM = v
		case "rss":
			t.RSS = v
		case "swapents":
			t.Swap = v
		case "oom_score_adj":
			t.ScoreAdj = v
		}
	}
	m.Tasks++
	at, _ := slices.BinarySearchFunc(m.Biggest, t, func(a, t MemTask) int { return cmp.Compare(t.RSS, a.RSS) })
	if at < maxBiggest {
		m.Biggest = slices.Insert(m.Biggest, at, t)
		m.Biggest = m.Biggest[:min(len(m.Biggest), maxBiggest)]
	}
	return true
}

// kill reads who was killed, which kernels before 5.0 say in a second line:
//
//	Out of memory: Killed process 1234 (foo) total-vm:100kB, anon-rss:10kB, file-rss:0kB, shmem-rss:0kB
//	Killed process 1234 (foo) total-vm:100kB, anon-rss:10kB, file-rss:0kB, shmem-rss:0kB
func (m *Memory) kill(text []byte) bool {
	i := bytes.Index(text, []byte("illed process "))
	vm := bytes.Index(text, []byte("total-vm:"))
	if i < 0 || vm < i || m.Killed != nil {
		return false
	}
	pid, n := atoi(text[i+len("illed process "):])
	open, end := bytes.IndexByte(text[i:], '('), bytes.LastIndexByte(text[:vm], ')')
	if n == 0 || open < 0 || end < i+open {
		return false
	}
	k := &MemKill{PID: pid, Name: clip(text[i+open+1 : end])}
	k.TotalVMKB, _ = number(text[vm:], "total-vm:")
	k.AnonRSSKB, _ = number(text[vm:], "anon-rss:")
	k.FileRSSKB, _ = number(text[vm:], "file-rss:")
	k.ShmRSSKB, _ = number(text[vm:], "shmem-rss:")
	m.Killed = k
	return true
}
