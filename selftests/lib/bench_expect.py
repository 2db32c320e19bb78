#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What test_benchtools.sh can't say in shell: statistics, and a process whose pages are known.

Each command prints what is wrong and ends with 1, or prints nothing and ends with 0."""

import ctypes
import json
import math
import mmap
import re
import struct
import sys
from collections import Counter

PAGE = 4096
HUGE = 2 << 20


def plausible(chi2: float, freedom: int) -> bool:
    """Six standard deviations: once in some hundred million tries."""
    return chi2 <= freedom + 6 * math.sqrt(2 * freedom) + 12


def read_tally(path: str) -> list[int]:
    with open(path, "rb") as f:
        data = f.read()
    return list(struct.unpack(f"{len(data) // 4}I", data))


def read_probabilities(path: str) -> list[float]:
    with open(path, encoding="ascii") as f:
        return [float(line) for line in f]


def tally(probabilities: str, counts: str) -> str:
    """Do the accesses of each page have their probability?"""
    p, n = read_probabilities(probabilities), read_tally(counts)
    total = sum(n)
    if len(p) != len(n) or abs(sum(p) - 1) > 1e-6:
        return f"{len(p)} probabilities with sum {sum(p)}, {len(n)} counts"
    groups: list[tuple[float, int]] = []
    want = got = 0.0
    for share, count in sorted(zip(p, n), reverse=True):
        want += share * total
        got += count
        if want >= 20:
            groups.append((want, int(got)))
            want = got = 0.0
    chi2 = sum((got - want) ** 2 / want for want, got in groups)
    if len(groups) < 10 or not plausible(chi2, len(groups) - 1):
        worst = max(groups, key=lambda g: abs(g[1] - g[0]) / math.sqrt(g[0]))
        return (f"chi-square {chi2:.1f} of {len(groups)} groups; worst: {worst[1]} accesses, "
                f"expected {worst[0]:.1f}")
    return ""


def evenly(counts: str, each: str) -> str:
    """Has every page exactly so many?"""
    wrong = Counter(n for n in read_tally(counts) if n != int(each))
    return f"pages with other counts than {each}: {dict(wrong)}" if wrong else ""


def best(probabilities: str, result: str, pages: str) -> str:
    """Is best_share the sum over the best `pages` pages?"""
    with open(result, encoding="ascii") as f:
        said = json.load(f)["best_share"]
    want = sum(sorted(read_probabilities(probabilities), reverse=True)[:int(pages)])
    return "" if abs(said - want) < 1e-6 else f"best_share {said}, but the sum is {want}"


def jumped(before: str, after: str) -> str:
    """Have two runs disjoint tenths of hot pages?"""
    hot = []
    for path in (before, after):
        n = read_tally(path)
        order = sorted(range(len(n)), key=lambda page: -n[page])[:len(n) // 10]
        share = sum(n[page] for page in order) / sum(n)
        if not 0.88 < share < 0.93:
            return f"{path}: the hot tenth has {share:.3f}"
        hot.append(set(order))
    both = len(hot[0] & hot[1])
    return f"{both} of {len(hot[0])} pages are hot before and after" if both else ""


def clustered(counts: str, pages: str) -> str:
    """Are the hot pages of hot10 whole groups of so many?"""
    n, size = read_tally(counts), int(pages)
    sums = [sum(n[i:i + size]) / sum(n) for i in range(0, len(n), size)]
    hot = sorted(sums, reverse=True)[:len(sums) // 10]
    return "" if 0.88 < sum(hot) < 0.93 else f"the hottest groups have {sum(hot):.3f}"


def number(record: dict, key: str) -> float:
    return float(record[key])


def phases(path: str, *expected: str) -> str:
    """Phases of redisload: NUMBER:NAME each, complete and consistent."""
    with open(path, encoding="ascii") as f:
        records = [json.loads(line) for line in f]
    found = [r for r in records if r["type"] == "phase"]
    names = [f"{r['phase']}:{r['name']}" for r in found]
    if names != list(expected):
        return f"phases {names}, expected {list(expected)}"
    for r in found:
        order = [number(r, k) for k in ("p50_us", "p95_us", "p99_us", "p999_us", "max_us")]
        rate = r["ops"] / r["seconds"]
        if r["ops"] < 100 or order != sorted(order) or order[0] <= 0 or r["misses"] or \
                abs(rate / r["ops_per_s"] - 1) > 1e-6:
            return f"not consistent: {r}"
        # Little's law: what is on its way = rate * latency, and the mean is less than the p99.
        if r["clients"] * r["pipeline"] > rate * order[2] / 1e6 * 1.1:
            return f"latencies are too small for the rate: {r}"
        series = [s for s in records if s["type"] == "series" and s["phase"] == r["phase"]]
        ops = sum(s["ops"] for s in series)
        if series and not 0.9 < ops / r["ops"] <= 1:
            return f"series has {ops} of {r['ops']} operations"
    return ""


def keys(monitor: str, kind: str, nr_keys: str) -> str:
    """The keys that Redis' MONITOR has seen: is the popular tenth as popular as it should be?"""
    n = int(nr_keys)
    seen: Counter[int] = Counter()
    with open(monitor, encoding="ascii", errors="replace") as f:
        for line in f:
            m = re.search(r'"GET" "key:(\d{12})"$', line.rstrip())
            if m:
                seen[int(m.group(1))] += 1
    total, top = sum(seen.values()), seen.most_common(n // 10)
    if total < 20000 or max(seen) >= n:
        return f"{total} requests, largest key {max(seen, default=-1)}"
    zipf = [i ** -0.99 for i in range(1, n + 1)]
    # Of counts, the largest tenth has a little more than of probabilities.
    low, high = {
        "uniform": (0.10, 0.14),
        "gauss": (0.23, 0.28),
        "zipf": (sum(zipf[:n // 10]) / sum(zipf) - 0.01, sum(zipf[:n // 10]) / sum(zipf) + 0.02),
        "hot10": (0.89, 0.91),
    }[kind]
    share = sum(count for _, count in top) / total
    if not low <= share <= high:
        return f"{kind}: the popular tenth has {share:.4f}, expected {low:.4f} to {high:.4f}"
    middle = sum(key for key, _ in top) / len(top) / n
    if not 0.35 < middle < 0.65:
        return f"{kind}: popular keys are not scattered, their mean is {middle:.2f} of the range"
    return ""


def map_pages(nr_pages: int, huge: bool) -> tuple[mmap.mmap, int]:
    """Private memory with one byte written in each page, and its address."""
    size = nr_pages * PAGE + (HUGE if huge else 0)
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    start = -(-address // HUGE) * HUGE if huge else address
    for i in range(nr_pages):
        area[start - address + i * PAGE] = 1
    return area, start


def frames(address: int, nr_pages: int) -> list[int]:
    with open("/proc/self/pagemap", "rb") as f:
        f.seek(address // PAGE * 8)
        entries = struct.unpack(f"{nr_pages}Q", f.read(nr_pages * 8))
    return [e & ((1 << 55) - 1) for e in entries]


def toy(directory: str) -> str:
    """A process with 64 small pages and a huge one, counts for them, and where they should go.

    Small page i has 1000 * ((i * 37) % 64 + 1) accesses, in no order of addresses. The huge page
    has 20500 as mean of its pages: colder than 44 of them, hotter than 20. Writes counts and
    its units, hottest first. Then answers each line with the nodes that they are on."""
    small, small_at = map_pages(64, False)
    large, large_at = map_pages(512, True)
    counts = {}
    units = []
    for i, frame in enumerate(frames(small_at, 64)):
        counts[frame] = 1000 * ((i * 37) % 64 + 1)
        units.append((counts[frame], small_at + i * PAGE, 1))
    huge_frames = frames(large_at, 512)
    is_huge = huge_frames[0] % 512 == 0 and \
        huge_frames == list(range(huge_frames[0], huge_frames[0] + 512))
    if is_huge:
        # All of it in one page: it's the mean that counts.
        counts[huge_frames[7]] = 512 * 20500
        units.append((20500, large_at, 512))
    with open("/proc/zoneinfo", encoding="ascii") as f:
        zones = f.read().split("\nNode ")
    end = 0
    for zone in zones:
        spanned = re.search(r"spanned +(\d+)", zone)
        start = re.search(r"start_pfn: +(\d+)", zone)
        if spanned and start:
            end = max(end, int(start[1]) + int(spanned[1]))
    with open(f"{directory}/counts", "wb") as f:
        f.truncate(4 * (end + 1))
        for frame, count in counts.items():
            f.seek(4 * frame)
            f.write(struct.pack("I", count))
    units.sort(reverse=True)
    with open(f"{directory}/units", "w", encoding="ascii") as f:
        for count, address, pages in units:
            f.write(f"{address:#x} {pages} {count * pages}\n")
    print("huge" if is_huge else "small", flush=True)
    libnuma = ctypes.CDLL("libnuma.so.1")
    for _ in sys.stdin:
        pages = (ctypes.c_void_p * len(units))(*(address for _, address, _ in units))
        nodes = (ctypes.c_int * len(units))()
        if libnuma.move_pages(0, len(units), pages, None, nodes, 0):
            print("move_pages failed", flush=True)
        print(" ".join(map(str, nodes)), flush=True)
    del small, large
    return ""


def plan(directory: str, first: str, last: str) -> str:
    """Are exactly the toy's units first..last (by heat; 0 0: none), and none else of the toy, in
    DRAM according to place --plan?"""
    with open(f"{directory}/units", encoding="ascii") as f:
        units = [line.split() for line in f]
    with open(f"{directory}/plan", encoding="ascii") as f:
        planned = {w[0]: w[1:] for w in (line.split() for line in f)}
    for i, (address, pages, accesses) in enumerate(units, 1):
        node = "0" if int(first) <= i <= int(last) else "1"
        if planned.get(address) != [pages, accesses, node]:
            return f"unit {i} of {pages} pages: planned {planned.get(address)}, expected " \
                   f"{[pages, accesses, node]}"
    return ""


def main() -> int:
    commands = (tally, evenly, best, jumped, clustered, phases, keys, toy, plan)
    command = {c.__name__: c for c in commands}[sys.argv[1]]
    wrong = command(*sys.argv[2:])
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
