# SPDX-License-Identifier: GPL-2.0
"""Figures that span workloads: how throughput falls as DRAM does."""
from __future__ import annotations

import math
import pathlib

import matplotlib

from plots import BASE, STYLE, Plots


def share_text(share: int) -> str:
    """As people say it."""
    names = {0: "none", 67: "2/3", 50: "1/2", 33: "1/3", 25: "1/4", 12: "1/8", 6: "1/16"}
    return names.get(share, "all" if share >= 100 else f"{share} %")


class Figures(Plots):
    """A panel for each kind of load, a line per system, from all in DRAM on the left to least."""

    def _percent(self, panel, share: int, system: str) -> float:
        """Median over seeds of throughput in percent of the panel's base; NaN if there is none."""
        summary = self.tables.relative(panel.workload, panel.phase, share, system, panel.base)
        return summary.median if summary else math.nan

    def lines(self, panel) -> dict[str, list[float]]:
        """Percent of the base by system, a number for each share; systems without any are left out."""
        shares = self._panel_shares(panel)
        lines = {s: [self._percent(panel, x, s) for x in shares]
                 for s in self.report.systems(panel.workload) if s != self.matrix.BASE}
        return {s: ys for s, ys in lines.items() if not all(map(math.isnan, ys))}

    def _panel_shares(self, panel) -> list[int]:
        return [s for s in self.report.shares(panel.workload) if s not in panel.without]

    def shares(self, spec):
        """The figure, or None if nothing of it was measured."""
        panels = [(p, self.lines(p)) for p in spec.panels]
        known = [y for _, lines in panels for ys in lines.values() for y in ys
                 if not math.isnan(y)]
        if not known:
            return None
        rows = math.ceil(len(panels) / spec.columns)
        figure, axes = self._grid(rows, spec.columns, 1.75, 0.5, 0.1, 0.42)
        known += [y for p, _ in panels for y in p.promised.values()]
        low, high = min(known), max(known + [100.0])
        handles: dict = {}
        for n, ax in enumerate(axes.flat):
            if n >= len(panels):
                ax.set_visible(False)
                continue
            panel, lines = panels[n]
            self._panel(ax, panel, lines)
            handles |= {x.get_label(): x for x in ax.get_lines() if x.get_label() in lines}
            ax.set_ylim(low - 0.04 * (high - low), high + 0.06 * (high - low))
            if n % spec.columns:
                ax.set_yticklabels([])
            else:
                ax.set_ylabel("%" if any(p.base for p in spec.panels)
                              else "% of " + self.matrix.BASE)
        most = max((p.workload for p in spec.panels), key=self.report.seeds_run)
        self._title(figure, spec.title, "throughput by share of the data that may be in DRAM; "
                    f"median of up to {self._seeds(most)}"
                    + ("; bars: what the brief that this project follows promises"
                       if any(p.promised for p in spec.panels) else ""))
        known_systems = [s for s in self.report.systems() if s in handles]
        figure.legend([handles[s] for s in known_systems], known_systems, ncols=8, fontsize=6.5,
                      loc="lower center", frameon=False, handlelength=1.8, columnspacing=1.1)
        return figure

    def _panel(self, ax, panel, lines: dict[str, list[float]]) -> None:
        shares = self._panel_shares(panel)
        ax.axhline(100, color=BASE, lw=0.6)
        for system, ys in lines.items():
            points = [(x, y) for x, y in enumerate(ys) if not math.isnan(y)]
            style = self.line_style(system)
            ax.plot(*zip(*points), marker="o", ms=4 if system == self.matrix.OURS else 2.4,
                    label=system, **style)
        for x, share in enumerate(shares):
            if share in panel.promised:
                ax.plot([x - 0.16, x + 0.16], [panel.promised[share]] * 2, color=BASE, lw=2.2,
                        solid_capstyle="butt", zorder=4)
        ax.set_xticks(range(len(shares)), [share_text(s) for s in shares])
        ax.grid(axis="y", color="#E4E4E4", lw=0.5)
        ax.set_title(panel.title, loc="left", pad=3)

    def write_all(self, out: pathlib.Path) -> list[str]:
        """Those of single workloads, and those of the matrix; old files that have no data go."""
        names = self.write(out)
        with matplotlib.rc_context(STYLE):
            for spec in getattr(self.matrix, "FIGURES", ()):
                path = out / f"{spec.name}-by-share.svg"
                figure = self.shares(spec)
                if figure is None:
                    path.unlink(missing_ok=True)
                else:
                    names.append(self._save(figure, path))
        return names
