package dump

import "fmt"

// Why says for what reason memory cannot be read.
type Why string

// The reasons.
const (
	WhyExcluded  Why = "excluded"  // left out on purpose, by makedumpfile's dump level
	WhyAbsent    Why = "absent"    // the machine has no RAM there
	WhyTruncated Why = "truncated" // the file ends before
	WhyDamaged   Why = "damaged"   // the bytes are there, and wrong
	WhyLost      Why = "lost"      // the disk was full while dumping, or a part of a split set was not given
)

// Gap is the error of reading memory that the dump does not hold.
type Gap struct {
	Addr   uint64 // the first address that cannot be read
	Why    Why
	Offset int64 // where in its file the content should be, 0 where it has no place
	Err    error // what went wrong, if anything did
}

var advice = map[Why]string{
	WhyExcluded:  "was left out when the dump was written: dump with a lower level (makedumpfile -d) if it is needed",
	WhyAbsent:    "is no RAM that this dump speaks of: check the address",
	WhyTruncated: "is missing because the file ends early: copy the dump again, or dump to a larger disk",
	WhyDamaged:   "cannot be read: copy the dump again and compare checksums",
	WhyLost:      "was lost while dumping: the disk was full; dump to a larger one, or with a higher level (makedumpfile -d)",
}

func (g *Gap) Error() string {
	text := advice[g.Why]
	if g.Why == WhyLost && g.Err != nil {
		return fmt.Sprintf("memory at %#x is not here: %v", g.Addr, g.Err)
	}
	s := fmt.Sprintf("memory at %#x %s", g.Addr, text)
	if g.Offset > 0 {
		s += fmt.Sprintf(" (file offset %#x", g.Offset)
		if g.Err != nil {
			s += ": " + g.Err.Error()
		}
		return s + ")"
	}
	if g.Err != nil {
		s += " (" + g.Err.Error() + ")"
	}
	return s
}

func (g *Gap) Unwrap() error { return g.Err }
