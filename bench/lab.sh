#!/usr/bin/env bash
# What a run of the lab costs beside QEMU: the same kernel is booted to a command and
# switched off, by Ringside, by a bare qemu command line with the very initramfs of that run
# (what is left is Ringside's own work on the host), and by one whose initramfs is a static
# busybox and a script of two lines (what is left is also the guest's init). Interleaved;
# prints the medians and the differences.
#
#   bench/lab.sh KERNEL [RUNS]      a vmlinuz or a Debian package
#
# Needs qemu-system-x86, busybox-static, cpio.
set -euo pipefail
kernel=$(realpath "$1") runs=${2:-11}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$work/ringside" ./cmd/ringside
export RINGSIDE_LAB=$work/lab
"$work/ringside" lab boot "$kernel" >"$work/first" || { cat "$work/first"; exit 1; }
image=$work/lab/contents/$("$work/ringside" lab show last --json | sed -n '/"kernel"/,/}/s/.*"sha256": "\(..\)\(.*\)".*/\1\/\2/p' | head -n 1)
cmdline=$("$work/ringside" lab show last --json | sed -n 's/.*"cmdline": "\(.*\)",$/\1/p')

mkdir -p "$work/root/bin" "$work/root/dev" "$work/root/proc"
cp /bin/busybox "$work/root/bin/busybox"
printf '#!/bin/busybox sh\n/bin/busybox uname -r\n/bin/busybox poweroff -f\n' >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/bare.cpio"

now() { date +%s%N; }
bare() {
	qemu-system-x86_64 -no-user-config -nodefaults -display none -machine q35 -accel tcg,thread=multi -cpu max -smp 1 -m 512M -no-reboot \
		-serial "file:$work/bare.log" -serial "file:$work/bare.results" -kernel "$image" -initrd "$1" -append "$cmdline" </dev/null
}
# The initramfs of a run, taken while it runs.
"$work/ringside" lab run "$kernel" -- uname -r >/dev/null 2>&1 &
until cp "$work"/lab/runs/*/initramfs "$work/ours.cpio" 2>/dev/null && [ -e "$work"/lab/runs/*/qemu.pid ]; do :; done
cp "$work"/lab/runs/*/initramfs "$work/ours.cpio"
wait
for ((i = 0; i < runs; i++)); do
	a=$(now); bare "$work/bare.cpio"; b=$(now); bare "$work/ours.cpio"; c=$(now)
	"$work/ringside" lab run --accel tcg "$kernel" -- uname -r >/dev/null 2>"$work/err" || cat "$work/err"
	d=$(now)
	echo "$(((b - a) / 1000000)) $(((c - b) / 1000000)) $(((d - c) / 1000000))"
done >"$work/times"
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
column() { awk -v c="$1" '{print $c}' "$work/times" | median; }
echo "  bare qemu, busybox's init      $(column 1) ms (median of $runs)"
echo "  bare qemu, the run's initramfs $(column 2) ms"
echo "  ringside lab run               $(column 3) ms: $(awk '{print $3 - $2}' "$work/times" | median) ms more than with the same initramfs, $(awk '{print $3 - $1}' "$work/times" | median) ms more than busybox"
