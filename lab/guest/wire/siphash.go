package wire

import (
	"encoding/binary"
	"math/bits"
)

// SipHash-2-4 (Aumasson and Bernstein, 2012), a keyed hash of 64 bits made for short
// messages. The init is as small as it can be, and a larger hash brings much along.
type sipHash struct{ k0, k1 uint64 }

// newSipHash takes the first sixteen bytes of a key; what is missing is zero.
func newSipHash(key []byte) sipHash {
	var k [16]byte
	copy(k[:], key)
	return sipHash{binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])}
}

// sum hashes two pieces as if they were one.
func (h sipHash) sum(a, b []byte) uint64 {
	v0, v1, v2, v3 := h.k0^0x736f6d6570736575, h.k1^0x646f72616e646f6d, h.k0^0x6c7967656e657261, h.k1^0x7465646279746573
	round := func() {
		v0 += v1
		v2 += v3
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v1
		v0 += v3
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 = bits.RotateLeft64(v2, 32)
	}
	var (
		word  uint64
		count uint64
	)
	for _, piece := range [][]byte{a, b} {
		for _, c := range piece {
			word |= uint64(c) << (8 * (count % 8))
			if count++; count%8 == 0 {
				v3 ^= word
				round()
				round()
				v0 ^= word
				word = 0
			}
		}
	}
	word |= count << 56
	v3 ^= word
	round()
	round()
	v0 ^= word
	v2 ^= 0xff
	for range 4 {
		round()
	}
	return v0 ^ v1 ^ v2 ^ v3
}
