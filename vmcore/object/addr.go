package object

import "fmt"

// Addr is an address, in JSON as "0xffff…": numbers of 64 bits do not survive
// every reader of JSON.
type Addr uint64

func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// MarshalText implements encoding.TextMarshaler.
func (a Addr) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%#x", uint64(a)), nil }
