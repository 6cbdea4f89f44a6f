package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Algorithm is the version of the rules that make signatures. It changes with
// any rule that could give an old report a new signature.
const Algorithm = "ringside-1"

// sign makes the signature of a finished report. What goes in, by level:
//
//	exact     kind, every reliable frame with offset, size, module and build ID
//	stack     kind, the functions of every reliable frame
//	portable  kind, mechanism, guilty function and module, all without what a
//	          compiler, an architecture or a rebuild changes
//	family    family of the kind, guilty function
//
// Never in it: taint, addresses, CPU, task, host, time, line numbers, and at
// the portable level offsets and who called. Inlined frames and those the
// unwinder doubts are left out everywhere.
func (b *builder) sign() Signature {
	r := &b.rep
	s := Signature{Algorithm: Algorithm}
	exact := []string{string(r.Kind)}
	stack := []string{string(r.Kind)}
	for i := range r.Frames {
		f := &r.Frames[i]
		if !f.Reliable || f.Inline || f.Function == "" {
			continue
		}
		exact = append(exact, f.Function+"+"+strconv.FormatUint(f.Offset, 16)+"/"+strconv.FormatUint(f.Size, 16)+"@"+f.Module+"#"+f.BuildID)
		stack = append(stack, PortableName(f.Function)+"@"+f.Module)
	}
	where := normalise(r.Headline)
	module := ""
	if r.Guilty != nil {
		where, module = PortableName(r.Guilty.Function), r.Guilty.Module
	}
	if len(stack) == 1 {
		exact = append(exact, where)
		stack = append(stack, where)
	}
	portable := []string{string(r.Kind)}
	if m := mechanism(r); m != "" {
		portable = append(portable, m)
	}
	portable = append(portable, where)
	if module != "" {
		portable = append(portable, module)
	}
	s.Basis = portable
	s.Exact, s.Stack, s.Portable = digest(exact), digest(stack), digest(portable)
	s.Family = digest([]string{r.Kind.Family(), where})
	return s
}

// mechanism is what a sanitizer found, without what differs from one run to the
// next.
func mechanism(r *Report) string {
	if r.Fault == nil {
		return ""
	}
	switch r.Kind {
	case KindKASAN, KindKFENCE, KindKMSAN, KindUBSAN:
		return strings.TrimPrefix(normalise(r.Fault.Reason), "slab-")
	}
	return ""
}

// normalise replaces what varies in a line: numbers and addresses.
func normalise(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if !isDigit(c) {
			// A run of hex letters that holds a digit is an address too.
			n := spanOf([]byte(s[i:]), func(b byte) bool { return isSymbol(b) })
			word := s[i : i+n]
			if n >= 8 && hexLen([]byte(word)) == n {
				out.WriteByte('#')
				i += n
				continue
			}
			if n > 1 {
				for j := range len(word) {
					if isDigit(word[j]) {
						if j == 0 || !isDigit(word[j-1]) {
							out.WriteByte('#')
						}
						continue
					}
					out.WriteByte(word[j])
				}
				i += n
				continue
			}
			out.WriteByte(c)
			i++
			continue
		}
		n := hexLen([]byte(s[i:]))
		out.WriteByte('#')
		i += max(n, 1)
	}
	return out.String()
}

func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
