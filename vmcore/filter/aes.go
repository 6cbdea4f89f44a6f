package filter

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// schedule is an expanded AES key in memory, which is known by its looks: each
// of its words follows from those before.
type schedule struct {
	key []byte
	// size reaches to the end of the kernel's struct crypto_aes_ctx, which has the
	// schedule for decryption right behind.
	size int
}

const aesContext = 2*60*4 + 4

// sbox is AES's substitution, computed from its definition.
var sbox = sync.OnceValue(func() *[256]byte {
	var s [256]byte
	p, q := byte(1), byte(1)
	for {
		p ^= p<<1 ^ p>>7*0x1b // times 3
		q ^= q << 1           // divided by 3
		q ^= q << 2
		q ^= q << 4
		q ^= q >> 7 * 0x09
		s[p] = q ^ bits.RotateLeft8(q, 1) ^ bits.RotateLeft8(q, 2) ^ bits.RotateLeft8(q, 3) ^ bits.RotateLeft8(q, 4) ^ 0x63
		if p == 1 {
			break
		}
	}
	s[0] = 0x63
	return &s
})

// schedulesIn goes through the schedules in memory, which begin at multiples of
// eight.
func schedulesIn(mem []byte) iter.Seq2[int, schedule] {
	return func(yield func(int, schedule) bool) {
		s := sbox()
		for at := 0; at+176 <= len(mem); {
			n := scheduleAt(s, mem[at:])
			if n == 0 {
				at += 8
				continue
			}
			size := min(aesContext, len(mem)-at)
			if !yield(at, schedule{key: slices.Clone(mem[at : at+n]), size: size}) {
				return
			}
			at += 8 // two contexts may lie closer than the larger of the kernel's
		}
	}
}

// scheduleAt returns the length of the key whose schedule begins here, or 0.
func scheduleAt(s *[256]byte, p []byte) int {
	for _, nk := range []int{4, 8, 6} {
		if expands(s, p, nk) {
			return nk * 4
		}
	}
	return 0
}

// expands checks the rule word by word. The first ones fail nearly always.
func expands(s *[256]byte, p []byte, nk int) bool {
	words := 4 * (nk + 7)
	if len(p) < 4*words {
		return false
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(p[4*i:]) }
	sub := func(w uint32) uint32 {
		return uint32(s[byte(w)]) | uint32(s[byte(w>>8)])<<8 | uint32(s[byte(w>>16)])<<16 | uint32(s[byte(w>>24)])<<24
	}
	rcon := uint32(1)
	for i := nk; i < words; i++ {
		t := word(i - 1)
		switch {
		case i%nk == 0:
			t = sub(bits.RotateLeft32(t, -8)) ^ rcon
			rcon = rcon<<1 ^ rcon>>7*0x11b
		case nk > 6 && i%nk == 4:
			t = sub(t)
		}
		if word(i) != word(i-nk)^t {
			return false
		}
	}
	return true
}

// keySet finds copies of keys.
type keySet struct {
	list   [][]byte
	first  map[uint64][][]byte // by their first eight bytes
	copies atomic.Uint64
	bytes  atomic.Uint64
}

// maxCiphers bounds how many keys are looked for.
const maxCiphers = 100_000

func (k *keySet) add(key []byte) {
	if len(k.list) < maxCiphers && !slices.ContainsFunc(k.list, func(b []byte) bool { return bytes.Equal(b, key) }) {
		k.list = append(k.list, key)
	}
}

func (k *keySet) freeze() {
	k.first = map[uint64][][]byte{}
	for _, key := range k.list {
		word := binary.LittleEndian.Uint64(key)
		k.first[word] = append(k.first[word], key)
	}
}

// overwrite paints over copies in a page. They are looked for at multiples of
// four, as structures have them.
func (k *keySet) overwrite(page []byte) {
	if len(k.first) == 0 {
		return
	}
	for at := 0; at+16 <= len(page); at += 4 {
		for _, key := range k.first[binary.LittleEndian.Uint64(page[at:])] {
			if bytes.HasPrefix(page[at:], key) {
				paint(page, uint32(at), uint32(at+len(key)))
				k.copies.Add(1)
				k.bytes.Add(uint64(len(key)))
			}
		}
	}
}
