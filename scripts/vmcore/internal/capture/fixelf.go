package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// fixELF moves the program headers of a dump of QEMU's to where makedumpfile
// looks for them. QEMU puts the section headers before them and says so in
// e_phoff; makedumpfile reads them right behind the file header.
func fixELF(name string) (err error) {
	const header, entry = 64, 56
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := make([]byte, header)
	if _, err := f.ReadAt(h, 0); err != nil {
		return fmt.Errorf("read the ELF header: %w", err)
	}
	le := binary.LittleEndian
	if string(h[:6]) != "\x7fELF\x02\x01" || le.Uint16(h[54:]) != entry {
		return fmt.Errorf("%s is no 64-bit little-endian ELF file", name)
	}
	n := int64(le.Uint16(h[56:]))
	if n == 0xffff {
		return errors.New("too many program headers for their count; use elf instead of elf-paging")
	}
	table := make([]byte, n*entry)
	if _, err := f.ReadAt(table, int64(le.Uint64(h[32:]))); err != nil {
		return fmt.Errorf("read the program headers: %w", err)
	}
	le.PutUint64(h[32:], header) // e_phoff
	le.PutUint64(h[40:], 0)      // e_shoff
	le.PutUint16(h[52:], header) // e_ehsize
	le.PutUint16(h[60:], 0)      // e_shnum
	_, err = f.WriteAt(append(h, table...), 0)
	return err
}
