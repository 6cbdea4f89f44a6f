package probe

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// A Table is what was aggregated in the kernel of one [Measure].
type Table struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	By    []string `json:"by,omitempty"`
	// Timed says that the measure has durations; otherwise only counts.
	Timed bool `json:"timed"`
	// Kept says that the measure is of what began and did not end, with its
	// Bytes; Made counts all that began.
	Kept  bool          `json:"kept,omitempty"`
	Bytes uint64        `json:"bytes,omitempty"`
	Made  uint64        `json:"made,omitempty"`
	Count uint64        `json:"count"`
	Total time.Duration `json:"total_ns,omitempty"`
	Max   time.Duration `json:"max_ns,omitempty"`
	// Lost counts intervals that did not fit into the kernel's tables.
	Lost      uint64    `json:"lost,omitempty"`
	Histogram Histogram `json:"histogram,omitzero"`
	Rows      []Row     `json:"rows,omitempty"`
}

// A Row is one line of the breakdown, the heaviest first.
type Row struct {
	Label []string      `json:"label"`
	Count uint64        `json:"count"`
	Total time.Duration `json:"total_ns,omitempty"`
	Max   time.Duration `json:"max_ns,omitempty"`
	Bytes uint64        `json:"bytes,omitempty"`
	// Stack is the kernel's, the innermost function first.
	Stack []string `json:"stack,omitempty"`
}

// A Histogram counts durations in buckets of equal relative width: each power
// of two is cut into [SubBuckets]. What is read out of it is wrong by at most
// half a bucket, 1.6 %.
type Histogram struct {
	Counts []uint64 `json:"counts,omitempty"`
}

// SubBuckets is how many buckets a power of two has, Buckets how many there are.
const (
	SubBuckets = 1 << subBits
	Buckets    = (64 - subBits + 1) * SubBuckets

	subBits = 5
)

// Bucket returns the bucket of v. The programs in the kernel compute the same.
func Bucket(v uint64) int {
	if v < SubBuckets {
		return int(v)
	}
	msb := bits.Len64(v) - 1
	return (msb-subBits+1)*SubBuckets + int(v>>(msb-subBits))&(SubBuckets-1)
}

// BucketRange returns the smallest value of a bucket and of the next one.
func BucketRange(i int) (low, high uint64) {
	if i < SubBuckets {
		return uint64(i), uint64(i) + 1
	}
	shift := i/SubBuckets - 1
	low = uint64(SubBuckets+i%SubBuckets) << shift
	return low, low + 1<<shift
}

// Quantile returns the duration that a share q of all does not exceed: the
// middle of its bucket.
func (h Histogram) Quantile(q float64) time.Duration {
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	if n == 0 {
		return 0
	}
	rank, seen := uint64(q*float64(n)), uint64(0)
	if rank >= n {
		rank = n - 1
	}
	for i, c := range h.Counts {
		if seen += c; seen > rank {
			low, high := BucketRange(i)
			return time.Duration(low + (high-low)/2)
		}
	}
	return 0
}

// Add counts a duration.
func (h *Histogram) Add(v uint64) {
	if h.Counts == nil {
		h.Counts = make([]uint64, Buckets)
	}
	h.Counts[Bucket(v)]++
}

// Since returns what has come to a table since it was as before. The longest is
// then known as exactly as a histogram's buckets; of rows it is not known.
func (t Table) Since(before Table) Table {
	d := t
	d.Count, d.Total, d.Lost = t.Count-before.Count, t.Total-before.Total, t.Lost-before.Lost
	d.Max, d.Rows = 0, nil
	d.Histogram.Counts = slices.Clone(t.Histogram.Counts)
	for i := range d.Histogram.Counts {
		if i < len(before.Histogram.Counts) {
			d.Histogram.Counts[i] -= before.Histogram.Counts[i]
		}
		if d.Histogram.Counts[i] > 0 {
			_, high := BucketRange(i)
			d.Max = min(t.Max, time.Duration(high))
		}
	}
	old := make(map[string]Row, len(before.Rows))
	for _, r := range before.Rows {
		old[strings.Join(r.Label, "\x00")] = r
	}
	for _, r := range t.Rows {
		o := old[strings.Join(r.Label, "\x00")]
		if r.Count <= o.Count {
			continue
		}
		d.Rows = append(d.Rows, Row{Label: r.Label, Count: r.Count - o.Count, Total: r.Total - o.Total})
	}
	slices.SortFunc(d.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), slices.Compare(a.Label, b.Label))
	})
	return d
}
