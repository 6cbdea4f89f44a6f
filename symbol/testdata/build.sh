#!/bin/sh
# Makes the ELF files of this folder; see README.md.
set -e
cd "$(dirname "$0")/src"
flags="-O2 -g -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -gno-record-gcc-switches -fdebug-prefix-map=$PWD=/src"
out=$PWD/..
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT

for f in kernel other; do
	gcc $flags -mcmodel=kernel -c $f.c -o "$tmp/$f.o"
done
ld -static -e start_kernel --build-id=sha1 -Ttext=0xffffffff81000000 -z noexecstack \
	--section-start=.init.text=0xffffffff82000000 -o "$out/kernel.elf" "$tmp/kernel.o" "$tmp/other.o"
objcopy --remove-section .debug_aranges "$out/kernel.elf" "$out/kernel-noaranges.elf"

gcc $flags -mcmodel=kernel -c module.c -o "$tmp/module.o"
ld -r --build-id=sha1 -o "$out/demo.ko" "$tmp/module.o"
aarch64-linux-gnu-gcc $(echo "$flags" | sed 's/-fcf-protection=none//') -c module.c -o "$tmp/module-arm64.o"
aarch64-linux-gnu-ld -r --build-id=sha1 -o "$out/demo-arm64.ko" "$tmp/module-arm64.o"
