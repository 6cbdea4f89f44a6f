package gitrepo

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
)

// Indexes up to this size are held in memory; of larger ones only what is looked at.
const maxIndexInMemory = 64 << 20

const (
	idxHeader = 8
	idxFanout = 256 * 4
)

// pack is a pack with its index, version 2.
type pack struct {
	data   readerAt
	size   int64
	idx    io.ReaderAt
	whole  []byte    // the index, if it is held in memory
	closer io.Closer // of idx
	fanout [256]uint32
	count  int
}

// openPack opens name.pack and name.idx.
func openPack(objects fs.FS, name string) (*pack, error) {
	idx, size, err := openAt(objects, name+".idx")
	if err != nil {
		return nil, err
	}
	p := &pack{idx: idx, closer: idx}
	if err := p.readIndex(size); err != nil {
		_ = idx.Close()
		return nil, err
	}
	if size <= maxIndexInMemory {
		p.whole = make([]byte, size)
		if _, err := idx.ReadAt(p.whole, 0); err != nil && !errors.Is(err, io.EOF) {
			_ = idx.Close()
			return nil, err
		}
		p.idx = bytes.NewReader(p.whole)
	}
	p.data, p.size, err = openAt(objects, name+".pack")
	if err != nil {
		_ = idx.Close()
		return nil, err
	}
	var head [12]byte
	if _, err := p.data.ReadAt(head[:], 0); err != nil || string(head[:4]) != "PACK" {
		_ = p.close()
		return nil, fmt.Errorf("no pack: %w", ErrCorrupt)
	}
	return p, nil
}

func (p *pack) close() error {
	err := p.closer.Close()
	if p.data == nil {
		return err
	}
	return errors.Join(err, p.data.Close())
}

// readIndex reads what stands before the names.
func (p *pack) readIndex(size int64) error {
	var head [idxHeader + idxFanout]byte
	if _, err := p.idx.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("the index is cut off: %w", ErrCorrupt)
	}
	if string(head[:4]) != "\xfftOc" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return errors.New("the index is not of version 2; run git index-pack on the pack")
	}
	last := uint32(0)
	for i := range p.fanout {
		p.fanout[i] = binary.BigEndian.Uint32(head[idxHeader+4*i:])
		if p.fanout[i] < last {
			return fmt.Errorf("the index's table is not in order: %w", ErrCorrupt)
		}
		last = p.fanout[i]
	}
	p.count = int(last)
	if need := int64(idxHeader+idxFanout) + int64(last)*28 + 40; size < need {
		return fmt.Errorf("the index is cut off: %d bytes, %d are needed: %w", size, need, ErrCorrupt)
	}
	return nil
}

// bucket gives the range of entries whose names start with a byte.
func (p *pack) bucket(first byte) (lo, hi int) {
	if first > 0 {
		lo = int(p.fanout[first-1])
	}
	return lo, int(p.fanout[first])
}

// name reads the name of entry i.
func (p *pack) name(i int) (id ID, err error) {
	if p.whole != nil {
		return ID(p.whole[idxHeader+idxFanout+i*20:]), nil
	}
	return p.readName(i)
}

func (p *pack) readName(i int) (id ID, err error) {
	_, err = p.idx.ReadAt(id[:], idxHeader+idxFanout+int64(i)*20)
	return id, err
}

// find looks an object up. Names are hashes, spread evenly, so that the place where one
// would be can be guessed: a few reads do, however large the index is.
func (p *pack) find(id ID) (offset int64, ok bool, err error) {
	lo, hi := p.bucket(id[0])
	from := uint64(id[0]) << 56
	to := from + (1<<56 - 1) // from is the value at lo, to that at hi
	want := binary.BigEndian.Uint64(id[:8])
	for step := 0; lo < hi; step++ {
		mid := lo + (hi-lo)/2
		if step < 6 && to > from {
			mid = lo + int(float64(hi-lo)*(float64(want-from)/float64(to-from)))
			mid = min(max(mid, lo), hi-1)
		}
		at, err := p.name(mid)
		if err != nil {
			return 0, false, err
		}
		switch c := bytes.Compare(at[:], id[:]); {
		case c == 0:
			offset, err := p.offset(mid)
			return offset, err == nil, err
		case c < 0:
			lo, from = mid+1, binary.BigEndian.Uint64(at[:8])
		default:
			hi, to = mid, binary.BigEndian.Uint64(at[:8])
		}
		if want < from || want > to {
			return 0, false, nil
		}
	}
	return 0, false, nil
}

// offset reads where entry i is in the pack.
func (p *pack) offset(i int) (int64, error) {
	base := idxHeader + idxFanout + int64(p.count)*24 // names and checksums
	if p.whole != nil {
		if short := binary.BigEndian.Uint32(p.whole[base+int64(i)*4:]); short>>31 == 0 {
			return int64(short), nil
		}
	}
	var b [8]byte
	if _, err := p.idx.ReadAt(b[:4], base+int64(i)*4); err != nil {
		return 0, err
	}
	short := binary.BigEndian.Uint32(b[:4])
	if short>>31 == 0 {
		return int64(short), nil
	}
	at := base + int64(p.count)*4 + int64(short&^(1<<31))*8
	if _, err := p.idx.ReadAt(b[:], at); err != nil {
		return 0, fmt.Errorf("the index has no offset for an object: %w", ErrCorrupt)
	}
	return int64(binary.BigEndian.Uint64(b[:]) &^ (1 << 63)), nil
}

// abbrev gives the objects whose names start with these digits, two at most.
func (p *pack) abbrev(prefix string) ([]ID, error) {
	first, err := hex.DecodeString(prefix[:2])
	if err != nil {
		return nil, err
	}
	lo, hi := p.bucket(first[0])
	var fail error
	i := lo + sort.Search(hi-lo, func(k int) bool {
		id, err := p.name(lo + k)
		if err != nil {
			fail = err
			return true
		}
		return id.String() >= prefix
	})
	var out []ID
	for ; i < hi && len(out) < 2; i++ {
		id, err := p.name(i)
		if err != nil {
			return out, err
		}
		if id.String()[:len(prefix)] != prefix {
			break
		}
		out = append(out, id)
	}
	return out, fail
}
