package ranges

import (
	"fmt"
	"strconv"
	"strings"
)

// A Version is an upstream kernel version: a branch (6.1, 2.6.32) and the number of the
// stable release on it, which is 0 for the mainline release that the branch starts from.
// Versions of one branch order as numbers do; those of different branches do not, since
// nothing of 6.1.100 needs to be in 6.2. The zero Version is no version.
type Version uint64

// Latest is the number of a stable release that no branch reaches: Version.With(Latest)
// stands for all that is still to come.
const Latest = 0xffff

// ParseVersion reads "6.1", "6.1.100" or "2.6.32.71". It takes nothing else: a suffix
// of a distribution is Release's business.
func ParseVersion(s string) (Version, error) {
	var n [4]uint64
	parts := 0
	for field := range strings.SplitSeq(s, ".") {
		if parts == len(n) || field == "" || len(field) > 5 {
			return 0, fmt.Errorf("%.40q is no kernel version", s)
		}
		v, err := strconv.ParseUint(field, 10, 16)
		if err != nil || v >= Latest {
			return 0, fmt.Errorf("%.40q is no kernel version", s)
		}
		n[parts] = v
		parts++
	}
	old := n[0] < 3
	if parts < 2 || (!old && parts > 3) || n[0] == 0 {
		return 0, fmt.Errorf("%.40q is no kernel version", s)
	}
	if !old {
		n[2], n[3] = 0, n[2]
	}
	return Version(n[0]<<48 | n[1]<<32 | n[2]<<16 | n[3]), nil
}

// Branch is the mainline release that v's branch starts from, which is v itself for a
// mainline release.
func (v Version) Branch() Version { return v &^ 0xffff }

// Stable is the number of the stable release on the branch, 0 for mainline.
func (v Version) Stable() int { return int(v & 0xffff) }

// With returns the stable release n of v's branch.
func (v Version) With(n int) Version { return v.Branch() | Version(n&0xffff) }

// Next is the mainline release that follows v's branch where its major number stays, as
// 5.5 follows 5.4.
func (v Version) Next() Version {
	if v>>48 < 3 {
		return v.Branch() + 1<<16
	}
	return v.Branch() + 1<<32
}

// In says whether the release t contains what entered the kernel with v: mainline of an
// earlier or the same branch, or an earlier release of the same stable branch.
func (v Version) In(t Version) bool {
	if v.Stable() == 0 {
		return v <= t.Branch()
	}
	return v.Branch() == t.Branch() && v <= t
}

// String writes the version as the kernel's own tags do.
func (v Version) String() string {
	if v == 0 {
		return "0"
	}
	b := make([]byte, 0, 16)
	b = strconv.AppendUint(b, uint64(v>>48), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(v>>32&0xffff), 10)
	if v>>48 < 3 {
		b = append(b, '.')
		b = strconv.AppendUint(b, uint64(v>>16&0xffff), 10)
	}
	switch s := v.Stable(); s {
	case 0:
	case Latest:
		b = append(b, ".*"...)
	default:
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(s), 10)
	}
	return string(b)
}

// MarshalText gives String's form.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Version) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "0" || s == "" {
		*v = 0
		return nil
	}
	if base, ok := strings.CutSuffix(s, ".*"); ok {
		p, err := ParseVersion(base)
		*v = p.With(Latest)
		return err
	}
	p, err := ParseVersion(s)
	*v = p
	return err
}
