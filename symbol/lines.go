package symbol

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"ringside/symbol/internal/dwarf"
)

// Line is one level of what the code at an address came from. Of the levels of
// one address the innermost inlined call comes first; the last is the function
// that has the code.
type Line struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"` // from the top of the kernel tree where that can be told
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Inline   bool   `json:"inline"`
	Path     string `json:"path,omitempty"` // as the compiler recorded it, where that differs from File
}

// spanIndex knows which unit describes an address.
type spanIndex struct {
	mu      sync.Mutex
	aranges []dwarf.Span // what .debug_aranges says
	own     []dwarf.Span // what the units say, made when aranges does not know
	asked   bool
	indexed bool
}

// Lines returns what the code at addr came from. Lines that come with an error
// are good; the error says what is missing from them. Where nothing describes
// the address the error is [ErrNotFound].
func (f *File) Lines(addr uint64) (lines []Line, err error) {
	defer guard(&err)
	if f.debug == nil {
		return nil, fmt.Errorf("%s: %w", f.Name, errNoLines)
	}
	unit, err := f.unitOf(addr)
	if err != nil {
		return nil, err
	}
	found, err := f.dwarfData.Lookup(unit, addr)
	lines = make([]Line, len(found))
	for i, l := range found {
		lines[i] = Line{Function: l.Function, File: treePath(l.File, l.CompDir), Line: l.Line, Column: l.Column, Inline: l.Inline}
		if l.File != lines[i].File {
			lines[i].Path = l.File
		}
	}
	if n := len(lines); n > 0 && lines[n-1].Function == "" {
		// Assembler has lines only; the symbol table knows the name.
		if t, err := f.Symbols(); err == nil {
			if s, ok := t.Lookup(addr); ok {
				lines[n-1].Function = s.Name
			}
		}
	}
	if errors.Is(err, dwarf.ErrAlt) && f.id.AltLink != "" {
		err = fmt.Errorf("%w (%s, build ID %s)", err, f.id.AltLink, f.id.AltBuildID)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Name, err)
	}
	return lines, err
}

// unitOf finds the compile unit of an address.
func (f *File) unitOf(addr uint64) (uint64, error) {
	x := &f.spans
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.asked {
		x.asked = true
		var err error
		if x.aranges, err = f.dwarfData.Aranges(); err != nil {
			f.note("its .debug_aranges is damaged: %v", err)
		}
	}
	if s, ok := dwarf.Find(x.aranges, addr); ok {
		return s.Unit, nil
	}
	if !x.indexed && !f.isPadding(addr) {
		x.indexed = true
		x.own = f.loadIndex()
	}
	if s, ok := dwarf.Find(x.own, addr); ok {
		return s.Unit, nil
	}
	return 0, fmt.Errorf("%s: %w: its debug information does not describe %#x", f.Name, ErrNotFound, addr)
}

// isPadding reports whether .debug_aranges describes the function that addr
// comes after. Then nothing describes addr itself, and there is no need to ask
// every unit.
func (f *File) isPadding(addr uint64) bool {
	t, err := f.Symbols()
	if err != nil {
		return false
	}
	s, ok := t.Lookup(addr)
	if !ok {
		return false
	}
	_, ok = dwarf.Find(f.spans.aranges, s.Address)
	return ok
}

// topFolders are the folders at the top of a kernel tree.
var topFolders = map[string]bool{
	"arch": true, "block": true, "certs": true, "crypto": true, "drivers": true, "fs": true, "include": true, "init": true,
	"io_uring": true, "ipc": true, "kernel": true, "lib": true, "mm": true, "net": true, "rust": true, "samples": true,
	"scripts": true, "security": true, "sound": true, "tools": true, "usr": true, "virt": true, "ubuntu": true,
}

// treePath makes a path relative to the top of the kernel tree. The compiler
// ran there, or in a build folder below it; a file that is in neither keeps
// its full path.
func treePath(file, compDir string) string {
	if file == "" || compDir == "" {
		return file
	}
	compDir = path.Clean(compDir)
	if rest, ok := strings.CutPrefix(file, compDir+"/"); ok {
		return rest
	}
	for dir := path.Dir(compDir); dir != "/" && dir != "."; dir = path.Dir(dir) {
		if rest, ok := strings.CutPrefix(file, dir+"/"); ok {
			top, _, _ := strings.Cut(rest, "/")
			if topFolders[top] {
				return rest
			}
			break
		}
	}
	return file
}
