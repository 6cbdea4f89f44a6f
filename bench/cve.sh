#!/bin/sh
# Which CVEs are in a kernel: Ringside cold and warm, 500 kernels, and next to it
# cvehound on the same tree and configuration, with the two usual ways to read
# the CNA's records as baselines. Prints CPU seconds, since the clock lies on a
# busy machine.
#
#   bench/cve.sh FEED TREE CONFIG [CVEHOUND]
#
# FEED is a checkout of the kernel's vulns repository, CVEHOUND the command that
# runs it (it needs coccinelle; about two minutes of CPU time), as
# "python3 -m cvehound".
set -eu
feed=$1 tree=$2 config=$3 hound=${4:-}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
# cost NAME COMMAND...: CPU seconds (best of three), memory, with a line to read.
cost() {
	name=$1
	shift
	for i in 1 2 3; do
		$before
		/usr/bin/time -o "$work/time.$i" -f "%U %S %M" "$@" > "$work/out" 2> "$work/err" || { cat "$work/err"; exit 1; }
	done
	cat "$work"/time.* | awk -v n="$name" '{c = $1 + $2; if (!k++ || c < best) best = c; if ($3 > m) m = $3} END {printf "  %-44s %8.2f CPU s %5d MiB\n", n, best, m / 1024}'
}
before=:
cost "ringside version (the start alone)" "$work/ringside" version
cost "ringside cve scan, cold" "$work/ringside" cve scan 6.1.176 --feed "$feed" --cache none
cost "ringside cve scan, warm" "$work/ringside" cve scan 6.1.176 --feed "$feed" --cache "$work/cache"
cost "ringside cve scan --json, warm" "$work/ringside" cve scan 6.1.176 --feed "$feed" --cache "$work/cache" --json
cost "ringside cve scan --tree --config, warm" "$work/ringside" cve scan --base 6.1.176 --tree "$tree" --config "$config" --feed "$feed" --cache "$work/cache"
grep -E "^ +[0-9]+  [a-z_]+ +" "$work/out" | sed "s/^/    /" || true
echo "  in the library (needs RINGSIDE_CORPUS):"
go test ./vuln -run '^$' -bench 'Scan|Kernels' | grep ^Bench | sed 's/^/    /'
go test ./vuln/index -run '^$' -bench Load | grep ^Bench | sed 's/^/    /'
go test ./vuln/reconcile -run Baselines -v | sed -n 's/^.*_test.go:[0-9]*: /    /p'
if [ -n "$hound" ]; then
	/usr/bin/time -o "$work/hound" -f "%U %S %M" $hound --kernel "$tree" --kernel-config "$config" --report "$work/hound.json" >/dev/null 2>&1 || true
	awk '{printf "  %-44s %8.2f CPU s %5d MiB\n", "cvehound", $1 + $2, $3 / 1024}' "$work/hound"
	grep -o '"CVE-[0-9-]*"' "$work/hound.json" | sort -u | sed 's/^/    found: /'
fi
