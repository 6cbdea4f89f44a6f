package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Algorithm is the version of the rules that make signatures. It changes with
// any rule that could give an old report a new signature.
const Algorithm = "ringside-2"

// firstAlgorithm are the rules before it, which this program still knows.
const firstAlgorithm = "ringside-1"

// Sign makes the signature of a finished report by the rules of an algorithm.
// It answers false for an algorithm that this program does not know. A report
// that another version of the parser read is signed as it was read.
func Sign(r *Report, algorithm string) (Signature, bool) {
	switch algorithm {
	case Algorithm:
		return sign(r), true
	case firstAlgorithm:
		return signFirst(r), true
	}
	return Signature{}, false
}

func (b *builder) sign() Signature { return sign(&b.rep) }

// sign makes a signature out of what [components] lists.
func sign(r *Report) Signature {
	s := Signature{Algorithm: Algorithm}
	c := componentsOf(r)
	// Each level holds all of the wider one, so that who agrees at one agrees at
	// every wider one.
	s.Basis = c.basis()
	exact := append(make([]byte, 0, 4<<10), r.Kind...)
	exact = append(exact, 0)
	for _, part := range s.Basis {
		exact = append(append(exact, part...), 0)
	}
	stack := append(make([]byte, 0, 2<<10), exact...)
	for i := range r.Frames {
		f := &r.Frames[i]
		if !f.blamable() {
			continue
		}
		exact = append(append(exact, f.Function...), '+')
		exact = append(strconv.AppendUint(exact, f.Offset, 16), '/')
		exact = append(strconv.AppendUint(exact, f.Size, 16), '@')
		exact = append(append(append(append(exact, f.Module...), '#'), f.BuildID...), 0)
		stack = append(append(append(append(stack, PortableName(f.Function)...), '@'), f.Module...), 0)
	}
	s.Exact, s.Stack, s.Portable = sum(exact), sum(stack), digest(s.Basis)
	s.Family = digest([]string{c.family, c.where})
	return s
}

// components is what the portable signature and the family are made from:
//
//	exact     portable, kind, every reliable frame with offset, size, module, build ID
//	stack     portable, kind, the functions of every reliable frame
//	portable  trap, mechanism, where and module, all without what a compiler,
//	          an architecture or a rebuild changes
//	family    family of the kind, where
//
// Never in it: taint, addresses, CPU, task, host, time, line numbers, and at
// the portable level offsets and who called. Inlined frames and those the
// unwinder doubts are left out everywhere.
type components struct {
	trap      string // the kind, those unified that differ by architecture
	mechanism string // what a sanitizer or lockdep found
	where     string // guilty function, or the headline where there is none
	module    string
	family    string
}

func componentsOf(r *Report) components {
	c := components{trap: trap(r), mechanism: mechanism(r), family: r.Kind.Family()}
	if r.Guilty != nil {
		c.where, c.module = PortableName(r.Guilty.Function), r.Guilty.Module
	} else {
		c.where = anonymous(r)
	}
	return c
}

func (c *components) basis() []string {
	basis := []string{c.trap}
	if c.mechanism != "" {
		basis = append(basis, c.mechanism)
	}
	basis = append(basis, c.where)
	if c.module != "" {
		basis = append(basis, c.module)
	}
	return basis
}

// trap unifies the kinds by which architectures report one and the same bad
// pointer: what is a general protection fault on x86, for an address that is not
// canonical, is a paging request everywhere else; and under KASAN a NULL pointer
// faults in its shadow, which the kernel then says.
func trap(r *Report) string {
	switch r.Kind {
	case KindPageFault, KindGPF, KindStackSegment:
		if r.Fault != nil && strings.Contains(r.Fault.Reason, "null-ptr-deref") {
			return string(KindNullDeref)
		}
		return "bad-address"
	}
	return string(r.Kind)
}

// mechanism is what a check found, without what differs from one run or one
// release to the next.
func mechanism(r *Report) string {
	if r.Fault == nil {
		return ""
	}
	switch r.Kind {
	case KindKASAN, KindKFENCE, KindKMSAN, KindUBSAN:
		m := strings.TrimPrefix(normalise(r.Fault.Reason), "slab-")
		if strings.Contains(m, "double-free") || strings.Contains(m, "invalid-free") {
			return "invalid-free" // one wording until 6.1, two since
		}
		return m
	case KindLockdep:
		return normalise(r.Fault.Reason)
	}
	return ""
}

// anonymous is the headline of a report that blames no function, without who
// happened to run and on which of several equal devices.
func anonymous(r *Report) string {
	h := r.Headline
	if len(r.Task) > 1 {
		h = strings.ReplaceAll(h, r.Task, "#")
	}
	switch r.Class {
	case ClassIO, ClassHardware, ClassFilesystem:
		if len(r.Subject) > 1 {
			h = strings.ReplaceAll(h, r.Subject, "#")
		}
	}
	return normalise(h)
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

// digest is the short hash of parts, each with a zero behind it.
func digest(parts []string) string {
	text := make([]byte, 0, 256)
	for _, p := range parts {
		text = append(append(text, p...), 0)
	}
	return sum(text)
}

func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:8])
}
