package dump

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// maxWarnings bounds what a broken dump has to say.
const maxWarnings = 32

// A memory is what a container makes of its file.
type memory interface {
	// page fills buf, which is zero, with a page; partial says that not all of
	// its bytes are in the dump.
	page(pfn uint64, buf []byte) (partial bool, gap *Gap)
	present(pfn uint64) bool
	ranges() []Range
	count() (pages, present uint64)
}

// File is an open dump. All methods may be called at the same time.
type File struct {
	mem memory
	// plain is mem where pages lie in the file as they are, so that long reads
	// need no cache.
	plain    *segments
	live     bool // the content changes: nothing is cached
	cache    *pageCache
	pageSize int
	shift    uint

	info      Info
	countOnce sync.Once
	text      []byte // VMCOREINFO
	all       []Note
	notes     []Note // without those that text and cpus are made of
	cpus      []CPU
}

// start makes a file of what a container's reader has found. What nobody said
// is looked for in the notes.
func (f *File) start(mem memory, o Options) {
	f.mem = mem
	f.plain, _ = mem.(*segments)
	f.pageSize = f.info.PageSize
	f.shift = uint(bits.TrailingZeros(uint(f.pageSize)))
	size := o.Cache
	if size <= 0 {
		size = 64 << 20
	}
	f.cache = newPageCache(size, f.pageSize)
}

// Info returns what the container says about itself.
func (f *File) Info() Info {
	// Counting the pages of RAM reads a bitmap that may not be needed otherwise.
	f.countOnce.Do(func() {
		f.info.Pages, f.info.PagesPresent = f.mem.count()
		if k, ok := f.mem.(*kdump); ok {
			if k.ramErr != nil {
				k.warn("the bitmap of RAM cannot be read to its end: %v", k.ramErr)
			}
			if k.ram.merged {
				k.warn("RAM is in more than %d pieces: small holes between them are not told from it", maxRanges)
			}
			f.info.Warnings = k.warnings
		}
	})
	info := f.info
	info.Warnings = slices.Clone(info.Warnings)
	info.Compression = slices.Clone(info.Compression)
	return info
}

// VMCoreInfo returns the text that the kernel wrote about itself, nil where the
// dump has no note of it. It is shared: do not write to it.
func (f *File) VMCoreInfo() []byte { return f.text }

// Notes returns all notes that nothing else here is made of.
func (f *File) Notes() []Note { return f.notes }

// CPUs returns the processors, in the order of their notes.
func (f *File) CPUs() []CPU { return f.cpus }

// Ranges returns the physical RAM that the dump speaks of, whether its content
// was kept or not, ascending and merged.
func (f *File) Ranges() []Range { return f.mem.ranges() }

// Present says whether a page's content is in the dump.
func (f *File) Present(pfn uint64) bool { return f.mem.present(pfn) }

// Mappings returns the kernel's virtual ranges that the container has, by
// address. They may overlap.
func (f *File) Mappings() []Mapping {
	if f.plain == nil {
		return nil
	}
	return f.plain.maps
}

// Page returns a page of physical memory. It is shared with others and with the
// cache: do not write to it. Of a page that the dump holds in part the rest is
// zero.
func (f *File) Page(pfn uint64) ([]byte, error) {
	p, gap := f.load(pfn)
	if gap != nil {
		return nil, gap
	}
	return p.data, nil
}

func (f *File) load(pfn uint64) (*cachedPage, *Gap) {
	if p := f.cache.get(pfn); p != nil {
		return p, nil
	}
	if pfn > math.MaxUint64>>f.shift {
		return nil, &Gap{Addr: math.MaxUint64, Why: WhyAbsent}
	}
	p := &cachedPage{pfn: pfn, data: make([]byte, f.pageSize)}
	var gap *Gap
	if p.partial, gap = f.mem.page(pfn, p.data); gap != nil {
		return nil, gap
	}
	if !f.live {
		f.cache.put(p)
	}
	return p, nil
}

// directPages is how many pages a read must span to go past the cache where
// memory lies in the file as it is.
const directPages = 4

// ReadPhys reads physical memory: all of p or an error, which is a [*Gap].
func (f *File) ReadPhys(p []byte, addr uint64) error {
	if len(p) == 0 {
		return nil
	}
	if addr > math.MaxUint64-uint64(len(p)) {
		return &Gap{Addr: addr, Why: WhyAbsent, Err: fmt.Errorf("%d bytes reach beyond the last address", len(p))}
	}
	if f.plain != nil && (f.live || len(p) >= directPages*f.pageSize) {
		if gap := f.plain.read(p, addr); gap != nil {
			return gap
		}
		return nil
	}
	for len(p) > 0 {
		in := int(addr & uint64(f.pageSize-1))
		n := min(len(p), f.pageSize-in)
		page, gap := f.load(addr >> f.shift)
		switch {
		case gap != nil:
			// What was asked for begins in the midst of the page.
			gap.Addr = max(gap.Addr, addr)
			return gap
		case page.partial:
			if gap := f.plain.read(p[:n], addr); gap != nil {
				return gap
			}
		default:
			copy(p[:n], page.data[in:])
		}
		p = p[n:]
		addr += uint64(n)
	}
	return nil
}

// ReadVirt reads kernel memory by one of the [File.Mappings], without page
// tables: all of p or an error, which is a [*Gap].
func (f *File) ReadVirt(p []byte, addr uint64) error {
	if len(p) == 0 {
		return nil
	}
	if f.plain == nil || addr > math.MaxUint64-uint64(len(p)) {
		return &Gap{Addr: addr, Why: WhyAbsent}
	}
	if gap := f.plain.readVirt(p, addr); gap != nil {
		return gap
	}
	return nil
}
