package dump

import "math"

// This file is for those who make another dump of this one.

// AllNotes returns the notes as they are in the dump, with those that
// [File.CPUs] and [File.VMCoreInfo] are made of.
func (f *File) AllNotes() []Note { return f.all }

// Uname returns what a KDUMP header says of the machine: sysname, nodename,
// release, version, machine, domainname. Other containers do not have it.
func (f *File) Uname() [6]string {
	if k, ok := f.mem.(*kdump); ok {
		return k.head.uts
	}
	return [6]string{}
}

// ReadPages reads whole pages from pfn on into buf and returns how many bytes at
// its beginning are good. It goes past the cache: memory that is read once, from
// one end to the other, would only drive out what others come back for.
func (f *File) ReadPages(buf []byte, pfn uint64) (int, error) {
	if pfn > (math.MaxUint64-uint64(len(buf)))>>f.shift {
		return 0, &Gap{Addr: math.MaxUint64, Why: WhyAbsent}
	}
	if f.plain != nil {
		if gap := f.plain.read(buf, pfn<<f.shift); gap == nil {
			return len(buf), nil
		}
	}
	for n := 0; n+f.pageSize <= len(buf); n += f.pageSize {
		page := buf[n : n+f.pageSize]
		clear(page)
		if _, gap := f.mem.page(pfn, page); gap != nil {
			return n, gap
		}
		pfn++
	}
	return len(buf), nil
}
