// Package impact finds in a CVE's description what the flaw does: a use after free, a
// read out of bounds, a hang. The kernel's descriptions are the fix's commit message,
// with the words of the engineer who wrote it and often with the crash itself, so this
// is read from wording and is an estimate, which keeps the words that it was read from.
package impact

import "strings"

// A Class is what a flaw does to the machine.
type Class uint8

// The classes, the mildest first.
const (
	Unknown  Class = iota
	Warning        // a WARN, or another complaint without a consequence
	Leak           // memory or another resource is never given back
	Race           // data that two change at once, consequence not told
	Hang           // deadlock, endless loop, stall
	Crash          // NULL dereference, BUG, oops, divide error
	InfoLeak       // uninitialised or foreign memory is read out
	Refcount       // a reference count goes wrong, and with it lifetimes
	ReadOOB        // memory is read out of bounds
	Free           // freed twice, or what was never allocated
	UseAfter       // memory is used after it was freed
	WriteOOB       // memory is written out of bounds
)

// String gives the class's name.
func (c Class) String() string {
	return [...]string{"unknown", "warning", "resource_leak", "race", "hang", "crash", "information_leak", "refcount", "out_of_bounds_read", "invalid_free", "use_after_free", "out_of_bounds_write"}[min(c, WriteOOB)]
}

// MarshalText gives the name.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name.
func (c *Class) UnmarshalText(b []byte) error {
	*c = Unknown
	for x := Unknown; x <= WriteOOB; x++ {
		if x.String() == string(b) {
			*c = x
		}
	}
	return nil
}

// An Impact is a class and the words of the description that it was read from.
type Impact struct {
	Class  Class  `json:"class"`
	Phrase string `json:"phrase,omitempty"`
}

// phrases are what descriptions say, in lower case. A phrase begins where a word does.
var phrases = []struct {
	text  string
	class Class
}{
	{"out-of-bounds write", WriteOOB}, {"out-of-bound write", WriteOOB}, {"out of bounds write", WriteOOB}, {"oob write", WriteOOB},
	{"write out of bounds", WriteOOB}, {"writes out of bounds", WriteOOB}, {"buffer overflow", WriteOOB}, {"heap overflow", WriteOOB},
	{"stack overflow", WriteOOB}, {"overflows the buffer", WriteOOB}, {"memory corruption", WriteOOB}, {"corrupts memory", WriteOOB}, {"corrupt memory", WriteOOB},
	{"stack-out-of-bounds", WriteOOB}, {"memcpy: detected field-spanning write", WriteOOB}, {"list_add corruption", WriteOOB}, {"list_del corruption", UseAfter}, {"list corruption", UseAfter},
	{"use-after-free", UseAfter}, {"use after free", UseAfter}, {"slab-use-after-free", UseAfter}, {"uaf", UseAfter}, {"dangling pointer", UseAfter}, {"access freed memory", UseAfter}, {"freed memory", UseAfter}, {"dangling", UseAfter},
	{"double free", Free}, {"double-free", Free}, {"invalid free", Free}, {"invalid-free", Free}, {"freed twice", Free},
	{"slab-out-of-bounds", ReadOOB}, {"global-out-of-bounds", ReadOOB}, {"vmalloc-out-of-bounds", ReadOOB}, {"array-index-out-of-bounds", ReadOOB}, {"out-of-bounds", ReadOOB}, {"out-of-bound", ReadOOB}, {"out of bounds", ReadOOB}, {"out of bound", ReadOOB}, {"oob", ReadOOB}, {"buffer over-read", ReadOOB}, {"wild-memory-access", ReadOOB}, {"overread", ReadOOB},
	{"refcount_t: ", Refcount}, {"refcount underflow", Refcount}, {"refcount leak", Refcount}, {"reference count leak", Refcount}, {"refcount imbalance", Refcount}, {"refcount overflow", Refcount},
	{"uninit-value", InfoLeak}, {"infoleak", InfoLeak}, {"info leak", InfoLeak}, {"info-leak", InfoLeak}, {"information leak", InfoLeak}, {"kernel-infoleak", InfoLeak}, {"leak kernel memory", InfoLeak}, {"leaks kernel memory", InfoLeak}, {"uninitialized", InfoLeak}, {"uninitialised", InfoLeak},
	{"null pointer dereference", Crash}, {"null-pointer dereference", Crash}, {"null-ptr-deref", Crash}, {"null ptr deref", Crash}, {"null pointer deref", Crash}, {"null dereference", Crash}, {"null deref", Crash}, {"general protection fault", Crash}, {"kernel panic", Crash}, {"kernel bug at", Crash}, {"bug_on", Crash}, {"oops", Crash}, {"divide error", Crash}, {"division by zero", Crash}, {"divide by zero", Crash}, {"divide-by-zero", Crash}, {"unable to handle", Crash}, {"invalid opcode", Crash}, {"kernel crash", Crash}, {"crash", Crash},
	{"deadlock", Hang}, {"soft lockup", Hang}, {"hard lockup", Hang}, {"softlockup", Hang}, {"hung task", Hang}, {"infinite loop", Hang}, {"endless loop", Hang}, {"rcu stall", Hang}, {"rcu: info", Hang}, {"circular locking", Hang}, {"scheduling while atomic", Hang}, {"sleeping function called", Hang}, {"hang", Hang}, {"lockup", Hang},
	{"data race", Race}, {"data-race", Race}, {"race condition", Race},
	{"memory leak", Leak}, {"memleak", Leak}, {"unreferenced object", Leak}, {"resource leak", Leak}, {"leak", Leak},
	{"warning: ", Warning}, {"warn_on", Warning}, {"splat", Warning},
}

// byStart has the phrases by their first two letters.
var byStart = func() (t [1 << 10][]uint8) {
	for i, p := range phrases {
		k := key(p.text[0], p.text[1])
		t[k] = append(t[k], uint8(i))
	}
	return t
}()

// key folds two bytes of which the case does not matter.
func key(a, b byte) uint16 { return uint16(a&0x1f)<<5 | uint16(b&0x1f) }

// resolved is what comes before the subject in the CNA's descriptions.
const resolved = "the following vulnerability has been resolved:"

// Of reads a description, as text or as the bytes between the quotes of JSON. What the
// subject says goes before what the rest says; within each the gravest is taken.
func Of(text []byte) Impact {
	if len(text) > 64<<10 {
		text = text[:64<<10]
	}
	start := 0
	if i := strings.Index(string(text[:min(len(text), 128)]), resolved); i >= 0 {
		start = i + len(resolved)
	}
	subject := min(len(text), start+160)
	for i := start + 4; i+1 < subject; i++ {
		if text[i] == '\n' || (text[i] == '\\' && text[i+1] == 'n') {
			subject = i
			break
		}
	}
	if found := gravest(text[start:subject]); found.Class > Race {
		return found
	}
	return gravest(text[start:])
}

func gravest(text []byte) (best Impact) {
	word := false // the byte before belongs to a word
	for i := 0; i+1 < len(text); i++ {
		c := text[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if word || !letter {
			word = letter || (c >= '0' && c <= '9')
			if c == '\\' { // the n of \n begins no word, what follows does
				i++
				word = false
			}
			continue
		}
		word = true
		for _, n := range byStart[key(c, text[i+1])] {
			p := &phrases[n]
			if p.class > best.Class && hasFold(text[i:], p.text) {
				best = Impact{p.class, p.text}
			}
		}
	}
	return best
}

// hasFold says whether b begins with the lower-case s, whatever its own case.
func hasFold(b []byte, s string) bool {
	if len(b) < len(s) {
		return false
	}
	for i := range len(s) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
