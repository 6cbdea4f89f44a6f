package gmake

import "strings"

const (
	// unknown stands in a text for what only running a program could tell, perhaps
	// nothing.
	unknown = "\x01"
	// maybe is in each word of which it is not known whether the text has it.
	maybe = "\x02"
)

// fields splits at white space.
func fields(s string) []string { return strings.Fields(s) }

// markAll makes each word a maybe.
func markAll(s string) string {
	words := fields(s)
	for i, w := range words {
		words[i] = mark(w)
	}
	return strings.Join(words, " ")
}

func mark(word string) string {
	if strings.Contains(word, maybe) {
		return word
	}
	return maybe + word
}

// plain gives a word without its mark and whether it had one.
func plain(word string) (text string, marked bool) {
	if !strings.Contains(word, maybe) {
		return word, false
	}
	return strings.ReplaceAll(word, maybe, ""), true
}

func remark(word string, marked bool) string {
	if marked && word != "" {
		return mark(word)
	}
	return word
}

// nonEmpty says whether a text has anything but white space.
func nonEmpty(s string) answer {
	a := no
	for _, w := range fields(s) {
		if w != unknown && !strings.Contains(w, maybe) {
			return yes
		}
		a = dunno
	}
	return a
}

// equal compares two texts that may have unknown parts.
func equal(a, b string) answer {
	if strings.Contains(a, maybe) || strings.Contains(b, maybe) {
		return dunno
	}
	ua, ub := strings.Contains(a, unknown), strings.Contains(b, unknown)
	switch {
	case !ua && !ub:
		return answerOf(a == b)
	case ua && ub:
		return dunno
	case ub:
		a, b = b, a
	}
	// a has unknown parts: can it be b at all?
	parts := strings.Split(a, unknown)
	if !strings.HasPrefix(b, parts[0]) {
		return no
	}
	b = b[len(parts[0]):]
	tail := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(b, p)
		if i < 0 {
			return no
		}
		b = b[i+len(p):]
	}
	if !strings.HasSuffix(b, tail) {
		return no
	}
	return dunno
}
