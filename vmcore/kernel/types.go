package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"ringside/symbol/btf"
)

// typeCache keeps the IDs of types by the names that readers use.
type typeCache struct {
	mu  sync.RWMutex
	ids map[string]btf.ID
}

// TypeID returns the type of a C name.
func (k *Kernel) TypeID(name string) (btf.ID, bool) {
	if k.Types == nil {
		return 0, false
	}
	k.types.mu.RLock()
	id, ok := k.types.ids[name]
	k.types.mu.RUnlock()
	if ok {
		return id, id != 0
	}
	id, ok = k.Types.TypeByName(name)
	if !ok {
		id = 0
	}
	k.types.mu.Lock()
	defer k.types.mu.Unlock()
	if len(k.types.ids) < 1<<16 {
		if k.types.ids == nil {
			k.types.ids = map[string]btf.ID{}
		}
		k.types.ids[name] = id
	}
	return id, ok
}

// HasField reports whether the kernel has a type with a member.
func (k *Kernel) HasField(typ, path string) bool {
	id, ok := k.TypeID(typ)
	if !ok {
		return false
	}
	_, ok = k.Types.Field(id, path)
	return ok
}

// SizeOf returns the size of a type, 0 where there is none of that name.
func (k *Kernel) SizeOf(typ string) uint64 {
	id, ok := k.TypeID(typ)
	if !ok {
		return 0
	}
	n, _ := k.Types.Size(id)
	return uint64(n)
}

// climbTypes reads the kernel's BTF, and then what needs types: per-CPU areas
// and modules.
func (k *Kernel) climbTypes(ctx context.Context, _ Options) error {
	w := k.Walk(ctx)
	defer func() {
		k.recoverVariables(w)
		k.loadPerCPU(w)
		k.loadModules(w)
	}()
	start, ok := k.Symbol("__start_BTF")
	stop, ok2 := k.Symbol("__stop_BTF")
	how := "by its symbols"
	if !ok || !ok2 {
		var err error
		if start, stop, err = k.scanBTF(w); err != nil {
			k.miss(RungBTF, "the kernel has no BTF: built without CONFIG_DEBUG_INFO_BTF ("+err.Error()+")")
			return nil
		}
		how = "found by its magic number"
	}
	data := w.some(start, stop-start, 24)
	if stop < start || uint64(len(data)) < stop-start {
		k.miss(RungBTF, fmt.Sprintf("of the BTF at %#x only %d of %d bytes are in the dump", start, len(data), stop-start))
		return nil
	}
	spec, err := btf.Parse(data, nil)
	if err != nil {
		k.miss(RungBTF, "the BTF is damaged: "+err.Error())
		return nil
	}
	k.Types = spec
	k.reach(RungBTF, fmt.Sprintf("%d types, %s", spec.Types(), how))
	return nil
}

// scanBTF looks for the header of a BTF in the kernel's image.
func (k *Kernel) scanBTF(w *Walk) (start, stop uint64, err error) {
	img, size, err := k.imageOf(w)
	if err != nil {
		return 0, 0, err
	}
	buf := make([]byte, 1<<20+24)
	for off := int64(0); off < size; off += 1 << 20 {
		n, err := img.ReadAt(buf, off)
		if err != nil {
			return 0, 0, err
		}
		for i := 0; i+24 <= n; i += 4 {
			h := buf[i:]
			if k.Order.Uint16(h) != 0xeb9f || h[2] != 1 || k.Order.Uint32(h[4:]) != 24 || k.Order.Uint32(h[8:]) != 0 {
				continue
			}
			types, strings, length := k.Order.Uint32(h[12:]), k.Order.Uint32(h[16:]), k.Order.Uint32(h[20:])
			if types == strings && types > 1<<12 && length > 1<<12 && uint64(types)+uint64(length) < maxTable {
				at := img.base + uint64(off) + uint64(i)
				return at, at + 24 + uint64(strings) + uint64(length), nil
			}
		}
	}
	return 0, 0, errors.New("no header of one in the kernel's image")
}

// PtrSize returns the size of the kernel's pointers.
func (k *Kernel) PtrSize() int { return k.ptrSize }

// BigEndian reports whether the machine is.
func (k *Kernel) BigEndian() bool { return k.Order == binary.ByteOrder(binary.BigEndian) }

// PageShift returns the binary logarithm of the kernel's page size.
func (k *Kernel) PageShift() uint { return k.pageShift }
