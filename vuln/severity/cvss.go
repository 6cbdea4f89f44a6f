package severity

import (
	"math"
	"strings"
)

// Score computes the base score of a CVSS 3.0 or 3.1 vector, 0 if it is none. Vectors of
// version 4 need a table of 270 rows and are given with their score by those who use
// them.
func Score(vector string) float64 {
	version, metrics, ok := strings.Cut(vector, "/")
	if !ok || !strings.HasPrefix(version, "CVSS:3.") {
		return 0
	}
	m := map[string]string{}
	for part := range strings.SplitSeq(metrics, "/") {
		name, value, _ := strings.Cut(part, ":")
		m[name] = value
	}
	changed := m["S"] == "C"
	tables := map[string]map[string]float64{
		"AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
		"AC": {"L": 0.77, "H": 0.44},
		"PR": {"N": 0.85, "L": 0.62, "H": 0.27},
		"UI": {"N": 0.85, "R": 0.62},
	}
	if changed {
		tables["PR"] = map[string]float64{"N": 0.85, "L": 0.68, "H": 0.5}
	}
	exploit := 8.22
	for name, table := range tables {
		w, ok := table[m[name]]
		if !ok {
			return 0
		}
		exploit *= w
	}
	left := 1.0
	for _, name := range []string{"C", "I", "A"} {
		w, ok := map[string]float64{"H": 0.56, "L": 0.22, "N": 0}[m[name]]
		if !ok {
			return 0
		}
		left *= 1 - w
	}
	iss := 1 - left
	hit := 6.42 * iss
	if changed {
		hit = 7.52*(iss-0.029) - 3.25*math.Pow(iss-0.02, 15)
	}
	switch {
	case hit <= 0:
		return 0
	case changed:
		return roundUp(math.Min(1.08*(hit+exploit), 10))
	default:
		return roundUp(math.Min(hit+exploit, 10))
	}
}

// roundUp is CVSS 3.1's: to one decimal, upwards, without the noise of floats.
func roundUp(x float64) float64 {
	n := int(math.Round(x * 100000))
	if n%10000 == 0 {
		return float64(n) / 100000
	}
	return (math.Floor(float64(n)/10000) + 1) / 10
}
