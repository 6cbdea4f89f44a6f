package gmake

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"
)

type function struct {
	min, max int // arguments; a max of 0 is any number
	lazy     bool
	call     func(e *Env, args []string) string
}

func functions() map[string]function {
	return map[string]function{
		"subst": {3, 3, false, func(e *Env, a []string) string { return e.subst(a[0], a[1], a[2]) }},
		"patsubst": {3, 3, false, func(e *Env, a []string) string {
			return e.patsubst(strings.TrimSpace(a[0]), strings.TrimSpace(a[1]), a[2])
		}},
		"strip":      {1, 1, false, func(_ *Env, a []string) string { return strings.Join(fields(a[0]), " ") }},
		"findstring": {2, 2, false, findstring},
		"filter":     {2, 2, false, func(_ *Env, a []string) string { return filter(a[0], a[1], true) }},
		"filter-out": {2, 2, false, func(_ *Env, a []string) string { return filter(a[0], a[1], false) }},
		"sort":       {1, 1, false, sortWords},
		"word":       {2, 2, false, word},
		"wordlist":   {3, 3, false, wordlist},
		"words":      {1, 1, false, countWords},
		"firstword":  {1, 1, false, func(_ *Env, a []string) string { return pick(a[0], 0) }},
		"lastword":   {1, 1, false, func(_ *Env, a []string) string { return pick(a[0], -1) }},
		"dir":        {1, 1, false, each(dirOf)},
		"notdir":     {1, 1, false, each(func(w string) string { return w[strings.LastIndexByte(w, '/')+1:] })},
		"suffix":     {1, 1, false, each(suffixOf)},
		"basename":   {1, 1, false, each(func(w string) string { return strings.TrimSuffix(w, suffixOf(w)) })},
		"addsuffix":  {2, 2, false, func(e *Env, a []string) string { return e.affix("", a[0], a[1]) }},
		"addprefix":  {2, 2, false, func(e *Env, a []string) string { return e.affix(a[0], "", a[1]) }},
		"join":       {2, 2, false, joinWords},
		"wildcard":   {1, 1, false, wildcard},
		"realpath":   {1, 1, false, each(cleanWord)},
		"abspath":    {1, 1, false, each(cleanWord)},
		"if":         {2, 3, true, ifFunc},
		"or":         {1, 0, true, orFunc},
		"and":        {1, 0, true, andFunc},
		"intcmp":     {2, 5, false, func(*Env, []string) string { return unknown }},
		"foreach":    {3, 3, true, foreach},
		"let":        {3, 3, true, let},
		"call":       {1, 0, false, call},
		"value":      {1, 1, false, value},
		"eval":       {1, 1, false, eval},
		"origin":     {1, 1, false, originFunc},
		"flavor":     {1, 1, false, flavor},
		"shell":      {1, 1, true, func(e *Env, a []string) string { return e.shell(a[0]) }},
		"guile":      {1, 1, true, func(*Env, []string) string { return unknown }},
		"file":       {1, 2, false, func(*Env, []string) string { return unknown }},
		"error":      {1, 1, false, func(e *Env, a []string) string { return report(e, "error: ", a[0]) }},
		"warning":    {1, 1, false, func(e *Env, a []string) string { return report(e, "warning: ", a[0]) }},
		"info":       {1, 1, false, func(*Env, []string) string { return "" }},
	}
}

// report keeps what a makefile says. In a branch that is only perhaps taken it says
// nothing.
func report(e *Env, kind, text string) string {
	if e.maybe == 0 {
		e.problem("%s%s", kind, strings.ReplaceAll(strings.ReplaceAll(text, unknown, "…"), maybe, ""))
	}
	return ""
}

func (e *Env) subst(from, to, text string) string {
	if from == "" {
		return text + to
	}
	if !e.fits(strings.Count(text, from), len(to)) {
		return unknown
	}
	return strings.ReplaceAll(text, from, to)
}

// Match matches a word with a pattern in which the first % is any text, the stem.
func Match(pattern, word string) (stem string, ok bool) {
	i := strings.IndexByte(pattern, '%')
	if i < 0 {
		return "", pattern == word
	}
	pre, post := pattern[:i], pattern[i+1:]
	if len(word) < len(pre)+len(post) || !strings.HasPrefix(word, pre) || !strings.HasSuffix(word, post) {
		return "", false
	}
	return word[len(pre) : len(word)-len(post)], true
}

func (e *Env) patsubst(from, to, text string) string {
	words := fields(text)
	if !e.fits(len(words), len(to)) {
		return unknown
	}
	for i, w := range words {
		w, marked := plain(w)
		if stem, ok := Match(from, w); ok {
			if strings.Contains(from, "%") {
				w = strings.Replace(to, "%", stem, 1)
			} else {
				w = to
			}
		}
		words[i] = remark(w, marked)
	}
	return strings.Join(words, " ")
}

func findstring(_ *Env, a []string) string {
	if strings.Contains(a[1], a[0]) {
		return a[0]
	}
	if strings.Contains(a[0], unknown) || strings.Contains(a[1], unknown) {
		return unknown
	}
	return ""
}

func filter(patterns, text string, keep bool) string {
	pats := fields(patterns)
	var out []string
	for _, w := range fields(text) {
		w, marked := plain(w)
		hit, perhaps := false, w == unknown
		for _, p := range pats {
			p, unsure := plain(p)
			_, ok := Match(p, w)
			switch {
			case ok && !unsure:
				hit = true
			case ok || strings.Contains(p, unknown):
				perhaps = true
			}
		}
		switch {
		case hit == keep && (hit || !perhaps), w == unknown:
			out = append(out, remark(w, marked))
		case perhaps && !hit:
			out = append(out, remark(w, true))
		}
	}
	return strings.Join(out, " ")
}

func sortWords(_ *Env, a []string) string {
	words := fields(a[0])
	slices.SortFunc(words, func(x, y string) int {
		px, _ := plain(x)
		py, _ := plain(y)
		return cmp.Or(cmp.Compare(px, py), cmp.Compare(y, x)) // a sure word before a maybe
	})
	words = slices.CompactFunc(words, func(x, y string) bool {
		px, _ := plain(x)
		py, _ := plain(y)
		return px == py
	})
	return strings.Join(words, " ")
}

// unsure says whether the number of words in a text is not known.
func unsure(s string) bool { return strings.Contains(s, unknown) || strings.Contains(s, maybe) }

func word(_ *Env, a []string) string {
	n := number(strings.TrimSpace(a[0]))
	if unsure(a[1]) || unsure(a[0]) {
		return unknown
	}
	if words := fields(a[1]); n >= 1 && n <= len(words) {
		return words[n-1]
	}
	return ""
}

func wordlist(_ *Env, a []string) string {
	if unsure(a[0]) || unsure(a[1]) || unsure(a[2]) {
		return markAll(a[2])
	}
	words := fields(a[2])
	from, to := number(strings.TrimSpace(a[0])), number(strings.TrimSpace(a[1]))
	if from < 1 || from > len(words) || to < from {
		return ""
	}
	return strings.Join(words[from-1:min(to, len(words))], " ")
}

func countWords(_ *Env, a []string) string {
	if unsure(a[0]) {
		return unknown
	}
	return itoa(len(fields(a[0])))
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func pick(s string, i int) string {
	words := fields(s)
	if len(words) == 0 {
		return ""
	}
	if i < 0 {
		i += len(words)
	}
	if unsure(words[i]) {
		return unknown
	}
	return words[i]
}

func each(f func(string) string) func(*Env, []string) string {
	return func(_ *Env, a []string) string {
		words := fields(a[0])
		out := words[:0]
		for _, w := range words {
			w, marked := plain(w)
			if w = f(w); w != "" {
				out = append(out, remark(w, marked))
			}
		}
		return strings.Join(out, " ")
	}
}

func dirOf(w string) string {
	i := strings.LastIndexByte(w, '/')
	if i < 0 {
		return "./"
	}
	return w[:i+1]
}

func suffixOf(w string) string {
	i := strings.LastIndexByte(w, '.')
	if i < 0 || i < strings.LastIndexByte(w, '/') {
		return ""
	}
	return w[i:]
}

func cleanWord(w string) string {
	if strings.Contains(w, unknown) {
		return unknown
	}
	return path.Clean(w)
}

func (e *Env) affix(pre, post, text string) string {
	if unsure(pre) && nonEmpty(pre) == dunno && strings.Contains(pre, unknown) {
		pre = unknown
	}
	words := fields(text)
	if !e.fits(len(words), len(pre)+len(post)) {
		return unknown
	}
	for i, w := range words {
		w, marked := plain(w)
		words[i] = remark(pre+w+post, marked)
	}
	return strings.Join(words, " ")
}

func joinWords(_ *Env, a []string) string {
	x, y := fields(a[0]), fields(a[1])
	var out []string
	for i := range max(len(x), len(y)) {
		w := ""
		if i < len(x) {
			w = x[i]
		}
		if i < len(y) {
			w += y[i]
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

func wildcard(e *Env, a []string) string {
	var out []string
	for _, w := range fields(a[0]) {
		w, marked := plain(w)
		if strings.Contains(w, unknown) {
			out = append(out, unknown)
			continue
		}
		for _, name := range e.glob(w) {
			out = append(out, remark(name, marked))
		}
	}
	return strings.Join(out, " ")
}

// glob gives the files of the tree that a pattern names, spelled as the pattern is.
func (e *Env) glob(pattern string) []string {
	clean, ok := Clean(pattern)
	if !ok {
		return nil
	}
	if !strings.ContainsAny(pattern, "*?[") {
		if e.Tree.Exists(clean) {
			return []string{pattern}
		}
		return nil
	}
	if strings.Count(clean, "*") > 8 {
		return nil
	}
	names, err := fs.Glob(e.Tree.fsys, clean)
	if err != nil {
		return nil
	}
	if strings.HasPrefix(pattern, "./") {
		for i := range names {
			names[i] = "./" + names[i]
		}
	}
	return names
}

func ifFunc(e *Env, a []string) string {
	other := func() string {
		if len(a) < 3 {
			return ""
		}
		return e.expand(a[2])
	}
	switch nonEmpty(e.expand(strings.TrimSpace(a[0]))) {
	case yes:
		return e.expand(a[1])
	case no:
		return other()
	}
	x, y := e.expand(a[1]), other()
	if x == y {
		return x
	}
	return join(markAll(x), markAll(y))
}

func orFunc(e *Env, a []string) string {
	var out []string
	for _, arg := range a {
		v := e.expand(strings.TrimSpace(arg))
		switch nonEmpty(v) {
		case yes:
			if len(out) == 0 {
				return v
			}
			return strings.Join(append(out, markAll(v)), " ")
		case dunno:
			out = append(out, markAll(v))
		}
	}
	return strings.Join(out, " ")
}

func andFunc(e *Env, a []string) string {
	last, perhaps := "", false
	for _, arg := range a {
		last = e.expand(strings.TrimSpace(arg))
		switch nonEmpty(last) {
		case no:
			return ""
		case dunno:
			perhaps = true
		}
	}
	if perhaps {
		return markAll(last)
	}
	return last
}

func foreach(e *Env, a []string) string {
	name := strings.TrimSpace(e.expand(a[0]))
	old, had := e.vars[name]
	var out []string
	size := 0
	for _, w := range fields(e.expand(a[1])) {
		w, marked := plain(w)
		e.limit.steps++
		if e.over() || !e.fits(1, size) {
			break
		}
		e.vars[name] = &variable{value: w, origin: originAutomatic}
		var v string
		if marked || w == unknown {
			e.maybe++
			v = markAll(e.expand(a[2]))
			e.maybe--
		} else {
			v = e.expand(a[2])
		}
		out = append(out, v)
		size += len(v) + 1
	}
	if had {
		e.vars[name] = old
	} else {
		delete(e.vars, name)
	}
	return strings.Join(out, " ")
}

func let(e *Env, a []string) string {
	names, values := fields(e.expand(a[0])), fields(e.expand(a[1]))
	c := e.Child()
	c.limit, c.file, c.line, c.depth, c.args = e.limit, e.file, e.line, e.depth, e.args
	for i, n := range names {
		v := ""
		switch {
		case i == len(names)-1 && i < len(values):
			v = strings.Join(values[i:], " ")
		case i < len(values):
			v = values[i]
		}
		c.vars[n] = &variable{value: v, origin: originAutomatic}
	}
	return c.expand(a[2])
}

func call(e *Env, a []string) string {
	name := strings.TrimSpace(a[0])
	if f, ok := e.Tree.functions[name]; ok {
		args := a[1:]
		if f.max > 0 && len(args) > f.max {
			args = append(args[:f.max-1:f.max-1], strings.Join(args[f.max-1:], ","))
		}
		if len(args) < f.min {
			return unknown
		}
		return f.call(e, args)
	}
	if strings.Contains(name, unknown) {
		return unknown
	}
	v := e.lookup(name)
	if v == nil {
		return ""
	}
	if !v.recursive {
		return v.value
	}
	was := e.args
	e.args = append([]string{name}, a[1:]...)
	out := e.expand(v.value)
	e.args = was
	return out
}

func value(e *Env, a []string) string {
	if v := e.lookup(strings.TrimSpace(a[0])); v != nil {
		return v.value
	}
	return e.config(a[0])
}

func eval(e *Env, a []string) string {
	if strings.Contains(a[0], unknown) && strings.TrimSpace(a[0]) == unknown {
		return ""
	}
	// The text has been expanded, and its unknowns stay what they are.
	stmts, problems := parseText(e.file, a[0])
	for _, p := range problems {
		e.problem("in $(eval …): %s", p.Text)
	}
	line, last := e.line, e.last
	for i := range stmts {
		stmts[i].line = line
	}
	e.depth++
	e.run(stmts)
	e.depth--
	e.line, e.last = line, last
	return ""
}

func originFunc(e *Env, a []string) string {
	name := strings.TrimSpace(a[0])
	v := e.lookup(name)
	if v == nil {
		if e.config(name) != "" {
			return "file"
		}
		return "undefined"
	}
	return originNames[v.origin]
}

func flavor(e *Env, a []string) string {
	v := e.lookup(strings.TrimSpace(a[0]))
	switch {
	case v == nil || v.origin == originUndefined:
		return "undefined"
	case v.recursive:
		return "recursive"
	}
	return "simple"
}
