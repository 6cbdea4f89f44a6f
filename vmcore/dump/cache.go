package dump

import (
	"math/bits"
	"sync/atomic"
)

// ways is how many pages compete for the same places of the cache.
const ways = 8

// pageCache keeps pages in sets of eight places, in each of which a hand goes
// around like a clock's: a page that was used since the hand last passed stays.
// There is no lock: a place is one pointer, and when two read the same page at
// once, both decompress it and one result stays.
type pageCache struct {
	sets  []pageSet
	shift uint
}

type pageSet struct {
	places [ways]atomic.Pointer[cachedPage]
	hand   atomic.Uint32
}

type cachedPage struct {
	pfn  uint64
	data []byte
	// partial: only some of the page's bytes are in the dump, the others are
	// zero here.
	partial bool
	used    atomic.Bool
}

func newPageCache(size int64, pageSize int) *pageCache {
	n := max(1, size/int64(pageSize)/ways)
	log := bits.Len64(uint64(n)) - 1
	return &pageCache{sets: make([]pageSet, 1<<log), shift: uint(64 - log)}
}

// set spreads pages over the sets, neighbours to different ones.
func (c *pageCache) set(pfn uint64) *pageSet {
	return &c.sets[pfn*0x9e3779b97f4a7c15>>c.shift]
}

func (c *pageCache) get(pfn uint64) *cachedPage {
	s := c.set(pfn)
	for i := range s.places {
		if p := s.places[i].Load(); p != nil && p.pfn == pfn {
			// Written only where it changes, or two cores would fight for it.
			if !p.used.Load() {
				p.used.Store(true)
			}
			return p
		}
	}
	return nil
}

func (c *pageCache) put(p *cachedPage) {
	s := c.set(p.pfn)
	for range 2 * ways {
		place := &s.places[s.hand.Add(1)%ways]
		old := place.Load()
		if old == nil || !old.used.Swap(false) {
			place.Store(p)
			return
		}
	}
	s.places[s.hand.Add(1)%ways].Store(p)
}
