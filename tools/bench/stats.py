# SPDX-License-Identifier: GPL-2.0
"""Statistics over seeds."""
from __future__ import annotations

import math
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Of the values of one cell, one per seed."""
    n: int
    median: float
    low: float
    high: float
    cv_pct: float | None    # sample standard deviation by mean; None below two values

    @property
    def spread(self) -> float:
        """Range."""
        return self.high - self.low


def summarize(values: list[float]) -> Summary | None:
    """None if there are no values."""
    if not values:
        return None
    mean = statistics.fmean(values)
    cv = 100 * statistics.stdev(values) / mean if len(values) > 1 and mean else None
    return Summary(len(values), statistics.median(values), min(values), max(values), cv)


def relative_pct(values: dict[int, float], base: dict[int, float]) -> dict[int, float]:
    """Each seed against the base of the same seed, in percent; without a base it is left out."""
    return {seed: 100 * x / base[seed] for seed, x in values.items() if base.get(seed)}


def geometric_mean(values: list[float]) -> float | None:
    """Of positive numbers."""
    if not values or min(values) <= 0:
        return None
    return math.exp(statistics.fmean(map(math.log, values)))
