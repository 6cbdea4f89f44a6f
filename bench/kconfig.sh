#!/bin/sh
# Kconfig: Ringside against the kernel's own conf, and its hardening audit against
# kernel-hardening-checker.
#
#   RINGSIDE_LINUX_6_1=… RINGSIDE_LINUX_6_12=… bench/kconfig.sh [CASES] [CHECKER]
#
# Compares CASES (50) random configurations of each tree, as they are and changed at
# random, the defconfigs of all architectures, all of Debian's configurations and the
# all… modes with conf, byte for byte; then answers taken out of .config files under
# CASES/10 toolchains. Needs gcc, flex, bison, xz and linux-config-6.1 and -6.12. Then
# prints CPU seconds. CHECKER is an unpacked kernel-hardening-checker: the verdicts on
# the same configuration are compared.
set -eu
cd "$(dirname "$0")/.."
cases=${1:-50}
checker=${2:-}
: "${RINGSIDE_LINUX_6_1:?names an unpacked linux-source-6.1}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
RINGSIDE_KCONFIG_CASES=$cases go test ./kconfig -count=1 -v -timeout 2h -run 'TestAllConfigs|TestDebianConfigs|TestRandomConfigs|TestKernelTests' | grep -v '^=== '
RINGSIDE_KCONFIG_CASES=1000 go test ./kconfig -count=1 -v -timeout 2h -run 'TestDefconfigs' | grep -v '^=== '
RINGSIDE_KCONFIG_CASES=$(((cases + 9) / 10)) go test ./kconfig -count=1 -v -timeout 2h -run 'TestInferredAnswers' | grep -v '^=== '

CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
xz -dc /usr/src/linux-config-6.1/config.amd64_none_amd64.xz >"$work/config"
cost() {
	name=$1
	shift
	/usr/bin/time -f "%U %S %M" -o "$work/time" sh -c "$*" >/dev/null 2>&1 || true
	awk -v n="$name" 'NF == 3 {printf "%-44s %6.2f CPU s %5.0f MiB\n", n, $1+$2, $3/1024}' "$work/time"
}
echo
cost "ringside config eval, answers of the .config" "'$work/ringside' config eval '$RINGSIDE_LINUX_6_1' --config '$work/config' -o '$work/new'"
make -s -C "$RINGSIDE_LINUX_6_1" O="$work/out" ARCH=x86 allnoconfig >/dev/null
cp "$work/config" "$work/out/.config"
cost "make olddefconfig, conf built already" "make -s -C '$RINGSIDE_LINUX_6_1' O='$work/out' ARCH=x86 olddefconfig"
cost "ringside config eval --run-shell" "'$work/ringside' config eval '$RINGSIDE_LINUX_6_1' --config '$work/config' --arch x86 --run-shell -o '$work/new'"
cmp "$work/new" "$work/out/.config" && echo "--run-shell: equal to make olddefconfig with this machine's toolchain"
cost "ringside config hardening --tree" "'$work/ringside' config hardening --tree '$RINGSIDE_LINUX_6_1' --config '$work/config' --fail-on never"
[ -n "$checker" ] || exit 0
cost "kernel-hardening-checker" "python3 '$checker/bin/kernel-hardening-checker' -c '$work/config'"
python3 "$checker/bin/kernel-hardening-checker" -c "$work/config" -m json >"$work/theirs.json"
"$work/ringside" config hardening --tree "$RINGSIDE_LINUX_6_1" --config "$work/config" --fail-on never --json >"$work/ours.json"
python3 bench/kconfig-hardening.py "$work/ours.json" "$work/theirs.json"
