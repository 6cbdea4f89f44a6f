package equiv

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// A term is a word of one kind, hashed: what the index has a list of changes for.
type termKind uint64

const (
	lineTerm termKind = iota + 1
	subjectTerm
	upstreamTerm
	fixesTerm
	revertsTerm
	pathTerm
	functionTerm
	wordTerm
)

// abbrevLen is how many digits of a commit's name are compared: what the kernel's rules
// ask for at least.
const abbrevLen = 12

func term(kind termKind, text string) uint32 {
	h := uint64(0xcbf29ce484222325) ^ uint64(kind)*0x9e3779b97f4a7c15
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return uint32(mix(h) >> 32)
}

func commitTerm(kind termKind, id string) (uint32, bool) {
	if len(id) < abbrevLen {
		return 0, false
	}
	return term(kind, strings.ToLower(id[:abbrevLen])), true
}

var (
	subjectTags = regexp.MustCompile(`^(?:\[[^\]]*\]\s*|(?:UPSTREAM|BACKPORT|FROMLIST|FROMGIT|FROMTREE|ANDROID|CHROMIUM|HACK|SQUASHED|net-next|net)\s*:\s*)+`)
	notWord     = regexp.MustCompile(`[^a-z0-9]+`)
)

// NormalSubject is what two subjects of one change have in common: no marks of a tree, no
// case, no punctuation.
func NormalSubject(s string) string {
	s = subjectTags.ReplaceAllString(strings.TrimSpace(s), "")
	return strings.Trim(notWord.ReplaceAllString(strings.ToLower(s), " "), " ")
}

// terms lists all that a change can be found by, without its lines.
func (d *Doc) terms() []uint32 {
	var out []uint32
	if s := NormalSubject(d.Subject); s != "" {
		out = append(out, term(subjectTerm, s))
	}
	for kind, ids := range map[termKind][]string{upstreamTerm: d.Upstream, fixesTerm: d.Fixes, revertsTerm: d.Reverts} {
		for _, id := range ids {
			if t, ok := commitTerm(kind, id); ok {
				out = append(out, t)
			}
		}
	}
	for _, p := range d.Paths {
		out = append(out, term(pathTerm, p))
	}
	for _, f := range d.Functions {
		out = append(out, term(functionTerm, f))
	}
	for _, w := range d.Words {
		out = append(out, term(wordTerm, w))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// symptoms are what goes wrong, in the words of messages, and the one word that stands for
// it. hint is a part of all that said matches, in lower case: most messages have none.
var symptoms = []struct {
	word string
	hint []string
	said *regexp.Regexp
}{
	{"use-after-free", []string{"after", "uaf"}, regexp.MustCompile(`(?i)\buse[- ]after[- ]free|\bUAF\b`)},
	{"out-of-bounds", []string{"out", "over", "oob"}, regexp.MustCompile(`(?i)\bout[- ]of[- ](bounds?|range)|\boverrun|\bbuffer overflow|\bOOB\b`)},
	{"null-pointer", []string{"null"}, regexp.MustCompile(`(?i)\bnull[- ]?(pointer|ptr)|\bNULL deref`)},
	{"double-free", []string{"double"}, regexp.MustCompile(`(?i)\bdouble[- ]free`)},
	{"deadlock", []string{"lock"}, regexp.MustCompile(`(?i)\bdead[- ]?lock|\bcircular locking|\block inversion`)},
	{"leak", []string{"leak"}, regexp.MustCompile(`(?i)\bleak`)},
	{"uninit", []string{"uninit", "kmsan"}, regexp.MustCompile(`(?i)\buninit|\bKMSAN\b`)},
	{"divide", []string{"divi"}, regexp.MustCompile(`(?i)\bdivi(de|sion)[- ](by[- ]zero|error)`)},
	{"hang", []string{"hung", "hang", "lockup", "stall", "infinite"}, regexp.MustCompile(`(?i)\bhung task|\bhangs?\b|\bsoft ?lockup|\bstalls?\b|\binfinite loop`)},
	{"race", []string{"rac", "kcsan"}, regexp.MustCompile(`(?i)\brac(e|y|ing)\b|\bKCSAN\b`)},
	{"refcount", []string{"ref"}, regexp.MustCompile(`(?i)\bref(erence)?[- ]?count`)},
	{"sleeping", []string{"sleep", "atomic", "invalid"}, regexp.MustCompile(`(?i)\bsleeping (function|in)|\bscheduling while atomic|\binvalid context`)},
	{"warning", []string{"warn", "splat"}, regexp.MustCompile(`\bWARN(ING)?\b|(?i)\bsplat\b`)},
	{"protection-fault", []string{"protection", "gpf"}, regexp.MustCompile(`(?i)\bgeneral protection|\bGPF\b`)},
	{"page-fault", []string{"fault", "unable", "paging"}, regexp.MustCompile(`(?i)\bpage fault|\bunable to handle|\bpaging request`)},
	{"bug", []string{"bug"}, regexp.MustCompile(`\bBUG(_ON)?\b`)},
	{"stack-overflow", []string{"stack"}, regexp.MustCompile(`(?i)\bstack (overflow|guard|corruption)`)},
	{"list-corruption", []string{"corruption"}, regexp.MustCompile(`(?i)\blist(_add|_del)? corruption`)},
}

const maxWords = 96

// Symptoms are what a text says goes wrong, each in one word.
func Symptoms(text string) []string {
	var out []string
	lower := strings.ToLower(text)
	for i := range symptoms {
		s := &symptoms[i]
		if slices.ContainsFunc(s.hint, func(h string) bool { return strings.Contains(lower, h) }) && s.said.MatchString(text) {
			out = append(out, s.word)
		}
	}
	return out
}

// MessageWords are the words of a message that a crash could have too: names of functions
// and variables, and what goes wrong.
func MessageWords(message string) []string {
	out := Symptoms(message)
	seen := map[string]bool{}
	for i := 0; i < len(message) && len(out) < maxWords; {
		if !wordByte(message[i]) {
			i++
			continue
		}
		k, under := i, false
		for ; k < len(message) && wordByte(message[k]); k++ {
			under = under || message[k] == '_' && k > i
		}
		w := message[i:k]
		called := strings.HasPrefix(message[k:], "()")
		if (under && len(w) > 3 || called) && (w[0] < '0' || w[0] > '9') && !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
		i = k
	}
	return out
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// A Functions finds which functions the lines of a source file are in: what git puts
// behind the @@ of a hunk, the last line that begins with a letter, the line itself
// included. It remembers the last answer, since the next line is mostly in the same one.
type Functions struct {
	content    []byte
	start, end int // of what the answer holds for
	name       string
}

// maxLook is how far back the head of a function is looked for, in bytes.
const maxLook = 64 << 10

// At names the function at an offset where a line begins; empty where there is none.
func (f *Functions) At(content []byte, offset int) string {
	same := len(content) == len(f.content) && (len(content) == 0 || &content[0] == &f.content[0])
	if same && offset >= f.start && offset <= f.end {
		return f.name
	}
	known := 0 // up to here there is no head, if the last answer's range is reached
	if same && offset > f.end {
		known = f.end
	}
	end := len(content)
	if n := bytes.IndexByte(content[offset:], '\n'); n >= 0 {
		end = offset + n + 1
	} else if end > 0 && content[end-1] != '\n' {
		end++
	}
	last := end
	for low := max(offset-maxLook, 0); end > low+1; {
		if end <= known {
			f.end = last
			return f.name
		}
		start := bytes.LastIndexByte(content[:end-1], '\n') + 1
		if line := content[start : end-1]; len(line) > 0 && isHead(line) {
			f.content, f.start, f.end, f.name = content, start, last-1, functionOf(string(line))
			return f.name
		}
		end = start
	}
	f.content, f.start, f.end, f.name = content, end, last-1, ""
	return ""
}

func isHead(line []byte) bool {
	c := line[0]
	if c != '_' && c != '$' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
		return false
	}
	line = bytes.TrimRight(line, " \t\r")
	return len(line) > 1 && line[len(line)-1] != ':' // a label
}

var (
	calledName = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)[ \t]*\(`)
	typeName   = regexp.MustCompile(`\b(?:struct|union|enum)[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t]*(?:\{|$)`)
)

// functionOf finds the name in the head of a function or type.
func functionOf(head string) string {
	if len(head) > 512 {
		head = head[:512]
	}
	for _, m := range calledName.FindAllStringSubmatch(head, 8) {
		switch m[1] {
		case "if", "for", "while", "switch", "return", "sizeof", "__attribute__", "__printf", "__acquires", "__releases":
			continue
		case "SYSCALL_DEFINE0", "SYSCALL_DEFINE1", "SYSCALL_DEFINE2", "SYSCALL_DEFINE3", "SYSCALL_DEFINE4", "SYSCALL_DEFINE5", "SYSCALL_DEFINE6", "DEFINE_SHOW_ATTRIBUTE", "BPF_CALL_1", "BPF_CALL_2", "BPF_CALL_3", "BPF_CALL_4", "BPF_CALL_5":
			rest := head[strings.Index(head, m[1])+len(m[1]):]
			name := strings.TrimLeft(rest, "( \t")
			if end := strings.IndexAny(name, ",) \t"); end > 0 {
				return name[:end]
			}
		}
		return m[1]
	}
	if m := typeName.FindStringSubmatch(head); m != nil {
		return m[1]
	}
	return ""
}
