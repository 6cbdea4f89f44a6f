package kconfig

import (
	"strconv"
	"strings"
)

// shellFree answers the commands whose answer is in their own text: tests of strings and
// numbers, and picking a word. Kconfig files use them to take an earlier answer apart.
func (t *Tree) shellFree(command string) (string, bool) {
	if hasProbe(command) {
		return "", false
	}
	if body, ok := strings.CutPrefix(command, "{ "); ok {
		test, rest, ok := strings.Cut(body, "; } >/dev/null 2>&1 && echo \"")
		if !ok {
			return "", false
		}
		then, rest, ok := strings.Cut(rest, "\" || echo \"")
		if !ok || !strings.HasSuffix(rest, "\"") {
			return "", false
		}
		otherwise := strings.TrimSuffix(rest, "\"")
		if strings.ContainsAny(then+otherwise, "\"$`\\\n") {
			return "", false
		}
		holds, ok := shellTest(test)
		if holds {
			return strings.TrimRight(then, "\n"), ok
		}
		return otherwise, ok
	}
	if list, ok := strings.CutPrefix(command, "set -- "); ok {
		list, pick, ok := strings.Cut(list, " && echo $")
		n, err := strconv.Atoi(pick)
		words, plain := shellWords(list)
		if !ok || err != nil || n < 1 || n > 9 || !plain {
			return "", false
		}
		if n > len(words) {
			return "", true
		}
		return words[n-1], true
	}
	return "", false
}

// shellWords splits a command without any expansion in it into its words.
func shellWords(s string) (words []string, plain bool) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return words, true
		}
		if s[0] == '"' {
			in, rest, ok := strings.Cut(s[1:], "\"")
			if !ok || strings.ContainsAny(in, "$`\\") || rest != "" && rest[0] != ' ' {
				return nil, false
			}
			words, s = append(words, in), rest
			continue
		}
		w, rest, _ := strings.Cut(s, " ")
		if strings.ContainsAny(w, "\"'$`\\;|&<>*?~(){}#\n") {
			return nil, false
		}
		words, s = append(words, w), rest
	}
}

// shellTest evaluates test(1); ok is false for anything else.
func shellTest(s string) (holds, ok bool) {
	w, plain := shellWords(s)
	if !plain || len(w) == 0 {
		return false, false
	}
	switch w[0] {
	case "test":
		w = w[1:]
	case "[":
		if w[len(w)-1] != "]" {
			return false, false
		}
		w = w[1 : len(w)-1]
	default:
		return false, false
	}
	switch len(w) {
	case 2:
		switch w[0] {
		case "-z":
			return w[1] == "", true
		case "-n":
			return w[1] != "", true
		}
	case 3:
		switch w[1] {
		case "=":
			return w[0] == w[2], true
		case "!=":
			return w[0] != w[2], true
		}
		a, errA := strconv.ParseInt(w[0], 10, 64)
		b, errB := strconv.ParseInt(w[2], 10, 64)
		if errA != nil || errB != nil {
			return false, false
		}
		switch w[1] {
		case "-eq":
			return a == b, true
		case "-ne":
			return a != b, true
		case "-lt":
			return a < b, true
		case "-le":
			return a <= b, true
		case "-gt":
			return a > b, true
		case "-ge":
			return a >= b, true
		}
	}
	return false, false
}
