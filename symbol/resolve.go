package symbol

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Query asks what was at one frame: at a name with an offset as the kernel
// prints them, or at a raw address.
type Query struct {
	Name    string // "vfs_read"; empty where Address is asked for
	Offset  uint64
	Size    uint64 // what the kernel printed behind the slash; 0 if nothing
	Module  string
	Address uint64 // as it was in the running kernel
	// Return says that it is a return address. The call is before it, and the
	// line of the instruction after a call is often another one.
	Return  bool
	BuildID string // printed with the frame: "[nvme 1f2e…]"
	// Kernel is what the log says about its kernel.
	Kernel Identity
}

func (q Query) String() string {
	text := q.Name
	switch {
	case text == "":
		text = fmt.Sprintf("%#x", q.Address)
	case q.Size != 0:
		text = fmt.Sprintf("%s+%#x/%#x", q.Name, q.Offset, q.Size)
	default:
		text = fmt.Sprintf("%s+%#x", q.Name, q.Offset)
	}
	if q.Module != "" {
		text += " [" + q.Module + "]"
	}
	return text
}

// Verification says how it is known that the symbols are of the log's build.
type Verification string

const (
	ByBuildID  Verification = "build-id" // the build IDs are equal
	ByVersion  Verification = "version"  // release and version line are equal
	Unverified Verification = "not verified"
)

// Answer is one thing that a query can mean.
type Answer struct {
	Symbol    Symbol
	Offset    uint64
	Lines     []Line // innermost first; empty without debug information
	File      string // the ELF file that says so
	BuildID   string // of that file
	Verified  Verification
	Ambiguous bool   // several functions fit, and this is one
	Note      string // what is missing or odd
}

// Source answers queries. The error is [ErrNotFound] where it knows nothing and
// a [*MismatchError] where it knows only another build.
type Source interface {
	Resolve(ctx context.Context, q Query) ([]Answer, error)
}

// Finder finds the file for a build: by its build ID, or by release and module.
// The file belongs to the caller.
type Finder interface {
	Find(ctx context.Context, want Identity) (*File, error)
}

// Resolver is the [Source] made of files. Its zero value knows nothing. Its
// fields must not be changed once it is in use; it is then safe for use by
// several goroutines.
type Resolver struct {
	Files    []*File  // asked first, whatever their build ID: the user named them
	Finders  []Finder // asked in order for what Files do not have
	Kallsyms *Table   // of the running kernel, for raw addresses
	Offset   uint64   // what address space randomisation added to the kernel's addresses

	mu    sync.Mutex
	found map[Identity]foundFile
}

type foundFile struct {
	file *File
	err  error
}

// Close closes the files that finders found.
func (r *Resolver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.found {
		if f.file != nil {
			f.file.Close()
		}
	}
	r.found = nil
}

// Resolve answers q. The answers are all that q can mean; more than one are
// marked as ambiguous.
func (r *Resolver) Resolve(ctx context.Context, q Query) ([]Answer, error) {
	if q.Name == "" && r.Kallsyms != nil {
		s, ok := r.Kallsyms.Lookup(q.Address - returnStep(q))
		if !ok {
			return nil, fmt.Errorf("%v: %w: it is outside of all that kallsyms lists", q, ErrNotFound)
		}
		named := q
		named.Name, named.Offset, named.Size, named.Module = s.Name, q.Address-s.Address, s.Size, s.Module
		if named.Module != "" {
			named.Size = 0 // the next symbol may be of the next module
		}
		q = named
	}
	f, verified, err := r.file(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", q, err)
	}
	t, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", q, err)
	}
	if q.Name == "" {
		link := q.Address - r.Offset
		s, ok := t.Lookup(link - returnStep(q))
		if !ok {
			return nil, fmt.Errorf("%v: %w: %s has no code there; where the kernel's addresses are randomised its offset is needed (\"Kernel Offset:\" in the log)", q, ErrNotFound, f.Name)
		}
		return []Answer{r.answer(f, s, link-s.Address, q, verified)}, nil
	}
	symbols := t.Find(q.Name, q.Size, q.Module)
	if len(symbols) == 0 {
		return nil, fmt.Errorf("%v: %w: %s does not have the function", q, ErrNotFound, f.Name)
	}
	var answers []Answer
	var refused error
	for _, s := range symbols {
		if err := fits(f, s, q, verified); err != nil {
			if refused == nil {
				refused = err
			}
			continue
		}
		a := r.answer(f, s, q.Offset, q, verified)
		a.Ambiguous = len(symbols) > 1
		answers = append(answers, a)
	}
	if len(answers) == 0 {
		return nil, fmt.Errorf("%v: %w", q, refused)
	}
	return answers, nil
}

func returnStep(q Query) uint64 {
	if q.Return {
		return 1
	}
	return 0
}

// fits refuses a function whose size shows that it was compiled differently.
func fits(f *File, s Symbol, q Query, verified Verification) error {
	if q.Offset > s.Size && s.Size != 0 {
		return &MismatchError{File: f.Name, What: "size of " + s.Name, Has: fmt.Sprintf("%#x", s.Size), Want: fmt.Sprintf("beyond %#x", q.Offset)}
	}
	// The last function of a module is as long as the memory that it was
	// loaded to, which the file does not know for sure.
	if q.Size == 0 || s.Size == q.Size || verified == ByBuildID || f.Relocatable() && f.isRegionEnd(s) {
		return nil
	}
	return &MismatchError{File: f.Name, What: "size of " + s.Name, Has: fmt.Sprintf("%#x", s.Size), Want: fmt.Sprintf("%#x", q.Size)}
}

// answer looks up the lines of one function.
func (r *Resolver) answer(f *File, s Symbol, offset uint64, q Query, verified Verification) Answer {
	a := Answer{Symbol: s, Offset: offset, Lines: []Line{}, File: f.Name, BuildID: f.id.BuildID, Verified: verified}
	pc := s.Address + offset
	if q.Return && offset > 0 {
		pc--
	}
	lines, err := f.Lines(pc)
	if len(lines) > 0 {
		a.Lines = lines
	}
	if err != nil {
		a.Note = err.Error()
	} else if q.Size != 0 && s.Size != q.Size {
		a.Note = fmt.Sprintf("the function has %#x bytes in the file and %#x in the log", s.Size, q.Size)
	}
	return a
}

// Kernel returns the file of a kernel. It belongs to the resolver. The error is
// [ErrNotFound] where there is none, and a [*MismatchError] where there is only
// one of another build.
func (r *Resolver) Kernel(ctx context.Context, kernel Identity) (*File, error) {
	f, _, err := r.file(ctx, Query{Kernel: kernel})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// file finds the file for a query and checks that it is of the log's build.
func (r *Resolver) file(ctx context.Context, q Query) (*File, Verification, error) {
	want := Identity{BuildID: q.BuildID, Release: q.Kernel.Release, Version: q.Kernel.Version, Module: q.Module, Kernel: q.Module == ""}
	if want.BuildID == "" && want.Kernel {
		want.BuildID = q.Kernel.BuildID
	}
	want.BuildID = ParseBuildID(want.BuildID)
	for _, f := range r.Files {
		if f.id.Module == want.Module {
			v, err := verify(f, want)
			return f, v, err
		}
	}
	f, err := r.find(ctx, want)
	if err != nil {
		return nil, "", err
	}
	v, err := verify(f, want)
	return f, v, err
}

// find asks the finders once per build.
func (r *Resolver) find(ctx context.Context, want Identity) (*File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, ok := r.found[want]; ok {
		return got.file, got.err
	}
	got := foundFile{err: fmt.Errorf("%w: there is no file for %s; name it, or add it to a store with 'ringside symbol index'", ErrNotFound, want.what())}
	for _, finder := range r.Finders {
		f, err := finder.Find(ctx, want)
		if err == nil {
			got = foundFile{file: f}
			break
		}
		// A finder that failed says more than those that do not have it.
		if _, remote := finder.(*Debuginfod); remote || len(r.Finders) == 1 || !errors.Is(err, ErrNotFound) {
			got.err = err
		}
	}
	if ctx.Err() != nil {
		return got.file, got.err // an answer that was cut short is not kept
	}
	if r.found == nil {
		r.found = map[Identity]foundFile{}
	}
	r.found[want] = got
	return got.file, got.err
}

// verify compares what a file says about its build with what the log says.
func verify(f *File, want Identity) (Verification, error) {
	has := f.id
	differ := func(what, has, want string) (Verification, error) {
		return "", &MismatchError{File: f.Name, What: what, Has: has, Want: want}
	}
	if has.BuildID != "" && want.BuildID != "" {
		if has.BuildID != want.BuildID {
			return differ("build ID", has.BuildID, want.BuildID)
		}
		return ByBuildID, nil
	}
	if has.Release != "" && want.Release != "" && has.Release != want.Release {
		return differ("kernel release", has.Release, want.Release)
	}
	if has.Version != "" && want.Version != "" {
		if has.Version != want.Version {
			return differ("version", has.Version, want.Version)
		}
		if has.Release == want.Release {
			return ByVersion, nil
		}
	}
	return Unverified, nil
}

// isRegionEnd reports whether s is the last symbol of its group of sections.
func (f *File) isRegionEnd(s Symbol) bool {
	for _, end := range f.ends {
		if s.Address+s.Size == end {
			return true
		}
	}
	return false
}
