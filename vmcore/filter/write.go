package filter

import (
	"encoding/binary"
	"io"
	"slices"
	"sync"
)

const (
	// batchPages is what a worker takes at once.
	batchPages = 64
	// flushDescs is how many descriptors are collected before they are written.
	flushDescs = 8192
)

// batch is a row of pages, on its way from a worker to the writer.
type batch struct {
	pfn   uint64
	n     int
	in    []byte
	out   []byte
	descs []desc
	err   error
	done  chan struct{}
}

// desc is one page of a batch.
type desc struct {
	size, flag uint32
	zero, lost bool
}

// each runs over the kept pages in parallel and hands the batches to take in
// their order. No more than a few batches are in memory. work may use what is of
// its worker.
func each[T any](j *job, worker func() (T, error), work func(T, *batch), take func(*batch) error) error {
	queue := make(chan *batch, 4*j.o.Workers)
	todo := make(chan *batch)
	free := sync.Pool{New: func() any { return &batch{in: make([]byte, batchPages*j.size), done: make(chan struct{}, 1)} }}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range j.o.Workers {
		own, err := worker()
		if err != nil {
			close(stop)
			close(todo)
			group.Wait()
			return err
		}
		group.Go(func() {
			for b := range todo {
				work(own, b)
				b.done <- struct{}{}
			}
		})
	}
	group.Go(func() {
		defer close(queue)
		defer close(todo)
		for pfn, n := range j.keep.runs(batchPages) {
			b := free.Get().(*batch)
			b.pfn, b.n, b.err, b.out, b.descs = pfn, int(n), nil, b.out[:0], b.descs[:0]
			select {
			case queue <- b:
			case <-stop:
				return
			}
			select {
			case todo <- b:
			case <-stop:
				b.done <- struct{}{} // the taker may wait for it
				return
			}
		}
	})
	var failed error
	for b := range queue {
		<-b.done
		if failed == nil {
			if failed = b.err; failed == nil {
				failed = j.ctx.Err()
			}
			if failed == nil {
				failed = take(b)
			}
			if failed != nil {
				close(stop)
			}
		}
		free.Put(b)
	}
	group.Wait()
	return failed
}

// read fills a batch; of pages that cannot be read, lost is told.
func (j *job) read(b *batch) (lost [batchPages]bool) {
	in := b.in[:b.n*j.size]
	for at := 0; at < b.n; {
		got, err := j.pages(in[at*j.size:], b.pfn+uint64(at))
		at += got / j.size
		if err != nil && at < b.n {
			clear(in[at*j.size : (at+1)*j.size])
			lost[at] = true
			at++
		}
	}
	return lost
}

// pages reads pages from pfn on, and returns how many bytes are good.
func (j *job) pages(buf []byte, pfn uint64) (int, error) {
	if !j.blocks {
		return j.f.ReadPages(buf, pfn)
	}
	for n := 0; n < len(buf); n += j.size {
		if err := j.f.ReadPhys(buf[n:n+j.size], pfn*uint64(j.size)+uint64(n)); err != nil {
			return n, err
		}
	}
	return len(buf), nil
}

// isZero compares words, which memory is full of.
func isZero(p []byte) bool {
	for ; len(p) >= 32; p = p[32:] {
		if binary.NativeEndian.Uint64(p)|binary.NativeEndian.Uint64(p[8:])|binary.NativeEndian.Uint64(p[16:])|binary.NativeEndian.Uint64(p[24:]) != 0 {
			return false
		}
	}
	return !slices.ContainsFunc(p, func(c byte) bool { return c != 0 })
}

// write writes what is kept: pages with their descriptors, then the bitmaps, and
// the header last, so that a file that was left half way is no dump.
func (j *job) write(out io.WriterAt) (*Report, error) {
	l := layOut(j.f, j.k, j.size, j.frames)
	kept := j.keep.count()
	w := pageWriter{job: j, out: out, descAt: l.table, dataAt: l.table + int64(kept)*descSize, order: binary.LittleEndian, all: kept}
	if j.k.BigEndian() {
		w.order = binary.BigEndian
	}
	err := each(j, func() (*compressor, error) { return newCompressor(j.o.Compression, j.size) }, j.compress, w.take)
	if err == nil {
		err = w.flush(true)
	}
	if err != nil {
		return nil, err
	}
	bitmapAt := (1 + l.sub) * l.block
	for _, b := range []bitmap{j.ram, j.keep} {
		padded := append(b[:len(b):len(b)], make([]byte, max(0, l.bitmap*l.block-int64(len(b))))...)
		if _, err := out.WriteAt(padded, bitmapAt); err != nil {
			return nil, err
		}
		bitmapAt += l.bitmap * l.block
	}
	status, _ := flagOf(j.o.Compression)
	if j.f.Info().Incomplete || w.lost > 0 {
		status |= flagIncomplete
	}
	if _, err := out.WriteAt(l.head(j.ctx, j.f, j.k, j.report.Level, status), 0); err != nil {
		return nil, err
	}
	j.report.Written, j.report.Unreadable, j.report.BytesOut = kept-w.lost-w.zeros, w.lost, w.dataAt
	j.left[KindZero] = w.zeros
	j.report.LeftOut = leftOut(j.left)
	return &j.report, nil
}

// compress is a worker's part.
func (j *job) compress(z *compressor, b *batch) {
	lost := j.read(b)
	for i := range b.n {
		if lost[i] {
			b.descs = append(b.descs, desc{lost: true})
			continue
		}
		page := b.in[i*j.size : (i+1)*j.size]
		if j.change != nil {
			j.change(b.pfn+uint64(i), page)
		}
		data, flag, err := z.page(page)
		if err != nil {
			b.err = err
			return
		}
		b.descs = append(b.descs, desc{size: uint32(len(data)), flag: flag, zero: (flag == 0 || len(data) < j.size/8) && isZero(page)})
		b.out = append(b.out, data...)
	}
}

// pageWriter puts compressed pages one behind the other.
type pageWriter struct {
	*job
	out    io.WriterAt
	order  binary.ByteOrder
	descAt int64
	dataAt int64
	descs  []byte
	data   []byte
	zero   int64 // where the page of zeros is that all of them share
	zeros  uint64
	lost   uint64
	done   uint64
	all    uint64
}

func (w *pageWriter) take(b *batch) error {
	out := b.out
	for _, d := range b.descs {
		off := w.dataAt
		switch {
		case d.lost:
			off = 0
			w.lost++
		case d.zero && w.zero != 0:
			off = w.zero
			w.zeros++
		default:
			if d.zero {
				w.zero = off
			}
			w.data = append(w.data, out[:d.size]...)
			w.dataAt += int64(d.size)
		}
		out = out[d.size:]
		var raw [descSize]byte
		w.order.PutUint64(raw[:], uint64(off))
		w.order.PutUint32(raw[8:], d.size)
		w.order.PutUint32(raw[12:], d.flag)
		w.descs = append(w.descs, raw[:]...)
	}
	w.done += uint64(len(b.descs))
	if w.o.Progress != nil {
		w.o.Progress(w.done, w.all)
	}
	return w.flush(false)
}

// flush writes what was collected, when it is enough.
func (w *pageWriter) flush(all bool) error {
	if len(w.data) >= 1<<20 || all {
		if _, err := w.out.WriteAt(w.data, w.dataAt-int64(len(w.data))); err != nil {
			return err
		}
		w.data = w.data[:0]
	}
	if len(w.descs) >= flushDescs*descSize || all {
		if _, err := w.out.WriteAt(w.descs, w.descAt); err != nil {
			return err
		}
		w.descAt += int64(len(w.descs))
		w.descs = w.descs[:0]
	}
	return nil
}
