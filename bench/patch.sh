#!/bin/sh
# Changes of a history as prints, next to git log -p | git patch-id on the same commits,
# and an index of 100,000 changes: opened, searched. Prints CPU and clock seconds and the
# ratios; fails where a ratio is below what is promised.
#
#   bench/patch.sh REPO [COMMITS]
set -eu
repo=$(cd "$1" && pwd) n=${2:-3000}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gitdir=$(git -C "$repo" rev-parse --absolute-git-dir)
go test -c -o "$work/history.test" ./patch/history
cost() {
	out=$1
	shift
	for i in 1 2 3 4 5; do
		/usr/bin/time -o "$work/time.$i" -f "%e %U %S %M" "$@" > /dev/null 2>&1
	done
	cat "$work"/time.* | awk '{c = $2 + $3; if (!k++ || c < best) best = c; if (k == 1 || $1 < clock) clock = $1; if ($4 > m) m = $4} END {printf "%.3f %.3f %d\n", best, clock, m / 1024}' > "$work/$out.cost"
	rm "$work"/time.*
}
cost theirs sh -c "git -C '$repo' log -p --no-merges -n $n | git -C '$repo' patch-id --stable"
cost ours env RINGSIDE_GIT="$gitdir" RINGSIDE_COMMITS="$n" "$work/history.test" -test.run '^$' -test.bench 'Walk/prints' -test.benchtime 1x
awk '{printf "  git log -p | git patch-id  %6.2f CPU s %6.2f s %5d MiB\n", $1, $2, $3}' "$work/theirs.cost"
cat "$work/theirs.cost" "$work/ours.cost" | awk -v n="$n" 'NR == 1 {c = $1; t = $2} NR == 2 {
	printf "  ringside, %s prints       %6.2f CPU s %6.2f s %5d MiB: %.1f times less CPU, %.1f times faster\n", n, $1, $2, $3, c / $1, t / $2; exit t / $2 < 3}' || status=1
go test ./patch/equiv -run '^$' -bench Index | grep ^Bench | sed 's/^/  /'
exit "${status:-0}"
