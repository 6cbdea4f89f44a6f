package kernel

import (
	"fmt"
	"sync"
)

// DebugInfo is a vmlinux with debug information, as somebody gives it. Addresses
// are those that it was linked for.
type DebugInfo interface {
	Name() string
	BuildID() string
	Lines(addr uint64) []Line // the innermost inlined call first
}

// Line is a place in a source file.
type Line struct {
	Function string
	File     string
	Line     int
}

// debugFile is what [Kernel.AddDebug] was given.
type debugFile struct {
	mu    sync.Mutex
	info  DebugInfo
	shift uint64
}

// AddDebug takes a vmlinux, for [Kernel.Lines]. One of another build is refused.
func (k *Kernel) AddDebug(d DebugInfo) error {
	var err error
	switch id := d.BuildID(); {
	case k.BuildID == "":
		err = fmt.Errorf("the dump does not say its kernel's build ID, so %s cannot be told to be its vmlinux", d.Name())
	case id != k.BuildID:
		err = fmt.Errorf("%s is of build %s, and the dump's kernel of build %s: give the vmlinux of that build", d.Name(), id, k.BuildID)
	}
	if err != nil {
		k.miss(RungDWARF, err.Error())
		return err
	}
	k.debug.mu.Lock()
	defer k.debug.mu.Unlock()
	k.debug.info = d
	k.debug.shift, _ = k.Info.KernelOffset()
	k.reach(RungDWARF, d.Name()+", of the same build")
	return nil
}

// Refuse says on the ladder why there is no debug information.
func (k *Kernel) Refuse(why error) { k.miss(RungDWARF, why.Error()) }

// Lines returns the source lines of an address of the kernel itself. They are
// read when they are asked for.
func (k *Kernel) Lines(pc uint64) []Line {
	k.debug.mu.Lock()
	defer k.debug.mu.Unlock()
	if k.debug.info == nil || !k.inImage(pc) {
		return nil
	}
	return k.debug.info.Lines(pc - k.debug.shift)
}
