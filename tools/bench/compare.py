# SPDX-License-Identifier: GPL-2.0
"""Two directories of results: which rows changed by more than their spread."""
from __future__ import annotations

from rows import Report
from stats import summarize
from tables import table


def keys(report: Report) -> dict[tuple, None]:
    """Rows without their seeds, in order."""
    return dict.fromkeys((r["workload"], r["phase"], r["dram_pct"], r["system"])
                         for r in report.rows)


def compare(old: Report, new: Report) -> tuple[list[str], bool]:
    """Lines to print, and whether anything changed.

    A change is a difference of the medians of operations per second beyond the wider of the two
    ranges. One seed has no range: such a difference is shown, but as unknown.
    """
    changed, unknown, same = [], [], 0
    both = [k for k in keys(old) if k in keys(new)]
    for key in both:
        a, b = (summarize(list(r.cell(*key).values())) for r in (old, new))
        if a is None or b is None or a.median == b.median:
            same += 1
            continue
        workload, phase, share, system = key
        percent = 100 * (b.median / a.median - 1)
        spread = max(a.spread, b.spread)
        single = min(a.n, b.n) < 2
        line = [workload, phase, "–" if share is None else f"{share} %", system,
                f"{a.median:,.0f}", f"{b.median:,.0f}", f"{percent:+.2f}",
                "unknown" if single else f"{100 * spread / a.median:.2f}"]
        if single:
            unknown.append((percent, line))
        elif abs(b.median - a.median) > spread:
            changed.append((percent, line))
        else:
            same += 1
    head = ["workload", "phase", "DRAM", "system", "old ops/s", "new ops/s", "change %",
            "spread %"]
    lines = []
    for title, found in (("changed by more than their spread", changed),
                         ("differ, with one seed only, so the spread is unknown", unknown)):
        lines += [f"{len(found)} rows {title}", ""]
        if found:
            lines += table(head, [x for _, x in sorted(found, key=lambda x: x[0])], 4)
    lines.append(f"{same} rows did not change")
    for name, one, other in (("old", old, new), ("new", new, old)):
        alone = [k for k in keys(one) if k not in keys(other)]
        if alone:
            lines.append(f"{len(alone)} rows are in {name} only")
    return lines, bool(changed or unknown)
