package profile

// An index finds numbers by keys: the stack of a caller and a frame, which is
// asked for with every frame of every sample. Keys lie side by side, so that one
// look at memory is enough.
type index struct {
	slots []indexSlot // a power of two, at most half of them used
	used  int
}

// An indexSlot is free while its id is 0, which is the empty stack's.
type indexSlot struct {
	key uint64
	id  StackID
}

// slot returns the one of a key: the key's, or a free one that is to be filled.
func (x *index) slot(key uint64) *indexSlot {
	if 2*x.used >= len(x.slots) {
		x.grow()
	}
	mask := uint64(len(x.slots) - 1)
	for at := key * 0x9e3779b97f4a7c15 >> 20; ; at++ {
		s := &x.slots[at&mask]
		if s.id == 0 || s.key == key {
			return s
		}
	}
}

func (x *index) fill(s *indexSlot, key uint64, id StackID) {
	s.key, s.id = key, id
	x.used++
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]indexSlot, max(1<<10, 2*len(old)))
	mask := uint64(len(x.slots) - 1)
	for _, s := range old {
		if s.id == 0 {
			continue
		}
		at := s.key * 0x9e3779b97f4a7c15 >> 20
		for x.slots[at&mask].id != 0 {
			at++
		}
		x.slots[at&mask] = s
	}
}
