#!/bin/sh
# Which objects a configuration builds: Ringside against GNU make, on the same tree. The
# peer evaluates the tree's own Makefiles, folder by folder, with its scripts/Makefile.lib,
# and prints the objects of the lists instead of building them.
#
#   bench/kbuild.sh TREE [ARCH CONFIG]...
#
# TREE is an unpacked kernel tree, which is not written to. CONFIG is a .config or the name
# of one of make's targets (defconfig, tinyconfig); without any, defconfigs of six
# architectures and tinyconfig of x86 are taken. No cross compiler is needed. SHOW=N prints
# that many of the objects in which the two differ. Needs make, gcc, flex, bison, python3.
set -eu
tree=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
[ $# -gt 0 ] || set -- x86 tinyconfig x86 defconfig arm64 defconfig arm multi_v7_defconfig riscv defconfig \
	mips malta_defconfig powerpc ppc64_defconfig s390 defconfig

# The top Makefile, whose exported variables the folders need, and a goal of ours.
cat >"$work/top.mk" <<'MK'
include $(srctree)/Makefile
.PHONY: ringside-probe
probe-dirs := $(or $(build-dir),$(vmlinux-dirs),$(build-dirs))
ringside-probe:
	@$(foreach d,$(patsubst %/,%,$(probe-dirs)),$(MAKE) -f $(PROBE) obj=$d need-builtin=1 need-modorder=1;)
MK
cat >"$work/probe.mk" <<'MK'
src := $(obj)
obj-y :=
obj-m :=
lib-y :=
lib-m :=
always-y :=
always-m :=
targets :=
subdir-y :=
subdir-m :=
include include/config/auto.conf
include $(srctree)/scripts/Kbuild.include
-include $(wildcard $(srctree)/scripts/Makefile.compiler)
include $(or $(wildcard $(srctree)/$(src)/Kbuild),$(srctree)/$(src)/Makefile)
include $(srctree)/scripts/Makefile.lib
below := $(sort $(subdir-ym))
builtin = $(if $(filter $1/built-in.a,$(real-obj-y)),1)
$(if $(need-builtin),$(foreach o,$(filter %.o,$(real-obj-y)),$(info OBJECT $o)))
$(if $(need-modorder),$(foreach o,$(filter %.o,$(real-obj-m)),$(info OBJECT $o)))
$(foreach o,$(filter %.o,$(lib-y)),$(info OBJECT $o))
.PHONY: probe
.DEFAULT_GOAL := probe
probe:
	@:$(foreach d,$(below),; $(MAKE) -f $(PROBE) obj=$d need-builtin=$(call builtin,$d) need-modorder=$(if $(filter $d/modules.order,$(obj-m)),1))
MK
cpu() {
	/usr/bin/time -f "%U %S" -o "$work/time" sh -c "$1" </dev/null || true
	tail -1 "$work/time" | awk '{printf "%.2f", $1+$2}'
}
printf '%-28s %7s %7s %8s %6s %9s %9s %6s\n' configuration make ours missing extra "make CPU" "ours CPU" ratio
while [ $# -ge 2 ]; do
	arch=$1 config=$2
	shift 2
	out=$work/out
	rm -rf "$out" && mkdir "$out"
	if [ -f "$config" ]; then
		cp "$config" "$out/.config"
	else
		make -s -C "$tree" O="$out" ARCH="$arch" "$config" >"$work/log" 2>&1 </dev/null || {
			echo "$arch $config: $(tail -1 "$work/log")"
			continue
		}
	fi
	make -s -C "$tree" O="$out" ARCH="$arch" olddefconfig syncconfig >/dev/null 2>&1 </dev/null || true
	ours=$(cpu "'$work/ringside' config sources '$tree' --arch '$arch' --config '$out/.config' >/dev/null 2>'$work/problems'")
	"$work/ringside" config sources "$tree" --arch "$arch" --config "$out/.config" --all --json >"$work/json" 2>/dev/null
	theirs=$(cpu "cd '$out' && PROBE='$work/probe.mk' timeout 300 make -f '$work/top.mk' --include-dir='$tree' ARCH='$arch' sub_make_done=1 srctree='$tree' srcroot='$tree' abs_srctree='$tree' abs_objtree='$out' objtree=. \
		building_out_of_srctree=1 VPATH='$tree' -s -rR -k ringside-probe >'$work/probe' 2>'$work/err'")
	sed -n 's/^OBJECT //p' "$work/probe" | LC_ALL=C sort -u >"$work/theirs"
	python3 - "$work/json" "$work/theirs" "$work" <<'PY'
import json, os.path, sys
units = json.load(open(sys.argv[1]))["units"]
ours = {u["object"] for u in units if not u.get("side")}
every = {u["object"] for u in units}
theirs = {os.path.normpath(l.strip()) for l in open(sys.argv[2])}
# x.stub.o and x.pi.o are made of x.o, which is what the compiler makes.
def made(o):
    stem, dot, kind = o.removesuffix(".o").rpartition(".")
    return stem + ".o" if kind in ("stub", "pi") and stem + ".o" in every else o
theirs = {made(o) for o in theirs}
# Objects in no list, which the linking script and the rules of arm64's hypervisor make.
ours = {o for o in ours if o != "init/version-timestamp.o" and "/kvm/hyp/nvhe/" not in o}
print(*sorted(theirs - every), sep="\n", file=open(sys.argv[3] + "/missing", "w"))
print(*sorted(ours - theirs), sep="\n", file=open(sys.argv[3] + "/extra", "w"))
print(len(theirs), len(ours), len(theirs - every), len(ours - theirs), file=open(sys.argv[3] + "/counts", "w"))
PY
	read -r n m missing extra <"$work/counts"
	printf '%-28s %7d %7d %8d %6d %8ss %8ss %6s\n' "$arch $(basename "$config")" "$n" "$m" "$missing" "$extra" \
		"$theirs" "$ours" "$(echo "$theirs $ours" | awk '{printf "%.0f", $2 ? $1/$2 : 0}')"
	[ "$missing" = 0 ] || sed 's/^/    missing /' "$work/missing" | head -"${SHOW:-5}"
	[ "$extra" = 0 ] || sed 's/^/    extra /' "$work/extra" | head -"${SHOW:-5}"
	sed 's/^/    problem /' "$work/problems" | head -"${SHOW:-5}"
	[ -z "${DEBUG:-}" ] || head -5 "$work/err"
done
