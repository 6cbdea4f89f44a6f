package diff

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Blob is one half of a "GIT binary patch": a whole content, or a delta against the one
// before.
type Blob struct {
	Delta bool
	Data  []byte
}

// binary reads "literal 12" and "delta 34" with the lines that follow, for each direction.
func (p *parser) binary(f *File) {
	p.next()
	for half := range 2 {
		kind, size, _ := strings.Cut(strings.TrimRight(p.line, "\r"), " ")
		if kind != "literal" && kind != "delta" {
			if half == 0 {
				f.Err = p.wrong(p.n, fmt.Errorf("%w: %.40q is neither \"literal\" nor \"delta\"", ErrBlob, p.line))
			}
			return
		}
		head := p.n
		var packed []byte
		for p.next(); !p.end; p.next() {
			line := strings.TrimRight(p.line, "\r")
			if line == "" {
				p.next()
				break
			}
			data, err := base85(line)
			if err == nil && len(packed)+len(data) > maxBlob {
				err = fmt.Errorf("it has more than %d bytes", maxBlob)
			}
			if err != nil {
				f.Err = p.wrong(p.n, fmt.Errorf("%w: %w", ErrBlob, err))
				return
			}
			packed = append(packed, data...)
		}
		b := &Blob{Delta: kind == "delta"}
		var err error
		if b.Data, err = inflate(packed, size); err != nil {
			f.Err = p.wrong(head, fmt.Errorf("%w: %w", ErrBlob, err))
			return
		}
		if half == 0 {
			f.Forward = b
		} else {
			f.Reverse = b
		}
	}
}

// inflate unpacks what has to have the size that was said.
func inflate(packed []byte, said string) ([]byte, error) {
	var size int
	if _, err := fmt.Sscanf(said, "%d", &size); err != nil || size < 0 || size > maxBlob {
		return nil, fmt.Errorf("%.20q is no size", said)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err != nil {
		return nil, err
	}
	if len(data) != size {
		return nil, fmt.Errorf("it unpacks to %d bytes, not to %d", len(data), size)
	}
	return data, nil
}

const digits85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

// base85 reads one line: a letter for the number of bytes, then five digits for each four.
func base85(line string) ([]byte, error) {
	var n int
	switch c := line[0]; {
	case c >= 'A' && c <= 'Z':
		n = int(c-'A') + 1
	case c >= 'a' && c <= 'z':
		n = int(c-'a') + 27
	default:
		return nil, fmt.Errorf("%q is no length of a line", c)
	}
	digits := line[1:]
	if len(digits) != (n+3)/4*5 {
		return nil, fmt.Errorf("%d digits for %d bytes", len(digits), n)
	}
	out := make([]byte, 0, n+3)
	for ; digits != ""; digits = digits[5:] {
		var v uint64
		for i := range 5 {
			d := strings.IndexByte(digits85, digits[i])
			if d < 0 {
				return nil, fmt.Errorf("%q is no digit", digits[i])
			}
			v = v*85 + uint64(d)
		}
		if v > 1<<32-1 {
			return nil, errors.New("five digits are too much for four bytes")
		}
		out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return out[:n], nil
}

// Apply makes the content after the change of the one before.
func (b *Blob) Apply(old []byte) ([]byte, error) {
	if !b.Delta {
		return b.Data, nil
	}
	d := b.Data
	number := func() (n uint64) {
		for shift := 0; len(d) > 0 && shift < 63; shift += 7 {
			c := d[0]
			d = d[1:]
			n |= uint64(c&0x7f) << shift
			if c&0x80 == 0 {
				break
			}
		}
		return n
	}
	if n := number(); n != uint64(len(old)) {
		return nil, fmt.Errorf("%w: the delta is against a content of %d bytes, this has %d", ErrBlob, n, len(old))
	}
	size := number()
	if size > maxBlob {
		return nil, fmt.Errorf("%w: it makes more than %d bytes", ErrBlob, maxBlob)
	}
	var out []byte
	for len(d) > 0 {
		c := d[0]
		d = d[1:]
		if c&0x80 == 0 { // new bytes
			if c == 0 || int(c) > len(d) {
				return nil, fmt.Errorf("%w: the delta ends early", ErrBlob)
			}
			out, d = append(out, d[:c]...), d[c:]
		} else { // a piece of the old content
			var at, n uint64
			for i := range 7 {
				if c&(1<<i) == 0 {
					continue
				}
				if len(d) == 0 {
					return nil, fmt.Errorf("%w: the delta ends early", ErrBlob)
				}
				if i < 4 {
					at |= uint64(d[0]) << (8 * i)
				} else {
					n |= uint64(d[0]) << (8 * (i - 4))
				}
				d = d[1:]
			}
			if n == 0 {
				n = 0x10000
			}
			if at+n > uint64(len(old)) {
				return nil, fmt.Errorf("%w: the delta takes what the old content does not have", ErrBlob)
			}
			out = append(out, old[at:at+n]...)
		}
		if uint64(len(out)) > size {
			break
		}
	}
	if uint64(len(out)) != size {
		return nil, fmt.Errorf("%w: it makes %d bytes, not %d", ErrBlob, len(out), size)
	}
	return out, nil
}
