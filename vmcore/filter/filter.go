package filter

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// How many reads are made to tell pages and objects apart: some for each page,
// and an end to what lies lead to.
const (
	readsAtLeast = 20_000_000
	readsPerPage = 200
)

// job is one dump on its way to another.
type job struct {
	ctx    context.Context
	k      *kernel.Kernel
	f      *dump.File
	o      Options
	size   int
	blocks bool // the dump has larger pages than the kernel
	frames uint64
	ram    bitmap
	keep   bitmap
	left   map[Kind]uint64
	report Report
	// change alters a page before it is written, where it is to be altered.
	change func(pfn uint64, page []byte)
}

func newJob(ctx context.Context, k *kernel.Kernel, o Options) (*job, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Compression == "" {
		o.Compression = Zlib
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	info := k.Dump.Info()
	if info.Format == dump.FormatKcore {
		return nil, fmt.Errorf("a running kernel's memory changes while it is read: dump it with kdump, or its machine from outside")
	}
	j := &job{ctx: ctx, k: k, f: k.Dump, o: o, size: info.PageSize, left: map[Kind]uint64{}}
	// QEMU writes arm64 in blocks of 64 KiB, whatever the kernel's pages have.
	if size := 1 << k.PageShift(); size < j.size {
		j.size, j.blocks = size, true
	}
	blocks := uint64(info.PageSize / j.size)
	var err error
	if j.frames, j.ram, err = framesOf(j.f, j.size); err != nil {
		return nil, err
	}
	j.keep = newBitmap(j.frames)
	for pfn, n := range j.ram.runs(j.frames + 1) {
		for at := pfn; at < pfn+n; at++ {
			if j.f.Present(at / blocks) {
				j.keep.set(at)
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	j.report = Report{Schema: SchemaID, PageSize: j.size, Level: o.Level | Level(info.DumpLevel)&All, Compression: o.Compression,
		Pages: j.ram.count(), BytesIn: info.Bytes}
	j.report.Missing = j.report.Pages - j.keep.count()
	return j, nil
}

// pageArray opens the array of struct page.
func (j *job) pageArray() (*object.PageArray, *kernel.Walk, error) {
	if 1<<j.k.PageShift() != j.size {
		return nil, nil, fmt.Errorf("the dump has pages of %d bytes, and its kernel of %d: they cannot be told apart", j.size, 1<<j.k.PageShift())
	}
	w := j.k.Walk(j.ctx).Budget(int(readsAtLeast + readsPerPage*j.ram.count()))
	pages, err := object.NewPageArray(w)
	return pages, w, err
}

// drop leaves pages out.
func (j *job) drop(kind Kind, start, end uint64) {
	j.left[kind] += j.keep.clearRange(start, end)
}

// Filter writes k's dump to out without the pages of some kinds. It writes from
// one goroutine, each byte at most once, those at the beginning last.
func Filter(ctx context.Context, k *kernel.Kernel, out io.WriterAt, o Options) (*Report, error) {
	j, err := newJob(ctx, k, o)
	if err != nil {
		return nil, err
	}
	if o.Level.needsPages() {
		if err := j.leave(); err != nil {
			return nil, fmt.Errorf("pages cannot be left out by what they are (with level 1, only those of zeros are): %w", err)
		}
	}
	return j.write(out)
}

// leave asks every page what it is.
func (j *job) leave() error {
	pages, w, err := j.pageArray()
	if err != nil {
		return err
	}
	var foreign []object.PageRun
	for pfn, n := range j.ram.runs(j.frames + 1) {
		for r := range pages.Runs(pfn, pfn+n) {
			if r.State == object.PageUnknown {
				j.report.Undescribed += r.N
			}
			if kind, leave := j.o.Level.leaves(r); leave {
				j.drop(kind, r.PFN, r.PFN+r.N)
			}
			if r.State == object.PageForeign {
				foreign = append(foreign, r)
			}
		}
		if err := w.Err(); err != nil {
			return err
		}
	}
	for _, r := range foreign { // after: the pages are gone through above
		j.ram.clearRange(r.PFN, r.PFN+r.N)
	}
	j.shrink()
	return nil
}

// shrink ends memory with its last page: firmware lies far behind it, and would
// make bitmaps of nothing.
func (j *job) shrink() {
	frames := uint64(0)
	for pfn, n := range j.ram.runs(j.frames + 1) {
		frames = pfn + n
	}
	j.frames = frames
	n := len(newBitmap(frames))
	j.ram, j.keep = j.ram[:n], j.keep[:n]
}
