# SPDX-License-Identifier: GPL-2.0
"""tables.md: the rows as Markdown for people."""
from __future__ import annotations

import re
from collections import defaultdict

from rows import Report
from stats import Summary, geometric_mean, relative_pct, summarize

MISSING = "–"


def number_text(value: float) -> str:
    """Three or four digits that matter."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell_text(summary: Summary | None, seeds: int, form=number_text) -> str:
    """median (min..max), with n where seeds are missing."""
    if summary is None:
        return MISSING
    text = form(summary.median)
    if summary.n > 1:
        text += f" ({form(summary.low)}..{form(summary.high)})"
    return text if summary.n >= seeds else f"{text} n={summary.n}"


def table(head: list[str], body: list[list[str]], text_columns: int = 1) -> list[str]:
    """Lines of a Markdown table; columns behind the first ones are numbers, on the right."""
    rule = ["---"] * text_columns + ["--:"] * (len(head) - text_columns)
    clean = [[c.replace("|", "\\|").replace("\n", " ") for c in row] for row in [head] + body]
    return (["| " + " | ".join(clean[0]) + " |", "|" + "|".join(rule) + "|"]
            + ["| " + " | ".join(row) + " |" for row in clean[1:]] + [""])


def alike(texts: set[str]) -> list[str]:
    """Texts that differ in whole numbers only become one, with the range of each number."""
    groups = defaultdict(list)
    for text in texts:
        groups[re.sub(r"\d+", "0", text)].append(text)
    out = []
    for same in groups.values():
        numbers = [sorted(x) for x in zip(*(map(int, re.findall(r"\d+", t)) for t in same))]
        ranges = iter(str(x[0]) if x[0] == x[-1] else f"{x[0]} .. {x[-1]}" for x in numbers)
        out.append(re.sub(r"\d+", lambda _: next(ranges), same[0]))
    return sorted(out)


class Tables:
    """All tables of a report."""

    def __init__(self, report: Report):
        self.report = report
        self.base = report.matrix.BASE

    def _name(self, system: str) -> str:
        return f"**{system}**" if system == self.report.matrix.OURS else system

    def relative(self, workload: str, phase: str, share: int | None, system: str,
                 base: str = "") -> Summary | None:
        """Throughput against the base of the same seed, in percent; `base`: of another workload."""
        cell = self.report.cell
        return summarize(list(relative_pct(
            cell(workload, phase, share, system),
            cell(base or workload, phase, None, self.base)).values()))

    def _grid(self, workload: str, make, systems: list[str]) -> list[str]:
        shares = self.report.shares(workload) or [None]
        body = []
        for phase in self.report.phases(workload):
            for share in shares:
                body.append([phase, MISSING if share is None else f"{share} %"]
                            + [make(phase, share, s) for s in systems])
        return table(["phase", "DRAM"] + [self._name(s) for s in systems], body, 2)

    def workload(self, name: str, brief: bool = False) -> list[str]:
        """All tables of one workload, or those that a reader wants first."""
        report = self.report
        systems = report.systems(name)
        others = [s for s in systems if s != self.base]
        seeds = len(report.seeds(name))
        args = sorted({str(d["args"]) for d in report.plan.values()
                       if d.get("workload") == name})

        def field(key: str, factor: float = 1.0, form=number_text):
            return lambda phase, share, system: cell_text(summarize(
                [factor * x for x in report.cell(name, phase, share, system, key).values()]),
                seeds, form)

        def spread(phase, share, system):
            summary = summarize(list(report.cell(name, phase, share, system).values()))
            if summary is None or summary.cv_pct is None:
                return MISSING
            return f"{summary.cv_pct:.2f}"

        lines = [f"## {name}", "", f"Arguments: `{'`, `'.join(args)}`", "",
                 f"Throughput in percent of {self.base} with the same seed:", ""]
        lines += self._grid(name, lambda phase, share, system: cell_text(
            self.relative(name, phase, share, system), seeds, "{:.1f}".format), others)
        lines += ["Operations per second:", ""]
        lines += self._grid(name, field("ops_per_s"), systems)
        lines += ["Coefficient of variation of operations per second over seeds, in percent:", ""]
        lines += self._grid(name, spread, systems)
        measures = (
                ("p99_us", 1, "99th percentile of latency, µs:", number_text),
                ("dram_access_share", 100, "Accesses that DRAM served, in percent of those that "
                 "missed the caches:", "{:.1f}".format),
                ("daemon_cpu_share", 100, "CPU time of the system's threads and programs, in "
                 "percent of one CPU:", "{:.2f}".format),
                ("dram_bytes_end", 1 / 2**20, "The workload's memory in DRAM at the end of the "
                 "phase, MB:", number_text),
                ("migrated_pages", 1, "Pages migrated during the phase, in either direction:",
                 number_text))
        for key, factor, title, form in measures[:3] if brief else measures:
            lines += [title, ""]
            if any(r[key] is not None for r in report.rows if r["workload"] == name):
                lines += self._grid(name, field(key, factor, form), systems)
            else:
                lines += ["no data", ""]
        return lines

    def summary(self, names: list[str]) -> list[str]:
        """One line per workload and share: the geometric mean over phases."""
        report, body = self.report, []
        others = [s for s in report.systems() if s != self.base]
        for name in names:
            phases = report.phases(name)
            for share in report.shares(name) or [None]:
                row = [name, MISSING if share is None else f"{share} %"]
                for system in others:
                    cells = [self.relative(name, p, share, system) for p in phases]
                    # With a phase missing it would be the mean of something else.
                    mean = None if None in cells else geometric_mean(
                        [c.median for c in cells if c])
                    row.append(MISSING if mean is None else f"{mean:.1f}")
                body.append(row)
        return (["## Summary", "", f"Geometric mean over a workload's phases of the median "
                 f"throughput in percent of {self.base}:", ""]
                + table(["workload", "DRAM"] + [self._name(s) for s in others], body, 2))

    def settings(self) -> list[str]:
        """What each system was set to, and why."""
        body = []
        order = {s: i for i, s in enumerate(self.report.systems())}
        for (system, name), known in sorted(self.report.settings.items(),
                                            key=lambda x: (order.get(x[0][0], 99), x[0][1])):
            values = sorted(known["value"], key=lambda v: (len(v), v))
            text = ", ".join(values) if len(values) <= 3 else \
                f"{values[0]} .. {values[-1]} ({len(values)} values)"
            body.append([self._name(system), f"`{name}`", text,
                         "; ".join(alike(known["why"])) or MISSING])
        if not body:
            return ["## Settings", "", "no data", ""]
        return ["## Settings", ""] + table(["system", "setting", "value", "why"], body, 4)

    def head(self) -> list[str]:
        """What this is, and what it lacks."""
        report = self.report
        good = len(report.plan) - len(report.bad)
        seeds = ", ".join(map(str, report.seeds())) or "none"
        lines = ["# Benchmark results", "",
                 f"{good} of {len(report.plan)} planned jobs have a good result. "
                 f"Seeds: {len(report.seeds())} ({seeds}). Cells are the median over seeds "
                 f"(min..max); n= where a seed is missing, {MISSING} where nothing is there. "
                 "DRAM: what of the workload's data may be there, in percent; all-dram and "
                 "all-slow have no quota and are the same in all rows.", ""]
        for text in dict.fromkeys(
                f"Linux {x.get('kernel', '?')}; {x.get('qemu', '?')}; simulator's model: "
                f"{x.get('model') or 'its defaults'}."
                for known in report.inputs.values() for x in known.values()):
            lines += [text, ""]
        for workload, known in report.inputs.items():
            if len(known) > 1:
                lines += [f"**Mixed:** results of {workload} come from {len(known)} different "
                          "sets of image, simulator and kernel.", ""]
        if report.bad:
            missing = [k for k, v in report.bad.items() if v == "not run"]
            failed = {k: v for k, v in report.bad.items() if v != "not run"}
            lines += ["## Missing", "", f"{len(missing)} jobs not run, {len(failed)} without a "
                      "good result.", ""]
            if failed:
                lines += table(["job", "why"], [[k, v] for k, v in failed.items()], 2)
        lines += [f"Note: {text}" for text in report.notes] + [""] * bool(report.notes)
        return lines

    def brief(self, plots: list[str], losses: list[str]) -> str:
        """The part of docs/benchmarks.md that is results: what there is of them."""
        names = [name for name in self.report.workloads()
                 if any(r["workload"] == name and r["ops_per_s"] for r in self.report.rows)]
        lines = self.head()[2:] + self.summary(names) + losses
        for name in names:
            lines += self.workload(name, brief=True)
            for plot in plots:
                if plot.rsplit("-", 1)[0] == name:
                    lines += [f"![{plot}](benchmarks/{plot})", ""]
        lines += self.settings()
        return "\n".join("#" + x if x.startswith("## ") else x for x in lines).rstrip("\n") + "\n"

    def text(self) -> str:
        """The whole file."""
        lines = self.head() + self.summary(self.report.workloads())
        for name in self.report.workloads():
            lines += self.workload(name)
        return "\n".join(lines + self.settings()).rstrip("\n") + "\n"
