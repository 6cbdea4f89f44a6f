package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ringside/artefact"
)

// Limits bound a [Walk]. The zero value stands for the defaults.
type Limits struct {
	Members  int   // most members looked at; 0 means 200,000
	Bytes    int64 // most expanded bytes read in all; 0 means 16 GiB
	Depth    int   // most archives one inside the other; 0 means 3
	Nested   int64 // largest zip inside an archive, which must be held in memory; 0 means 256 MiB
	Artefact artefact.Limits
}

func (l Limits) withDefaults() Limits {
	if l.Members <= 0 {
		l.Members = 200_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 16 << 30
	}
	if l.Depth <= 0 {
		l.Depth = 3
	}
	if l.Nested <= 0 {
		l.Nested = 256 << 20
	}
	return l
}

// ErrLimit is what an error of Walk is when a bundle is larger than allowed.
var ErrLimit = errors.New("the bundle is larger than the limit")

// Member is a part of a bundle that matters.
type Member struct {
	Path        string // with / between names; ! between an archive and what is in it
	Section     string // the command whose output it is, in a file of many
	Line        int    // how many lines of the file are before the section
	Role        Role
	Format      artefact.Format
	Compression []artefact.Compression
}

// Name is how people are told of the member.
func (m *Member) Name() string {
	if m.Section != "" {
		return m.Path + " (" + m.Section + ")"
	}
	return m.Path
}

// Summary is what Walk went through.
type Summary struct {
	Kind    Kind
	Members int      // files in all
	Bytes   int64    // read
	Skipped []string // what could not be read, and why; at most maxSkipped
	Denied  error    // what could not even be opened, joined
}

const maxSkipped = 100

// Visit is handed each member that matters. r gives its expanded bytes. An
// error ends the walk; of a member that is damaged, r itself says so.
type Visit func(m *Member, r io.Reader) error

// Source is a bundle to walk through.
type Source struct {
	names func(yield func(string)) error // every path, where that costs nothing
	files func(w *walker) error
}

// Folder is a bundle that lies unpacked.
func Folder(fsys fs.FS) Source {
	each := func(do func(name string, d fs.DirEntry, err error) error) error {
		return fs.WalkDir(fsys, ".", do)
	}
	return Source{
		names: func(yield func(string)) error {
			return each(func(name string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					yield(name)
				}
				return nil
			})
		},
		files: func(w *walker) error {
			return each(func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					w.deny(name, err)
					if d != nil && d.IsDir() {
						return fs.SkipDir
					}
					return nil
				}
				if !d.Type().IsRegular() {
					return nil
				}
				return w.file(name, func() (io.ReadCloser, error) { return fsys.Open(name) })
			})
		},
	}
}

// Archive is a tar, compressed or not, or anything else that gives its files in
// order: r is read once. A zip must be given to [Zip].
func Archive(r io.Reader) Source {
	return Source{files: func(w *walker) error { return w.tar("", r) }}
}

// Opened is an archive that was opened already. A zip is read into memory, up
// to the limit for nested ones; [Zip] does without.
func Opened(a *artefact.Artefact) Source {
	return Source{files: func(w *walker) error { return w.archive("", a) }}
}

// Zip is a zip archive.
func Zip(r io.ReaderAt, size int64) (Source, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Source{}, fmt.Errorf("read the zip's directory: %w", err)
	}
	return zipSource("", z), nil
}

func zipSource(prefix string, z *zip.Reader) Source {
	return Source{
		names: func(yield func(string)) error {
			for _, f := range z.File {
				yield(prefix + clean(f.Name))
			}
			return nil
		},
		files: func(w *walker) error {
			for _, f := range z.File {
				if f.FileInfo().IsDir() {
					continue
				}
				if err := w.file(prefix+clean(f.Name), f.Open); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// clean makes a name out of a path that an archive gives: it never leads out.
func clean(name string) string {
	name = path.Clean("/" + name)[1:]
	return clipName(name)
}

func clipName(s string) string { return s[:min(len(s), 4096)] }

// walker is the state of Walk.
type walker struct {
	ctx   context.Context
	l     Limits
	visit Visit
	sum   Summary
	depth int
}

// Walk goes through src and hands visit every member that matters. The summary
// is valid also with an error: it then tells how far the walk came.
func Walk(ctx context.Context, src Source, l Limits, visit Visit) (*Summary, error) {
	w := &walker{ctx: ctx, l: l.withDefaults(), visit: visit, sum: Summary{Kind: Files}}
	err := w.recognise(src)
	if err == nil {
		err = src.files(w)
	}
	return &w.sum, err
}

// recognise finds out the layout before the first file is read, where the names
// can be had: it makes the roles sure.
func (w *walker) recognise(src Source) error {
	if src.names == nil {
		return nil
	}
	return src.names(func(name string) {
		if w.sum.Kind == Files {
			w.sum.Kind = kindOf(name[strings.LastIndexByte(name, '!')+1:])
		}
	})
}

func (w *walker) skip(name string, err error) {
	if len(w.sum.Skipped) < maxSkipped {
		w.sum.Skipped = append(w.sum.Skipped, name+": "+err.Error())
	}
}

// deny skips what could not be opened.
func (w *walker) deny(name string, err error) {
	if len(w.sum.Skipped) < maxSkipped {
		w.sum.Denied = errors.Join(w.sum.Denied, fmt.Errorf("%s: %w", name, reason(err)))
	}
	w.skip(name, reason(err))
}

// reason is err without the path that it repeats.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// metered counts what is read of the whole bundle.
type metered struct {
	r io.Reader
	w *walker
}

func (m metered) Read(p []byte) (int, error) {
	if m.w.sum.Bytes >= m.w.l.Bytes {
		return 0, ErrLimit
	}
	if err := m.w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.w.l.Bytes-m.w.sum.Bytes)])
	m.w.sum.Bytes += int64(n)
	return n, err
}

// file looks at one file of the bundle.
func (w *walker) file(name string, open func() (io.ReadCloser, error)) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.sum.Members++; w.sum.Members > w.l.Members {
		return fmt.Errorf("%w: more than %d files", ErrLimit, w.l.Members)
	}
	if w.sum.Kind == Files {
		w.sum.Kind = kindOf(name[strings.LastIndexByte(name, '!')+1:])
	}
	f, err := open()
	if err != nil {
		w.deny(name, err)
		return nil
	}
	defer f.Close()
	a, err := artefact.Open(metered{f, w}, w.l.Artefact)
	if err != nil {
		if w.sum.Bytes >= w.l.Bytes {
			return fmt.Errorf("%w: more than %d bytes", ErrLimit, w.l.Bytes)
		}
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		w.skip(name, err)
		return nil
	}
	if a.Format == artefact.Archive {
		return w.nested(name, a)
	}
	if divided(w.sum.Kind, name) {
		return w.divide(name, a)
	}
	role := roleOf(name)
	if role == RoleNone {
		role = roleByContent(w.sum.Kind, a.Format, name)
	}
	if role == RoleNone || a.Format == artefact.Empty {
		return nil
	}
	if slices.Contains([]Role{RoleLog, RoleLastLog}, role) && !a.Format.IsLog() && a.Format != artefact.Binary {
		return nil // a journal's own file, a picture named messages.png
	}
	return w.visit(&Member{Path: name, Role: role, Format: a.Format, Compression: a.Compression}, a)
}

// divide looks at a file of many sections.
func (w *walker) divide(name string, a *artefact.Artefact) error {
	return sections(w.sum.Kind, a, func(command string, line int, r io.Reader) error {
		return w.visit(&Member{Path: name, Section: command, Line: line, Role: sectionRole(command), Format: artefact.Text, Compression: a.Compression}, r)
	})
}

// nested walks through an archive in the bundle.
func (w *walker) nested(name string, a *artefact.Artefact) error {
	if w.depth+1 >= w.l.Depth {
		w.skip(name, fmt.Errorf("archives lie more than %d deep", w.l.Depth))
		return nil
	}
	w.depth++
	defer func() { w.depth-- }()
	return w.archive(name+"!", a)
}

// archive walks through a tar or a zip by its content.
func (w *walker) archive(prefix string, r io.Reader) error {
	head := make([]byte, 4)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		w.skip(prefix, err)
		return nil
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if string(head[:2]) != "PK" {
		return w.members(prefix, r)
	}
	data, err := io.ReadAll(io.LimitReader(r, w.l.Nested+1))
	if err == nil && int64(len(data)) > w.l.Nested {
		err = fmt.Errorf("a zip inside an archive may have %d MiB; unpack it", w.l.Nested>>20)
	}
	if err != nil {
		w.skip(prefix, err)
		return nil
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		w.skip(prefix, err)
		return nil
	}
	src := zipSource(prefix, z)
	if err := w.recognise(src); err != nil {
		return err
	}
	return src.files(w)
}

// tar walks through a stream that may be compressed.
func (w *walker) tar(prefix string, r io.Reader) error {
	a, err := artefact.Open(r, w.l.Artefact)
	if err != nil {
		return err
	}
	if a.Format != artefact.Archive {
		return fmt.Errorf("this is %s, not an archive", a.Format)
	}
	return w.archive(prefix, a)
}

// members walks through a tar.
func (w *walker) members(prefix string, r io.Reader) error {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if n == 0 && err != nil && w.ctx.Err() == nil {
			err = fmt.Errorf("an archive that is neither tar nor zip; unpack it first: %w", err)
			if prefix == "" {
				return err
			}
		}
		if err != nil {
			// What came before the damage has been handed over.
			if w.ctx.Err() != nil {
				return w.ctx.Err()
			}
			if w.sum.Bytes >= w.l.Bytes {
				return fmt.Errorf("%w: more than %d bytes", ErrLimit, w.l.Bytes)
			}
			w.skip(prefix+"(the rest)", err)
			return nil
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := w.file(prefix+clean(h.Name), func() (io.ReadCloser, error) { return io.NopCloser(t), nil }); err != nil {
			return err
		}
	}
}
