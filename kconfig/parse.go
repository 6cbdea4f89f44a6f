package kconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// A Shell answers a shell command of the files as $(shell,…) would have it: what the
// command prints, lines joined by spaces. ok is false where it has no answer.
type Shell func(ctx context.Context, command string) (out string, ok bool)

// Options say how a tree is read. The zero value reads "Kconfig" with no environment.
type Options struct {
	// Root is the first file, "Kconfig" where it is empty.
	Root string
	// Env are the variables that the kernel's Makefile exports: ARCH, SRCARCH,
	// KERNELVERSION, CC, srctree. KernelEnv makes them.
	Env map[string]string
	// Shell answers shell commands. Where it is nil, or has no answer, the command is a
	// probe whose answer is sought in each .config.
	Shell Shell
	// Dialect is the set of rules; nil reads it from the tree.
	Dialect *Dialect
}

// What a tree may cost to read.
const (
	maxFiles   = 50_000
	maxBytes   = 256 << 20
	maxDepth   = 100 // files within files
	maxNesting = 200 // menus within menus
	maxEntries = 400_000
	maxTerms   = 512 // operands of one expression
)

// Parse reads a tree. What is wrong with it is in its Diagnostics, with what could be
// read around it; an error is for a tree whose first file cannot be read.
func Parse(ctx context.Context, tree fs.FS, opt Options) (*Tree, error) {
	root := opt.Root
	if root == "" {
		root = "Kconfig"
	}
	t := &Tree{}
	if opt.Dialect != nil {
		t.Dialect = *opt.Dialect
	} else {
		t.Dialect = detectDialect(tree)
	}
	p := &parser{
		ctx: ctx, t: t, env: opt.Env, run: opt.Shell, source: newSource(tree),
		variables: map[string]*variable{}, asked: map[string]int{},
	}
	defer p.source.stop()
	text, err := p.source.read(root)
	if err != nil {
		return nil, fmt.Errorf("is this a kernel tree? %w", err)
	}
	// A tree of many files is a kernel's; the tables need not grow then.
	if strings.Contains(text, "source") {
		t.init(1 << 15)
	} else {
		t.init(1 << 6)
	}
	p.file(root, text)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.finish()
	return t, nil
}

// init makes the tables of a tree; size is about how many symbols there will be.
func (t *Tree) init(size int) {
	t.Diagnostics, t.Info = []Diagnostic{}, []string{}
	t.names, t.quoted, t.env = make(map[string]symID, size), make(map[string]symID, size/64), map[string]string{}
	t.symbols, t.props, t.entries = make([]symbol, symFirst, size), make([]prop, 1, 2*size), make([]entry, 1, size)
	t.exprs.init(2 * size)
	t.entries[0].kind = entryMenu
	for id, name := range []string{symNo: "n", symModule: "m", symYes: "y"} {
		t.symbols[id] = symbol{Name: name, Type: Tristate, constant: true}
	}
}

// parser reads statements.
type parser struct {
	ctx       context.Context
	t         *Tree
	env       map[string]string
	run       Shell
	source    *source
	variables map[string]*variable
	asked     map[string]int
	expanded  int

	including []inclusion
	bytes     int
	// current is the entry whose children are read, last the one read last.
	current, last int32
	nesting       int
	inChoice      int32
	terms         int
}

type inclusion struct {
	name string
	line int // of the source statement that follows
}

// file reads the statements of a file.
func (p *parser) file(name, text string) {
	p.t.files = append(p.t.files, file{name, text})
	l := &lexer{p: p, file: int32(len(p.t.files) - 1), text: text, line: 1}
	p.including = append(p.including, inclusion{name: name})
	p.block(l, entryMenu)
	p.including = p.including[:len(p.including)-1]
}

// block reads statements up to the end of the block's kind, or the end of the file.
// closed is false where the end of the file came first.
func (p *parser) block(l *lexer, kind entryKind) (closed bool) {
	outermost := p.current
	for {
		tok := l.next()
		if p.ctx.Err() != nil {
			return false
		}
		switch tok.kind {
		case tokEOF:
			return false
		case tokEOL:
			continue
		case tokWord:
			p.assignment(l, tok)
			continue
		case tokKeyword:
		default:
			p.syntax(l, tok.line, "invalid statement")
			continue
		}
		if len(p.t.entries) > maxEntries {
			p.t.report(l.file, tok.line, Error, "more than %d entries; the rest was not read", maxEntries)
			l.pos = len(l.text)
			return false
		}
		if p.inChoice != 0 && !inChoice(tok.text) {
			p.syntax(l, tok.line, "invalid statement")
			continue
		}
		switch tok.text {
		case "endmenu", "endif", "endchoice":
			want := map[entryKind]string{entryMenu: "endmenu", entryIf: "endif", entryChoice: "endchoice"}[kind]
			if p.current == 0 || tok.text != want || p.t.entries[p.current].file != l.file {
				p.stray(l, tok)
				if p.current == 0 || p.t.entries[p.current].file != l.file || !p.encloses(tok.text) {
					continue
				}
				// It closes a block further out: this one lacks its end.
				l.pos = l.lineStart()
				return false
			}
			p.endOfLine(l)
			return true
		default:
			p.statement(l, tok)
		}
		if p.current != outermost {
			p.current = outermost
		}
	}
}

// inChoice says that a statement may be in a choice.
func inChoice(keyword string) bool {
	switch keyword {
	case "comment", "config", "if", "endif", "endchoice", "endmenu":
		return true
	}
	return false
}

// encloses says that one of the open blocks ends with the keyword.
func (p *parser) encloses(end string) bool {
	for m := p.current; m != 0; m = p.t.entries[m].parent {
		switch p.t.entries[m].kind {
		case entryMenu:
			if end == "endmenu" {
				return true
			}
		case entryIf:
			if end == "endif" {
				return true
			}
		case entryChoice:
			if end == "endchoice" {
				return true
			}
		}
	}
	return false
}

func (p *parser) stray(l *lexer, tok token) {
	name := strings.TrimPrefix(tok.text, "end")
	if p.current == 0 {
		p.syntax(l, tok.line, "unexpected '%s': nothing is open", tok.text)
		return
	}
	e := &p.t.entries[p.current]
	is := map[entryKind]string{entryMenu: "menu", entryIf: "if", entryChoice: "choice"}[e.kind]
	if e.file != l.file {
		p.t.report(l.file, tok.line, Error, "'%s' in different file than '%s'", name, is)
	} else {
		p.t.report(l.file, tok.line, Error, "unexpected '%s' within %s block", name, is)
	}
}

// lineStart is where the line of the token read last begins.
func (l *lexer) lineStart() int { return strings.LastIndexByte(l.text[:l.pos], '\n') + 1 }

// syntax reports an error and goes on after the line.
func (p *parser) syntax(l *lexer, line int, format string, args ...any) {
	p.t.report(l.file, line, Error, format, args...)
	p.skipLine(l)
}

func (p *parser) skipLine(l *lexer) {
	for l.last.kind != tokEOL && l.last.kind != tokEOF {
		l.next()
	}
}

// endOfLine takes the end of a statement.
func (p *parser) endOfLine(l *lexer) {
	if tok := l.next(); tok.kind != tokEOL && tok.kind != tokEOF {
		p.syntax(l, tok.line, "syntax error at '%.40s'", tok.text)
	}
}

// assignment reads "NAME = value".
func (p *parser) assignment(l *lexer, name token) {
	op := l.next()
	if op.kind == tokOp && (op.text == "=" || op.text == ":=" || op.text == "+=") {
		p.assign(name.text, op.text, l.value(), l.at())
		p.endOfLine(l)
		return
	}
	switch name.text {
	case "rsource", "osource", "orsource":
		if op.kind == tokQuoted {
			p.include(l, name, op)
			return
		}
	}
	p.syntax(l, name.line, "unknown statement \"%.80s\"", name.text)
}

func (p *parser) statement(l *lexer, tok token) {
	switch tok.text {
	case "config", "menuconfig":
		p.config(l, tok)
	case "choice":
		p.choice(l, tok)
	case "menu":
		p.menu(l, tok)
	case "if":
		p.conditional(l, tok)
	case "comment":
		p.comment(l, tok)
	case "source":
		if name := l.next(); name.kind == tokQuoted {
			p.include(l, tok, name)
		} else {
			p.syntax(l, tok.line, "source needs a file name in quotes")
		}
	case "mainmenu":
		text := l.next()
		if text.kind != tokQuoted || p.t.entries[0].prompt != 0 || len(p.t.entries) > 1 {
			p.syntax(l, tok.line, "invalid statement")
			return
		}
		p.prompt(l, 0, propMenu, text, 0)
		p.endOfLine(l)
	default:
		p.syntax(l, tok.line, "invalid statement")
	}
}

// add links a new entry after the one before it.
func (p *parser) add(kind entryKind, l *lexer, line int, sym symID) int32 {
	id := p.t.addEntry(kind, l.file, line, sym, p.current)
	if p.last == 0 {
		p.t.entries[p.current].list = id
	} else {
		p.t.entries[p.last].next = id
	}
	p.last = id
	return id
}

// within reads the statements of an entry's block.
func (p *parser) within(l *lexer, id int32, kind entryKind) {
	if p.nesting >= maxNesting {
		p.t.report(l.file, int(p.t.entries[id].line), Error, "more than %d menus within each other", maxNesting)
		return
	}
	p.nesting++
	current, choice := p.current, p.inChoice
	p.current, p.last = id, 0
	if kind == entryChoice {
		p.inChoice = id
	}
	if !p.block(l, kind) {
		p.t.report(l.file, int(p.t.entries[id].line), Error, "missing end statement for this entry")
	}
	p.current, p.last, p.inChoice = current, id, choice
	p.nesting--
}

// include reads the files of a source statement.
func (p *parser) include(l *lexer, tok, name token) {
	p.endOfLine(l)
	relative := tok.text == "rsource" || tok.text == "orsource"
	optional := tok.text == "osource" || tok.text == "orsource"
	file := name.text
	if hasProbe(file) {
		p.t.report(l.file, tok.line, Error, "the name of the file to read depends on a shell command that was not run")
		return
	}
	if relative {
		file = path.Join(path.Dir(p.t.files[l.file].name), file)
	}
	names := []string{file}
	if strings.ContainsAny(file, "*?[") {
		names = p.source.glob(file)
		if len(names) == 0 && !optional {
			p.t.report(l.file, tok.line, Error, "can't open file \"%s\"", file)
		}
	}
	p.including[len(p.including)-1].line = tok.line
	for _, n := range names {
		p.includeFile(l, tok, n, optional)
	}
}

func (p *parser) includeFile(l *lexer, tok token, name string, optional bool) {
	if p.recursive(name) {
		return
	}
	if len(p.including) >= maxDepth || len(p.t.files) >= maxFiles || p.bytes > maxBytes {
		p.t.report(l.file, tok.line, Error, "not read: more than %d files within each other, %d files or %d MiB", maxDepth, maxFiles, maxBytes>>20)
		return
	}
	text, err := p.source.read(name)
	if err != nil {
		if !optional || !errors.Is(err, fs.ErrNotExist) {
			p.t.report(l.file, tok.line, Error, "can't open file \"%s\"", name)
		}
		return
	}
	p.bytes += len(text)
	p.file(name, text)
}

// recursive reports a file that is being read already.
func (p *parser) recursive(name string) bool {
	for _, in := range p.including {
		if in.name != name {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "Recursive inclusion detected.\nInclusion path:\n  current file : %s", name)
		for i := len(p.including) - 1; i >= 0; i-- {
			fmt.Fprintf(&b, "\n  included from: %s:%d", p.including[i].name, p.including[i].line)
			if p.including[i].name == name {
				break
			}
		}
		p.t.report(-1, 0, Error, "%s", b.String())
		return true
	}
	return false
}
