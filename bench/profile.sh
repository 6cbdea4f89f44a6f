#!/bin/sh
# perf.data → folded stacks and a flame graph: Ringside against perf script, on
# the same recording. Prints CPU seconds, peak memory, and how much of the weight
# is in stacks that are the same.
#
#   bench/profile.sh [perf.data]
#
# Without a recording one of about a million samples is made (needs root). The
# FlameGraph scripts take part where stackcollapse-perf.pl and flamegraph.pl are
# in the PATH; no distribution has them.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
data=${1:-}
if [ -z "$data" ]; then
	data=$work/perf.data
	perf record -q -F 20000 -e cpu-clock -g -a -o "$data" -- sh -c '
		end=$(($(date +%s) + 25))
		while [ "$(date +%s)" -lt $end ]; do perl -e "my %h; \$h{\$_ % 977} .= chr(\$_ % 26 + 97) for 1..400000; sort values %h"; done &
		while [ "$(date +%s)" -lt $end ]; do tar cf - /usr/lib/x86_64-linux-gnu 2>/dev/null | gzip -1 >/dev/null; done &
		wait' 2>/dev/null
fi
# CPU seconds and peak memory in MiB of a command.
cost() {
	name=$1
	shift
	/usr/bin/time -f "%U %S %M" -o "$work/time" sh -c "$*" 2>/dev/null
	awk -v n="$name" '{printf "%-40s %7.2f CPU s %7.0f MiB\n", n, $1+$2, $3/1024; print $1+$2 > "'"$work"'/cpu"}' "$work/time"
}
# Where stacks differ: awk prints the share of the weight that is in stacks that
# are the same, and the total of each side.
same() {
	awk 'function cut() { n = $NF; sub(/ [0-9.e+]+$/, "") }
		FNR == NR { cut(); a[$0] += n / period; ta += n / period; next }
		{ cut(); b[$0] += n; tb += n }
		END {
			for (k in a) { s += (a[k] < b[k] ? a[k] : b[k]) }
			printf "samples: %d of the peer, %d of ours; %.3f %% of the weight in identical folded stacks\n", ta, tb, 100 * s / ta
		}' "period=$3" "$1" "$2"
}
echo "$(du -m "$data" | cut -f1) MiB, $(perf script -i "$data" -F event 2>/dev/null | grep -c .) samples as perf counts them"
cost "perf script" "perf script --no-inline -i '$data' > '$work/script.txt'"
theirs=$(cat "$work/cpu")
folded=
if command -v stackcollapse-perf.pl >/dev/null && command -v flamegraph.pl >/dev/null; then
	folded=yes
	cost "stackcollapse-perf.pl" "stackcollapse-perf.pl '$work/script.txt' > '$work/theirs.folded'"
	theirs=$(echo "$theirs $(cat "$work/cpu")" | awk '{print $1+$2}')
	cost "flamegraph.pl" "flamegraph.pl '$work/theirs.folded' > '$work/theirs.svg'"
	theirs=$(echo "$theirs $(cat "$work/cpu")" | awk '{print $1+$2}')
else
	echo "stackcollapse-perf.pl and flamegraph.pl are not installed: the peer below is perf script alone"
fi
cost "ringside profile flame" "'$work/ringside' profile flame '$data' -o '$work/flame.html'"
ours=$(cat "$work/cpu")
cost "ringside profile export" "'$work/ringside' profile export --comm '$data' -o '$work/ours.folded'"
echo "$theirs $ours" | awk '{printf "CPU time of the peer / ours: %.1f\n", $1/$2}'
if [ -n "$folded" ]; then
	# The script reads neither a task number of -1 nor a module with a parenthesis
	# in its name: it gets the text without them.
	sed 's/ (deleted))$/)/; s/^:-1  *-1 /:-1 0 /' "$work/script.txt" | stackcollapse-perf.pl >"$work/theirs.folded" 2>/dev/null
	sed 's/ (deleted)\]/]/g' "$work/ours.folded" >"$work/ours2.folded"
	period=$(sed -n 's/.*: *\([0-9][0-9]*\) [^ ]*: *$/\1/p' "$work/script.txt" | head -1)
	same "$work/theirs.folded" "$work/ours2.folded" "${period:-1}"
fi
