package ktest

import (
	"slices"
	"strings"
)

// Suite is tests that are known by name: what is run in a machine, and where its results
// are.
type Suite struct {
	Name    string     `json:"name"`
	What    string     `json:"what"`
	Steps   [][]string `json:"steps"`
	Console bool       `json:"console"`         // the results are on the kernel's console
	Needs   []string   `json:"needs,omitempty"` // options that the kernel has to be built with
	Cmdline []string   `json:"cmdline,omitempty"`
	With    []string   `json:"with,omitempty"` // programs that are brought along
}

// Suites lists the suites that are built in.
func Suites() []Suite {
	return []Suite{
		{Name: "boot", What: "the kernel comes up and goes down", Steps: [][]string{{"true"}}},
		{Name: "kunit", What: "all KUnit tests that are built in", Console: true, Needs: []string{"KUNIT=y"}, Cmdline: []string{"kunit.enable=1"}},
		{Name: "stress-ng", What: "a second of each of stress-ng's basic stressors, and what they got done",
			With: []string{"stress-ng"}, Steps: [][]string{{"sh", "-c", "stress-ng --seq 1 --class cpu-cache --timeout 1 --metrics --yaml /tmp/yaml >&2; rc=$?; cat /tmp/yaml; exit $rc"}}},
		{Name: "stress-mm", What: "memory management under stress-ng for ten seconds",
			With: []string{"stress-ng"}, Steps: [][]string{{"sh", "-c", "stress-ng --mmap 1 --brk 1 --stack 1 --timeout 10 --metrics --yaml /tmp/yaml >&2; rc=$?; cat /tmp/yaml; exit $rc"}}},
		{Name: "fio", What: "random reads and writes of a file in memory",
			Steps: [][]string{{"fio", "--name=randrw", "--filename=/tmp/fio", "--size=32m", "--rw=randrw", "--bs=4k", "--time_based", "--runtime=5", "--output-format=json"}}},
		{Name: "fail-slab", What: "allocations that fail at random while files are made", Needs: []string{"FAILSLAB=y", "FAULT_INJECTION_DEBUG_FS=y"},
			Steps: [][]string{{"sh", "-c", "cd /sys/kernel/debug/failslab && echo 10 > probability && echo 100 > times && echo 1 > verbose && for i in $(seq 200); do mkdir -p /tmp/d/$i && echo x > /tmp/d/$i/f; done; rm -rf /tmp/d; echo 0 > probability; echo TAP version 13; echo 1..1; echo ok 1 survived"}}},
	}
}

// FindSuite returns a suite by its name. "kselftest:DIR" runs what a folder of the guest's
// has, as kselftest's runner does.
func FindSuite(name string) (Suite, bool) {
	if dir, ok := strings.CutPrefix(name, "kselftest:"); ok && dir != "" {
		return Suite{Name: name, What: "the programs of " + dir + ", as kselftest's runner runs them", Steps: [][]string{{"sh", "-c", kselftest, "kselftest", dir}}}, true
	}
	all := Suites()
	i := slices.IndexFunc(all, func(s Suite) bool { return s.Name == name })
	if i < 0 {
		return Suite{}, false
	}
	return all[i], true
}

// kselftest runs the programs of a folder and writes TAP, as runner.sh does.
const kselftest = `cd "$1" || exit 2
set -- $(for f in *; do [ -f "$f" ] && [ -x "$f" ] && echo "$f"; done)
echo TAP version 13; echo 1..$#
n=0; bad=0
for t; do
	n=$((n + 1))
	echo "# selftests: $t"
	timeout 45 ./"$t" > /tmp/out 2>&1; rc=$?
	sed 's/^/# /' /tmp/out
	case $rc in
	0) echo "ok $n selftests: $t";;
	4) echo "ok $n selftests: $t # SKIP";;
	124) bad=1; echo "not ok $n selftests: $t # TIMEOUT 45 seconds";;
	*) bad=1; echo "not ok $n selftests: $t # exit=$rc";;
	esac
done
exit $bad
`

// Needed tells which of a suite's needs a configuration lacks. value returns an option's
// value, "" where it is not set.
func (s *Suite) Needed(value func(option string) string) (missing []string) {
	for _, n := range s.Needs {
		option, want, _ := strings.Cut(n, "=")
		if value(option) != want {
			missing = append(missing, "CONFIG_"+n)
		}
	}
	return missing
}
