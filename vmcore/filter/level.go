package filter

import (
	"fmt"

	"ringside/vmcore/object"
)

// Level says which pages are left out, in the bits of makedumpfile's -d.
type Level int

// The levels.
const (
	Zero         Level = 1  // pages of zeros: they are in the dump, and share one place in it
	Cache        Level = 2  // pages of files, without buffers of their file system
	PrivateCache Level = 4  // those with such buffers too
	User         Level = 8  // memory of processes, huge pages
	Free         Level = 16 // free pages
	All                = Zero | Cache | PrivateCache | User | Free
)

// Kind is what a page was left out for.
type Kind string

// The kinds, in the order in which they are told.
const (
	KindZero     Kind = "zero"
	KindCache    Kind = "cache"
	KindPrivate  Kind = "private-cache"
	KindUser     Kind = "user"
	KindFree     Kind = "free"
	KindOffline  Kind = "offline"
	KindPoisoned Kind = "broken-memory"
	KindForeign  Kind = "not-the-kernels" // firmware, which is no memory to the kernel
	// Those that only [Redact] leaves out.
	KindOwnerless Kind = "unexplained" // allocated, and nothing says by whom
	KindShared    Kind = "device-and-user-buffers"
	KindCrash     Kind = "crash-kernel"
)

var kinds = []Kind{KindZero, KindCache, KindPrivate, KindUser, KindFree, KindOffline, KindPoisoned, KindForeign, KindOwnerless, KindShared, KindCrash}

// leaves says whether a run of pages is left out, and as what.
func (l Level) leaves(r object.PageRun) (Kind, bool) {
	switch r.State {
	case object.PagePoisoned: // reading it may stop the machine that reads
		return KindPoisoned, true
	case object.PageOffline:
		return KindOffline, true
	case object.PageForeign:
		return KindForeign, l.needsPages()
	case object.PageFree, object.PageUnused:
		return KindFree, l&Free != 0
	case object.PageAnon, object.PageHuge:
		return KindUser, l&User != 0
	case object.PageCache:
		if r.Private {
			return KindPrivate, l&PrivateCache != 0
		}
		return KindCache, l&(Cache|PrivateCache) != 0
	}
	return "", false
}

// needsPages says whether more is to be known of pages than their content.
func (l Level) needsPages() bool { return l&^Zero != 0 }

// Compression is how pages are compressed.
type Compression string

// The compressions of the format.
const (
	None   Compression = "none"
	Zlib   Compression = "zlib"
	LZO    Compression = "lzo"
	Snappy Compression = "snappy"
	Zstd   Compression = "zstd"
)

// Options say what is written.
type Options struct {
	Level       Level
	Compression Compression // empty: zlib, which every reader knows
	// Workers is how many cores compress; 0 stands for all.
	Workers int
	// Progress is told now and then how many pages of all have been dealt with,
	// from one goroutine.
	Progress func(done, all uint64)
}

func (o Options) check() error {
	if o.Level < 0 || o.Level > All {
		return fmt.Errorf("there is no dump level %d: add up 1 (zero pages), 2 (cache), 4 (cache with buffers), 8 (user) and 16 (free)", o.Level)
	}
	_, err := flagOf(o.Compression)
	return err
}
