#!/bin/sh
# profile diff on real recordings: how often it raises a false alarm between two
# recordings of one program, and how often it finds that one function of it does
# 5 % more. Prints both, and the peer's view: perf diff has no verdict.
#
#   bench/profile-diff.sh [pairs]
#
# Needs perf and a C compiler.
set -eu
cd "$(dirname "$0")/.."
pairs=${1:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
cat > "$work/w.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
static volatile unsigned long sink;
#define WORK(name) __attribute__((noinline)) void name(long n) { unsigned long x = n; for (long i = 0; i < n; i++) x = x * 6364136223846793005UL + i; sink = x; }
WORK(parse) WORK(hash) WORK(lookup) WORK(encode) WORK(compress) WORK(copy) WORK(flush) WORK(route)
static char buf[1 << 20];
__attribute__((noinline)) void out(void) { FILE *f = fopen("/dev/null", "w"); for (int i = 0; i < 3; i++) fwrite(buf, 1, 32768, f); fclose(f); }
int main(int argc, char **argv) {
	double more = atof(argv[2]);
	for (long i = 0; i < atol(argv[1]); i++) {
		parse(80000 * more); hash(60000); lookup(50000); encode(40000); compress(30000); copy(20000); flush(12000); route(8000); out();
	}
}
C
cc -O1 -fno-omit-frame-pointer -o "$work/w" "$work/w.c"
record() { perf record -q -F 20000 -e cpu-clock -g -o "$work/$1.data" "$work/w" 20000 "$2" 2>/dev/null; }
alarms=0 found=0 blamed=0 i=0
while [ $i -lt "$pairs" ]; do
	record a 1; record same 1; record more 1.05
	"$work/ringside" profile diff "$work/a.data" "$work/same.data" >"$work/out" 2>/dev/null || { alarms=$((alarms + 1)); sed -n 1,5p "$work/out"; }
	if "$work/ringside" profile diff "$work/a.data" "$work/more.data" >"$work/out" 2>/dev/null; then sed -n 1,5p "$work/out"; elif grep -q 'grown *parse ' "$work/out"; then found=$((found + 1)); fi
	if grep 'grown' "$work/out" | grep -Eq 'grown +(hash|lookup|encode|compress|copy|flush|route) '; then blamed=$((blamed + 1)); fi
	i=$((i + 1))
	printf '\r%d of %d pairs: %d false alarms, %d found ' $i "$pairs" $alarms $found >&2
done
echo >&2
grep -h 'samples' "$work/out" | sed -n '2,3p'
echo "equals: $alarms false alarms in $pairs comparisons"
echo "parse, 26 % of the time, does 5 % more: found in $found of $pairs; another function blamed in $blamed"
