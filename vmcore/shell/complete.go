package shell

import (
	"context"
	"slices"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
)

// maxCompletions bounds what is offered.
const maxCompletions = 200

// Complete returns what the last word of a line may become, sorted, and where
// that word begins: commands and stages, columns of the table before a |, types,
// members, symbols.
func (s *Shell) Complete(ctx context.Context, line string) (from int, words []string) {
	from = strings.LastIndexAny(line, " \t|(!&=<>+-*/,~") + 1
	if i := strings.LastIndex(line, "->"); i >= 0 && i+2 > from {
		from = i + 2
	}
	word := line[from:]
	stage := line[:from]
	first := true
	if i := strings.LastIndexByte(stage, '|'); i >= 0 {
		stage, first = stage[i+1:], false
	}
	verb := strings.TrimSpace(stage)
	if verb, _, _ = strings.Cut(verb, " "); verb == "" {
		return from, matching(s.verbs(first), word)
	}
	if s.k.Types == nil {
		return from, s.symbols(word)
	}
	if at, members, ok := s.members(line, word); ok {
		return from + at, members
	}
	switch {
	case verb == "help":
		return from, matching(append(s.verbs(true), s.verbs(false)...), word)
	case verb == "foreach" && first:
		return from, matching(s.verbs(true), word)
	case !first: // expressions over rows
		words = matching(s.columns(ctx, line), word)
	case slices.Contains([]string{"struct", "union", "whatis"}, verb):
		words = s.types(word)
	}
	if word == "" {
		return from, words
	}
	return from, append(words, s.symbols(word)...)
}

func (s *Shell) verbs(first bool) []string {
	var out []string
	if first {
		for _, c := range commands() {
			out = append(out, c.names...)
		}
		return out
	}
	for _, st := range stages {
		out = append(out, st.name)
	}
	return out
}

// matching returns the words with a prefix, sorted.
func matching(words []string, prefix string) []string {
	var out []string
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// columns returns the columns of the table that the stages before the last make.
// They are known only when those have run.
func (s *Shell) columns(ctx context.Context, line string) []string {
	before := line[:strings.LastIndexByte(line, '|')]
	stages, _, _, err := cut(strings.TrimSpace(before))
	if err != nil {
		return nil
	}
	r, err := s.call(ctx).pipeline(stages)
	if err != nil || r.table == nil {
		return nil
	}
	return r.table.cols
}

// members completes the member of a type or of an expression: at is where its
// name begins in the word.
func (s *Shell) members(line, word string) (at int, out []string, ok bool) {
	var base string
	if strings.HasSuffix(line[:len(line)-len(word)], "->") {
		head := line[:len(line)-len(word)-2]
		base = head[strings.LastIndexAny(head, " |(!&=<>+*/,~")+1:]
	} else {
		i := strings.LastIndexByte(word, '.')
		if i < 0 {
			return 0, nil, false
		}
		base, at = word[:i], i+1
	}
	if base == "" {
		return 0, nil, false
	}
	spec, id, found := s.typeOfPath(base)
	if !found {
		return 0, nil, false
	}
	return at, matching(memberNames(spec, id), word[at:]), true
}

// typeOfPath returns the type of a path of members that begins with a type or a
// variable, through pointers.
func (s *Shell) typeOfPath(path string) (*btf.Spec, btf.ID, bool) {
	parts := strings.Split(strings.ReplaceAll(path, "->", "."), ".")
	spec, id, err := s.resolve(parts[0], "struct", "union")
	name, _, _ := strings.Cut(parts[0], ":")
	if t, ok := s.typeOf(name); ok {
		spec, id, err = s.k.Types, t, nil
	}
	if name == "current" {
		spec, id, err = s.resolve("task_struct", "struct")
	}
	if err != nil {
		return nil, 0, false
	}
	for _, p := range parts[1:] {
		f, ok := spec.Field(pointee(spec, id), p)
		if !ok {
			return nil, 0, false
		}
		id = f.Type
	}
	return spec, pointee(spec, id), true
}

// pointee returns what a pointer points to, and other types as they are.
func pointee(spec *btf.Spec, id btf.ID) btf.ID {
	id = spec.Resolve(id)
	if t := spec.Type(id); t.Kind == btf.KindPtr {
		return spec.Resolve(t.Elem)
	}
	return id
}

// maxAnonymous bounds how deep structures without names nest.
const maxAnonymous = 8

func memberNames(spec *btf.Spec, id btf.ID) []string {
	var out []string
	var add func(id btf.ID, depth int)
	add = func(id btf.ID, depth int) {
		for _, m := range spec.Members(id) {
			if m.Name != "" {
				out = append(out, m.Name)
			} else if depth < maxAnonymous {
				add(m.Type, depth+1)
			}
		}
	}
	add(id, 0)
	return out
}

// types returns the types that begin with a word.
func (s *Shell) types(prefix string) []string {
	if prefix == "" || strings.ContainsAny(prefix, `*?[\`) {
		return nil
	}
	var out []string
	for _, id := range s.k.Types.Find(prefix + "*") {
		if out = append(out, s.k.Types.Type(id).Name); len(out) == maxCompletions {
			break
		}
	}
	return matching(out, prefix)
}

// symbols returns the symbols that begin with a word.
func (s *Shell) symbols(prefix string) []string {
	if prefix == "" {
		return nil
	}
	var out []string
	if table := s.k.Symbols(); table != nil {
		out = table.Complete(prefix)
	}
	for _, m := range s.k.Modules() {
		m.EachSymbol(func(name string, _, _ uint64) { out = append(out, name) })
	}
	out = matching(out, prefix)
	return out[:min(len(out), maxCompletions)]
}

// Rung returns how far the dump's information carries.
func (s *Shell) Rung() kernel.Rung { return s.k.Rung() }
