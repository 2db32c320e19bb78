#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Stands in for tools/bench/boot.sh: writes the files of a job without a machine.

Environment: FAKE_SLEEP_S, how long; FAKE_MODE, a file of lines "SHELL-PATTERN MODE", what goes
wrong in which jobs (SYSTEM.rSEED of the arguments); FAKE_LOG, a file that gets a line per start.
"""
import fnmatch
import json
import os
import pathlib
import random
import signal
import sys
import time

DIRECTORY = pathlib.Path(sys.argv[1])
ARGS = dict(x.split("=", 1) for x in sys.argv[2:])
NAME = f"{ARGS['system']}.r{ARGS['seed']}"
SLOWDOWN = {"all-dram": 1.0, "all-slow": 1.7, "tiermem": 1.06, "first-touch": 1.35,
            "numab2": 1.25, "damon": 1.3, "mglru-loop": 1.22, "reclaim-loop": 1.28,
            "oracle": 1.04}


def mode() -> str:
    """What is to go wrong."""
    path = os.environ.get("FAKE_MODE")
    for line in pathlib.Path(path).read_text().splitlines() if path else ():
        pattern, what = line.split()
        if fnmatch.fnmatchcase(NAME, pattern):
            return what
    return "good"


def phase_names() -> list[str]:
    """As the matrix derives them from the arguments."""
    words = ARGS["args"].split()
    specs = [b for a, b in zip(words, words[1:]) if a == "--phase"]
    if ARGS["workload"] == "micro":
        return [words[words.index("--pattern") + 1]]
    if not specs:
        return ["point-select", "read-only", "read-write"]
    names = []
    for spec in specs:
        op, dist, depth = spec.split(":")
        names.append(f"{op}-{dist}" + (f"-p{depth}" if depth != "1" else ""))
    return names


def mark(label, time_ns, insns, share):
    """A line of the plugin."""
    reads = insns // 100
    return {"mark": label, "time_ns": time_ns, "insns": insns, "host_cpu_s": insns / 1e8,
            "host_wall_s": insns / 1e8, "nodes": [
                {"reads": int(reads * share), "writes": int(reads * share / 4), "seq": 0,
                 "writebacks": 0, "stall_ns": reads * 80, "queue_ns": 0},
                {"reads": reads - int(reads * share), "writes": int(reads * (1 - share) / 4),
                 "seq": 0, "writebacks": 0, "stall_ns": reads * 300, "queue_ns": 0}]}


def lines(rng):
    """results.jsonl, tiersim.jsonl"""
    pct = int(ARGS["dram_pct"])
    slow = 1 + (SLOWDOWN[ARGS["system"]] - 1) * (1 if pct in (0, 100) else 1.6 - pct / 100)
    share = {"all-dram": 1.0, "all-slow": 0.0}.get(ARGS["system"], 0.6 + 0.3 / slow)
    results = [{"type": "setting", "name": "numa_balancing", "value": "2" if "a" in NAME else "0",
                "why": "as documented"}]
    marks = [mark(0, 1000, 10_000_000, share)]
    now, insns = 10**9, 10**9
    for k, name in enumerate(phase_names(), 1):
        rate = 100000 * (8 if name.endswith("p16") else 1) / slow * rng.uniform(0.985, 1.015)
        for when in ("begin", "end"):
            pages = 1000 * k + (500 if when == "end" else 0)
            results.append({"type": "placement", "phase": k, "when": when,
                            "dram_bytes": pct * 2**20, "slow_bytes": (128 - pct) * 2**20})
            results.append({"type": "vmstat", "phase": k, "when": when,
                            "pgmigrate_success": 2 * pages, "numa_hint_faults": 7})
        marks.append(mark(2 * k, now, insns, share))
        now, insns = now + 400_000_000, insns + 800_000_000
        marks.append(mark(2 * k + 1, now, insns, share))
        phase = {"type": "phase", "phase": k, "name": name, "ops": int(rate * 0.399),
                 "seconds": 0.399, "ops_per_s": round(rate, 3)}
        if ARGS["workload"] != "micro":
            for key, factor in (("p50_us", 1), ("p95_us", 1.6), ("p99_us", 2.5), ("p999_us", 7),
                                ("max_us", 30)):
                tail = slow ** (1 + factor / 4)
                phase[key] = round(1e6 / 100000 * factor * tail * rng.uniform(0.97, 1.03), 3)
        results.append(phase)
        if name == "jump":
            for n in range(40):
                dip = 0.75 if 15 <= n < 15 + 6 * slow and pct not in (0, 100) else 1
                results.append({"type": "series", "phase": k, "at_s": round(0.01 * (n + 1), 3),
                                "ops": 1, "ops_per_s": rate * dip * rng.uniform(0.98, 1.02)})
    results.append({"type": "end"})
    return results, marks


def main() -> int:
    """Exit status of the boot."""
    if os.environ.get("FAKE_LOG"):
        with open(os.environ["FAKE_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{DIRECTORY.name}\n")
    what = mode()
    (DIRECTORY / "console.log").write_text("Linux version 6.12\r\nthe last words\x1b[0m\r\n")
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what in ("hang", "stubborn"):
        (DIRECTORY / "pid").write_text(str(os.getpid()))
        time.sleep(600)
    time.sleep(float(os.environ.get("FAKE_SLEEP_S", "0")))
    seed = "/".join(sys.argv[2:])
    results, marks = lines(random.Random(seed))
    once = DIRECTORY.parent.parent / "failed" / DIRECTORY.name
    if what == "once":
        what = "good" if once.exists() else "error"
    if what == "error":
        results.insert(3, {"type": "error", "text": "the server did not start"})
    elif what == "noend":
        results.pop()
    elif what == "nophase":
        results = [x for x in results if (x["type"], x.get("phase")) != ("phase", 1)]
    elif what == "nomark":
        marks = [m for m in marks if m["mark"] != 3]
    elif what == "backwards":
        marks[-1]["time_ns"] = 5
    elif what == "sparse":      # good, but with less in it
        for x in results:
            if x["type"] == "phase":
                x["p99_us"] = None
                x.pop("p999_us", None)
        results = [x for x in results if x["type"] not in ("vmstat", "placement")]
        for m in marks:
            m["nodes"].pop()
    for name, objects in (("results.jsonl", results), ("tiersim.jsonl", marks)):
        text = "".join(json.dumps(x) + "\n" for x in objects)
        if what == "torn" and name == "results.jsonl":
            text += '{"type":"pha'
        (DIRECTORY / name).write_text(text)
    return 3 if what == "status" else 0


sys.exit(main())
