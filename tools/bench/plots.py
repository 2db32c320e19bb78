# SPDX-License-Identifier: GPL-2.0
"""Plots of a report as SVG: the same data give the same bytes."""
from __future__ import annotations

import io
import math
import pathlib

import matplotlib
matplotlib.use("svg")
from matplotlib.figure import Figure  # noqa: E402  the backend comes first

from progress import write_atomically  # noqa: E402
from result import number  # noqa: E402
from rows import Report  # noqa: E402
from stats import summarize  # noqa: E402
from tables import Tables  # noqa: E402

# 700 px at 96 per inch.
WIDTH_IN = 7.29
STYLE = {
    "svg.hashsalt": "tiermem", "svg.fonttype": "path", "font.family": "DejaVu Sans",
    "font.size": 8.5, "axes.titlesize": 8.5, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": "#888888", "axes.linewidth": 0.6,
    "xtick.color": "#444444", "ytick.color": "#222222", "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "axes.axisbelow": True,
}
# Okabe and Ito's colours: distinct for colour-blind people and in grey.
OURS, BEST, RIVAL, BASE, FLOOR = "#D55E00", "#009E73", "#8A8A8A", "#000000", "#0072B2"
RIVAL_DASHES = ((), (4, 1.5), (1.2, 1.2), (5, 1.2, 1.2, 1.2), (8, 2))
PERCENTILES = (("p50_us", "50"), ("p95_us", "95"), ("p99_us", "99"), ("p999_us", "99.9"))


def spread_labels(wanted: list[float], gap: float) -> list[float]:
    """Positions near the wanted ones, at least a gap apart."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    groups: list[list[int]] = []
    centre: list[float] = []
    for i in order:
        groups.append([i])
        centre.append(wanted[i])
        # Groups that would overlap become one around their mean.
        while len(groups) > 1 and (centre[-1] - centre[-2]
                                   < gap * (len(groups[-1]) + len(groups[-2])) / 2 - 1e-9):
            last = groups.pop()
            groups[-1] += last
            centre.pop()
            centre[-1] = sum(wanted[k] for k in groups[-1]) / len(groups[-1])
    placed = [0.0] * len(wanted)
    for members, middle in zip(groups, centre):
        for n, i in enumerate(members):
            placed[i] = middle + gap * (n - (len(members) - 1) / 2)
    return placed


def label_ends(ax, x: float, ends: list[tuple[float, str, str]]) -> None:
    """Names of lines at their right ends (y, text, colour), in the axes' own coordinates."""
    ax.get_ylim()       # settles the limits
    to_axes = ax.transAxes.inverted().transform
    height = ax.get_position().height * ax.figure.get_figheight() * 72
    ys = [float(to_axes(ax.transData.transform((x, y)))[1]) for y, _, _ in ends]
    end_x = float(to_axes(ax.transData.transform((x, ends[0][0])))[0]) if ends else 0
    for (_, text, colour), y, place in zip(ends, ys, spread_labels(ys, 8.8 / height)):
        ax.plot([end_x + 0.01, end_x + 0.05], [y, place], transform=ax.transAxes, color=colour,
                lw=0.5, clip_on=False)
        ax.text(end_x + 0.06, place, text, transform=ax.transAxes, color=colour, va="center",
                fontsize=7.5, fontweight="bold" if colour == OURS else "normal")


class Plots:
    """All plots of a report."""

    def __init__(self, report: Report):
        self.report = report
        self.matrix = report.matrix
        self.tables = Tables(report)
        bounds = (self.matrix.OURS,) + tuple(self.matrix.BOUNDS)
        self.rivals = [s for s in report.systems() if s not in bounds]

    def colour(self, system: str) -> str:
        """Ours stands out, rivals stand back."""
        return {self.matrix.OURS: OURS, self.matrix.BASE: BASE, self.matrix.FLOOR: FLOOR
                }.get(system, RIVAL if system in self.rivals else BEST)

    def line_style(self, system: str) -> dict:
        """Of a line plot: rivals differ in their dashes."""
        style = {"color": self.colour(system), "lw": 2.2 if system == self.matrix.OURS else 1.1,
                 "zorder": 3 if system == self.matrix.OURS else 2}
        if system in self.rivals:
            dashes = RIVAL_DASHES[self.rivals.index(system) % len(RIVAL_DASHES)]
            if dashes:
                style["dashes"] = dashes
        return style

    def _grid(self, rows: int, columns: int, row_in: float, left: float, right: float,
              gap: float = 0.34):
        """Figure and axes with margins in inches."""
        top, bottom = 0.62, 0.48
        height = top + bottom + rows * row_in + (rows - 1) * gap
        figure = Figure(figsize=(WIDTH_IN, height))
        axes = figure.subplots(rows, columns, squeeze=False)
        width = (WIDTH_IN - left - right) / columns
        figure.subplots_adjust(left=left / WIDTH_IN, right=1 - right / WIDTH_IN,
                               top=1 - top / height, bottom=bottom / height,
                               hspace=gap / row_in, wspace=0.12 if width > 2 else 0.2)
        return figure, axes

    def _save(self, figure, path: pathlib.Path) -> str:
        data = io.StringIO()
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
        write_atomically(path, data.getvalue())
        return path.name

    # ---- throughput ---------------------------------------------------------

    def throughput(self, name: str):
        """Rows: phases; columns: shares; a dot per system, its range as a line."""
        shares = self.report.contested_shares(name) or [None]
        phases = self.report.phases(name)
        systems = [s for s in self.report.systems(name)
                   if s not in (self.matrix.BASE, self.matrix.FLOOR)]
        cells = {(p, s, x): self.tables.relative(name, p, s, x)
                 for p in phases for s in shares for x in systems + [self.matrix.FLOOR]}
        known = [c for c in cells.values() if c]
        if not known or not systems:
            return None
        figure, axes = self._grid(len(phases), len(shares), 0.155 * len(systems) + 0.1, 1.0, 0.15)
        low, high = min(c.low for c in known), max(100.0, max(c.high for c in known))
        pad = 0.04 * (high - low or 1)
        for row, phase in enumerate(phases):
            for column, share in enumerate(shares):
                ax = axes[row][column]
                self._dots(ax, {x: cells[phase, share, x] for x in systems},
                           cells[phase, share, self.matrix.FLOOR], (low, high))
                ax.set_xlim(low - pad, high + pad)
                title = phase if share is None else f"{phase}, {share} % in DRAM"
                ax.set_title(title, loc="left", pad=3)
                if column:
                    ax.set_yticklabels([])
                if row < len(phases) - 1:
                    ax.set_xticklabels([])
        for ax in axes[-1]:
            ax.set_xlabel(f"throughput in % of {self.matrix.BASE}")
        self._title(figure, name, f"throughput; dots: median of "
                    f"{self._seeds(name)}, lines: range; "
                    f"black: {self.matrix.BASE}, blue: {self.matrix.FLOOR}")
        return figure

    def _dots(self, ax, cells: dict, floor, limits: tuple[float, float]) -> None:
        ax.axvline(100, color=BASE, lw=0.9)
        if floor:
            ax.axvline(floor.median, color=FLOOR, lw=0.9, dashes=(3, 2))
        for y, (system, cell) in enumerate(cells.items()):
            colour = self.colour(system)
            ours = system == self.matrix.OURS
            if ours:
                ax.axhspan(y - 0.5, y + 0.5, color=OURS, alpha=0.09, lw=0)
            if cell is None:
                ax.text(limits[0], y, "no data", color="#999999", fontsize=7, va="center")
                continue
            ax.plot([cell.low, cell.high], [y, y], color=colour, lw=2.4 if ours else 1.4,
                    solid_capstyle="butt")
            ax.plot([cell.median], [y], "o", color=colour, ms=6 if ours else 4.5, mew=0)
        ax.set_yticks(range(len(cells)), list(cells))
        ax.set_ylim(len(cells) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        for label in ax.get_yticklabels():
            label.set_color({RIVAL: "#555555"}.get(self.colour(label.get_text()),
                                                   self.colour(label.get_text())))
            if label.get_text() == self.matrix.OURS:
                label.set_fontweight("bold")
        ax.grid(axis="x", color="#E4E4E4", lw=0.5)

    def _title(self, figure, name: str, what: str) -> None:
        height = figure.get_figheight()
        figure.text(0.012, 1 - 0.16 / height, name, fontsize=10, fontweight="bold", va="center")
        figure.text(0.012, 1 - 0.33 / height, what, fontsize=7.5, color="#555555", va="center")

    # ---- latency ------------------------------------------------------------

    def latency(self, name: str):
        """Percentiles with the least DRAM: rows of phases, a line per system."""
        shares = self.report.contested_shares(name) or [None]
        share = shares[-1]
        panels = []
        for phase in self.report.phases(name):
            lines = {}
            for system in self.report.systems(name):
                points = [summarize(list(self.report.cell(name, phase, share, system, key)
                                         .values())) for key, _ in PERCENTILES]
                ys = [p.median if p and p.median > 0 else math.nan for p in points]
                if not all(map(math.isnan, ys)):
                    lines[system] = ys
            if lines:
                panels.append((phase, lines))
        if not panels:
            return None
        columns = 2 if len(panels) > 1 else 1
        rows = math.ceil(len(panels) / columns)
        figure, axes = self._grid(rows, columns, 1.75, 0.6, 0.1, 0.52)
        figure.subplots_adjust(wspace=0.22)
        for n, ax in enumerate(axes.flat):
            if n >= len(panels):
                ax.set_visible(False)
                continue
            phase, lines = panels[n]
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
            ax.yaxis.set_minor_formatter(lambda y, _: f"{y:g}"
                                         if f"{y:.0e}"[0] in "25" else "")
            ax.tick_params(axis="y", which="both", labelsize=7)
            for system, ys in lines.items():
                ax.plot(range(len(ys)), ys, **self.line_style(system))
            last = len(PERCENTILES) - 1
            ax.set_xlim(-0.1, last * (1.42 if columns == 2 else 1.2))
            ax.set_xticks(range(len(PERCENTILES)), [text for _, text in PERCENTILES])
            ax.spines["bottom"].set_bounds(-0.1, last)
            ax.grid(axis="y", color="#E4E4E4", lw=0.5)
            ax.set_title(phase, loc="left", pad=3)
            label_ends(ax, last, [(ys[-1], s, self.colour(s)) for s, ys in lines.items()
                                  if not math.isnan(ys[-1])])
            if n >= len(panels) - columns:
                ax.set_xlabel("percentile")
            if n % columns == 0:
                ax.set_ylabel("latency, µs")
        self._title(figure, name, "latency" + ("" if share is None else f", {share} % in DRAM")
                    + f"; median of {self._seeds(name)}")
        return figure

    # ---- time series --------------------------------------------------------

    def series(self, name: str):
        """Throughput over time with the first seed and the least DRAM, a panel per phase."""
        shares = self.report.contested_shares(name) or [None]
        mine = [(d, lines) for d, lines in self.report.series
                if d["workload"] == name and d["dram_pct"] in (None, shares[-1])]
        if not mine:
            return None
        seed = min(d["seed"] for d, _ in mine)
        panels: dict[int, dict[str, list[tuple[float, float]]]] = {}
        for definition, lines in mine:
            for line in lines if definition["seed"] == seed else ():
                at_s, rate = number(line.get("at_s")), number(line.get("ops_per_s"))
                phase = line.get("phase")
                if at_s is not None and rate is not None and isinstance(phase, int) \
                        and 1 <= phase <= len(definition["phases"]):
                    panels.setdefault(phase, {}).setdefault(definition["system"], []).append(
                        (at_s, rate))
        if not panels:
            return None
        figure, axes = self._grid(len(panels), 1, 2.3, 1.1, 1.1, 0.52)
        names = self.report.phases(name)
        for ax, (phase, lines) in zip(axes.flat, sorted(panels.items())):
            order = [s for s in self.report.systems(name) if s in lines]
            for system in order:
                points = sorted(lines[system])
                ax.plot([x for x, _ in points], [y for _, y in points],
                        **self.line_style(system))
            rates = [y for points in lines.values() for _, y in points]
            # Zero only where something comes near it: differences are what is to be seen.
            low, high = min(rates), max(rates)
            ax.set_ylim(bottom=0 if low < high / 2 else low - (high - low) / 10)
            end = max(x for points in lines.values() for x, _ in points)
            ax.set_xlim(0, end)
            ax.grid(axis="y", color="#E4E4E4", lw=0.5)
            ax.yaxis.set_major_formatter(lambda y, _: f"{y:,.0f}")
            ax.set_title(names[phase - 1], loc="left", pad=3)
            label_ends(ax, end, [(sorted(lines[s])[-1][1], s, self.colour(s)) for s in order])
            ax.set_ylabel("operations per second")
        axes[-1][0].set_xlabel("seconds in the phase")
        self._title(figure, name, "throughput over time"
                    + ("" if shares[-1] is None else f", {shares[-1]} % in DRAM")
                    + f", seed {seed}")
        return figure

    def _seeds(self, name: str) -> str:
        number_of = self.report.seeds_run(name)
        return f"{number_of} seed" + "s" * (number_of != 1)

    def write(self, out: pathlib.Path) -> list[str]:
        """All files; what there are no data for is left out, and an old file of it removed."""
        names = []
        with matplotlib.rc_context(STYLE):
            for workload in self.report.workloads():
                for kind in ("throughput", "latency", "series"):
                    path = out / f"{workload}-{kind}.svg"
                    figure = getattr(self, kind)(workload)
                    if figure is None:
                        path.unlink(missing_ok=True)
                    else:
                        names.append(self._save(figure, path))
        return names
