#!/bin/sh
# trace.dat → counts, latencies, text: Ringside against trace-cmd report, on the
# same recording. Prints CPU seconds, peak memory, ratios, and whether both count
# the same events.
#
#   bench/trace.sh [trace.dat]
#
# Without a recording one of some millions of events is made here (needs root).
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
data=${1:-}
if [ -z "$data" ]; then
	mkdir "$work/recipes"
	cat > "$work/recipes/many.yaml" <<'YAML'
name: many
title: Many events
group: syscalls
answers: How fast are they read?
cost: much
for: 5s
captures:
  - with: tracefs
    events: ["sched:sched_switch", "sched:sched_wakeup", "sched:sched_wakeup_new", "raw_syscalls:sys_enter", "raw_syscalls:sys_exit"]
show:
  - {view: recording}
YAML
	timeout 6 dd if=/dev/zero of=/dev/null bs=1 2>/dev/null &
	"$work/ringside" probe run many --recipes "$work/recipes" -d "$work/many" >/dev/null
	data=$work/many/trace.dat
fi
# CPU seconds and peak memory in MiB of a command; its output goes to a file.
cost() {
	name=$1
	out=$2
	shift 2
	/usr/bin/time -o "$work/time" -f "%U %S %M" "$@" > "$work/$out" 2>/dev/null
	awk -v n="$name" '{printf "%-32s %7.2f CPU s %7.0f MiB\n", n, $1+$2, $3/1024}' "$work/time"
	awk '{print $1+$2}' "$work/time" > "$work/$out.cpu"
}
echo "$(du -m "$data" | cut -f1) MiB"
cost "trace-cmd report" theirs trace-cmd report -i "$data"
cost "ringside trace summary" summary "$work/ringside" trace summary --json "$data"
cost "ringside trace latency" latency "$work/ringside" trace latency --json "$data"
cost "ringside trace report" ours "$work/ringside" trace report "$data"
for x in summary latency ours; do
	echo "$(cat "$work/theirs.cpu") $(cat "$work/$x.cpu") $x" | awk '{printf "trace-cmd report / %s: %.1f\n", $3, $1/$2}'
done
theirs=$(grep -c '^ .*\[[0-9]*\] ' "$work/theirs")
ours=$(wc -l < "$work/ours")
echo "events: trace-cmd $theirs, ringside $ours"
[ "$theirs" = "$ours" ]
