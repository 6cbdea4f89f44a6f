#!/usr/bin/env bash
# A million KUnit results: Ringside beside the kernel's own parser on the same log. Prints
# CPU seconds and the ratio; both have to count the same.
#
#   bench/ktest.sh TREE [RESULTS]      a kernel's sources
set -euo pipefail
tree=$(realpath "$1") n=${2:-1000000}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$work/ringside" ./cmd/ringside
awk -v n="$n" 'BEGIN {
	print "KTAP version 1"; print "1.." n / 100
	for (s = 1; s <= n / 100; s++) {
		print "    KTAP version 1\n    # Subtest: suite_" s "\n    1..100"
		for (i = 1; i <= 100; i++) print "    ok " i " case_number_" i
		print "# suite_" s ": pass:100 fail:0 skip:0 total:100\nok " s " suite_" s
	}
}' >"$work/log"
ls -l "$work/log" | awk '{print "  " $5 " bytes"}'
/usr/bin/time -o "$work/theirs" -f "%U %S %M" python3 "$tree/tools/testing/kunit/kunit.py" parse "$work/log" >"$work/theirs.out" 2>&1 || true
/usr/bin/time -o "$work/ours" -f "%U %S %M" "$work/ringside" test import "$work/log" >"$work/ours.out"
tail -n 3 "$work/theirs.out" | sed 's/^/  kunit.py: /'
sed 's/^/  ringside: /' "$work/ours.out"
cat "$work/theirs" "$work/ours" | awk 'NR == 1 {t = $1 + $2; m = $3} NR == 2 {printf "  kunit.py %.2f CPU s %d MiB, ringside %.2f CPU s %d MiB: %.1f times less\n", t, m / 1024, $1 + $2, $3 / 1024, t / ($1 + $2); exit t / ($1 + $2) < 10}'
