#!/usr/bin/env python3
"""Compare the verdicts of ringside config hardening with kernel-hardening-checker's.

usage: kconfig-hardening.py OURS.json THEIRS.json
"""
import collections
import json
import re
import sys

ours = json.load(open(sys.argv[1]))
theirs = json.load(open(sys.argv[2]))
by_name = {}
for first in (True, False):  # rules about a symbol itself come before those that mention it
    for f in ours["findings"]:
        if f["kind"] != "kconfig" or f["verdict"] == "not_applicable":
            continue
        names = re.findall(r"[A-Z0-9_]{2,}", re.sub(r" (if|@).*", "", f["want"]))
        own = len(re.findall(r"[=<>]", f["want"].split(" or ")[0])) and names[: f["want"].split(" or ")[0].count("/") + 1]
        for name in own if first else names:
            by_name.setdefault(name, f)

both, only = collections.Counter(), []
fails = collections.Counter()
differ = []
for t in theirs:
    if t["type"] != "kconfig":
        continue
    name = t["option_name"].removeprefix("CONFIG_")
    f = by_name.get(name)
    if f is None:
        only.append(name)
        continue
    held = f["verdict"] == "ok"
    both["same" if held == t["check_result_bool"] else "differ"] += 1
    if held != t["check_result_bool"]:
        differ.append((name, t["check_result"], f["verdict"], f["got"]))
    if not t["check_result_bool"]:
        fails[f["verdict"] + (" (" + f["cause"] + ")" if "cause" in f else "")] += 1
print(f"{len(by_name)} symbols of ours, {both['same'] + both['differ']} of them also theirs: "
      f"{both['same']} verdicts the same, {both['differ']} different; {len(only)} are only theirs")
for d in differ:
    print("  %-36s theirs: %-28s ours: %s %s" % d)
print("what they call FAIL is for us:", ", ".join(f"{n} {k}" for k, n in fails.most_common()))
print("only theirs:", " ".join(only))
