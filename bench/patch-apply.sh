#!/bin/sh
# A stack of patches put on a tree: Ringside in memory against GNU patch on a copy of the
# files that the stack touches. Prints CPU seconds of both, the outcome of each patch on
# which they differ, and whether the files are the same after all of it.
#
#   bench/patch-apply.sh STACK TREE [options of ringside patch show]
#
# GNU patch runs once for each patch, as quilt does; where one fails, its files are put
# back as they were, so that the next one finds the tree as Ringside's does.
set -eu
stack=$1
tree=$2
shift 2
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -o "$work/ringside" ./cmd/ringside
export work
"$work/ringside" patch show "$@" --json "$stack" >"$work/show.json" || [ $? = 1 ]
/usr/bin/time -f "%U %S %M" -o "$work/ours.time" "$work/ringside" patch apply "$@" --json --tree "$tree" --changed "$work/ours" "$stack" >"$work/apply.json" || [ $? = 1 ]
python3 - "$stack" "$tree" <<'PY'
import json, os, resource, shutil, subprocess, sys
work, stack, tree = os.environ["work"], sys.argv[1], sys.argv[2]
show = json.load(open(f"{work}/show.json"))["stacks"][0]
ours = json.load(open(f"{work}/apply.json"))
theirs = f"{work}/theirs"
def paths(p):
    return sorted({x for f in p["files"] for x in (f["path"], f.get("old", "")) if x})
for p in show["patches"]:
    for f in paths(p):
        if os.path.isfile(f"{tree}/{f}") and not os.path.exists(f"{theirs}/{f}"):
            os.makedirs(os.path.dirname(f"{theirs}/{f}") or theirs, exist_ok=True)
            shutil.copy2(f"{tree}/{f}", f"{theirs}/{f}")
count = {"clean": 0, "fuzz": 0, "fail": 0}
cpu, differ = 0.0, 0
for p, q in zip(show["patches"], ours["patches"]):
    keep = {}
    for f in paths(p):
        n = f"{theirs}/{f}"
        keep[f] = open(n, "rb").read() if os.path.isfile(n) else None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    name = p["file"] if os.path.isabs(p["file"]) else f"{stack}/{p['file']}"
    r = subprocess.run(["patch", "-p1", "-f", "--no-backup-if-mismatch", "-r-", "-d", theirs, "-i", os.path.abspath(name)], capture_output=True, text=True, errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    what = "fail" if r.returncode else "fuzz" if "with fuzz" in r.stdout else "clean"
    count[what] += 1
    if what == "fail":
        for f, text in keep.items():
            n = f"{theirs}/{f}"
            if text is not None:
                os.makedirs(os.path.dirname(n), exist_ok=True)
                open(n, "wb").write(text)
            elif os.path.exists(n):
                os.remove(n)
    if what != q["apply"]:
        differ += 1
        print(f"{p['name']}: patch says {what}, ringside {q['apply']}")
        print("   ", r.stdout.replace("\n", "\n    ")[:1500])
print("GNU patch: %(clean)d clean, %(fuzz)d fuzz, %(fail)d fail" % count)
print(f"ringside:  {ours['clean']} clean, {ours['fuzz']} fuzz, {ours['fail']} fail, {ours['there']} of them in the tree already")
print(f"{differ} patches of {len(show['patches'])} with another outcome")
files = wrong = 0
for root, _, names in os.walk(theirs):
    for n in names:
        f = os.path.relpath(os.path.join(root, n), theirs)
        if f.endswith(".rej") or f.endswith(".orig"):
            continue
        files += 1
        text = open(f"{theirs}/{f}", "rb").read()
        mine = f"{work}/ours/{f}" if os.path.exists(f"{work}/ours/{f}") else f"{tree}/{f}"
        if not os.path.exists(mine) or open(mine, "rb").read() != text:
            wrong += 1
            print(f"{f} is not the same")
for root, _, names in os.walk(f"{work}/ours"):
    for n in names:
        f = os.path.relpath(os.path.join(root, n), f"{work}/ours")
        if not os.path.exists(f"{theirs}/{f}"):
            wrong += 1
            print(f"{f} is there only after ringside")
print(f"{wrong} of {files} files differ after all patches")
u, s, m = open(f"{work}/ours.time").read().split()[-3:]
mine = float(u) + float(s)
print(f"CPU: GNU patch {cpu:.2f} s, ringside {mine:.2f} s ({int(m)//1024} MiB, with reading the stack and writing the files): {cpu/mine:.1f} times")
PY
