#!/bin/sh
# trace.dat → counts, latencies, text: Ringside against trace-cmd report on the
# same recording, uncompressed and with zstd. Prints CPU seconds, peak memory,
# ratios, and whether both count the same events; fails where counts differ or a
# ratio is below what is promised.
#
#   bench/trace.sh [trace.dat]
#
# Without a recording one of all events of this machine is made with trace-cmd
# (needs root; on a host that forbids the function tracer its files are hidden
# from trace-cmd in a mount namespace of its own).
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
# load keeps both CPUs busy with switches, faults and files.
cat > "$work/load.sh" <<'SH'
timeout 3 perf bench sched pipe -l 100000 >/dev/null 2>&1 &
end=$(($(date +%s) + 4))
while [ "$(date +%s)" -lt $end ]; do tar cf - /usr/lib 2>/dev/null | head -c 60000000 | gzip -1 >/dev/null; done &
while [ "$(date +%s)" -lt $end ]; do awk 'BEGIN { for (i = 0; i < 300000; i++) x[i % 977] = x[i % 977] "a" }'; done &
wait
SH
cat > "$work/record.sh" <<'SH'
mount --make-rprivate /
mount -t tracefs nodev /sys/kernel/tracing
: > "$1/empty"
for f in /proc/sys/kernel/ftrace_enabled /sys/kernel/tracing/set_ftrace_* /sys/kernel/tracing/set_graph_*; do
	if [ -e "$f" ]; then mount --bind "$1/empty" "$f"; fi
done
exec trace-cmd record -q -b 60000 --compression none -e all -o "$1/trace.dat" sh "$1/load.sh"
SH
data=${1:-$work/trace.dat}
if [ $# = 0 ]; then
	unshare -m sh "$work/record.sh" "$work" >/dev/null 2>&1 || [ -s "$data" ]
fi
for c in none zstd; do trace-cmd convert -i "$data" -o "$work/$c.dat" --compression $c >/dev/null 2>&1; done
# cost prints CPU seconds, the best of three for what is short, and peak memory
# in MiB, with the output thrown away.
cost() {
	out=$1 times=$2
	shift 2
	for i in $(seq "$times"); do
		/usr/bin/time -o "$work/time.$i" -f "%U %S %M" "$@" > /dev/null 2>&1
	done
	cat "$work"/time.* | awk '{c = $1 + $2; if (!n++ || c < best) best = c; if ($3 > m) m = $3} END {printf "%.3f %.0f\n", best, m / 1024}' > "$work/$out.cost"
	rm "$work"/time.*
}
# ratio NAME FILE PROMISED prints how often ours fits into theirs.
status=0
sep=$(printf '\001')
ratio() {
	cat "$work/theirs.cost" "$work/$2.cost" | awk -v n="$1" -v want="$3" 'NR == 1 {t = $1} NR == 2 {
		printf "  %-24s %7.2f CPU s %5d MiB  %6.1f times less (promised: %s)\n", n, $1, $2, t / $1, want; exit t / $1 < want}' || status=1
}
for c in none zstd; do
	echo "$c: $(du -m "$work/$c.dat" | cut -f1) MiB"
	cost theirs 1 trace-cmd report -i "$work/$c.dat"
	awk '{printf "  %-24s %7.2f CPU s %5d MiB\n", "trace-cmd report", $1, $2}' "$work/theirs.cost"
	cost summary 3 "$work/ringside" trace summary --json "$work/$c.dat"
	cost latency 3 "$work/ringside" trace latency --json "$work/$c.dat"
	cost ours 1 "$work/ringside" trace report "$work/$c.dat"
	promised=80
	[ $c = none ] || promised=15
	ratio "ringside trace summary" summary $promised
	ratio "ringside trace latency" latency $promised
	ratio "ringside trace report" ours 4
	theirs=$(trace-cmd report -i "$work/$c.dat" 2>/dev/null | grep -c '\[[0-9]*\] .*[0-9]\.[0-9]*: ')
	ours=$("$work/ringside" trace summary --json "$work/$c.dat" | grep -o -m1 '"events": *[0-9]*' | grep -o '[0-9]*$')
	echo "  events: trace-cmd $theirs, ringside $ours"
	[ "$theirs" = "$ours" ] || status=1
	trace-cmd report -i "$work/$c.dat" > "$work/theirs.txt" 2>/dev/null
	"$work/ringside" trace report "$work/$c.dat" > "$work/ours.txt" 2>/dev/null
	paste -d "$sep" "$work/theirs.txt" "$work/ours.txt" | awk -F "$sep" '$1 == $2 {n++} END {printf "  lines of the report that are the same: %.2f %%\n", 100 * n / NR}'
	rm "$work/theirs.txt" "$work/ours.txt"
done
exit $status
