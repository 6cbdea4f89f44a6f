package object

import (
	"fmt"
	"strconv"
)

// Addr is an address, in JSON as "0xffff…": numbers of 64 bits do not survive
// every reader of JSON.
type Addr uint64

func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// MarshalText implements encoding.TextMarshaler.
func (a Addr) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%#x", uint64(a)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Addr) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 0, 64)
	if err != nil {
		return fmt.Errorf("an address such as 0xffffffff81000000 is wanted: %w", err)
	}
	*a = Addr(n)
	return nil
}
