# SPDX-License-Identifier: GPL-2.0
"""What a run says while it runs, and how long it has still to go."""
from __future__ import annotations

import json
import os
import pathlib
import sys


def clock(seconds: float) -> str:
    """1:05, 2:03:04"""
    minutes, s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{s:02}" if hours else f"{minutes}:{s:02}"


def write_atomically(path: pathlib.Path, text: str) -> None:
    """So that whoever is killed leaves the old file or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


class Durations:
    """How long the jobs of each workload took here; kept in the directory of the results."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        try:
            known = json.loads(path.read_bytes())
            self.wall_s = {str(k): float(v) for k, v in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self.wall_s = {}
        self.estimate: dict[str, float] = {}

    def add(self, workload: str, wall_s: float) -> None:
        """One more: the mean leans to the newest."""
        old = self.wall_s.get(workload, wall_s)
        self.wall_s[workload] = round(0.7 * old + 0.3 * wall_s, 2)
        write_atomically(self.path, json.dumps(self.wall_s, indent=1, sort_keys=True) + "\n")

    def of(self, job) -> float:
        """Of a workload not yet seen: its estimate, corrected as the others were."""
        if job.workload in self.wall_s:
            return self.wall_s[job.workload]
        pairs = [(s, self.estimate[w]) for w, s in self.wall_s.items() if self.estimate.get(w)]
        factor = sum(s for s, _ in pairs) / sum(e for _, e in pairs) if pairs else 1.0
        return job.cpu_s * factor

    def learn_estimates(self, workloads) -> None:
        """Estimates of the matrix, to correct."""
        for workload in workloads:
            self.estimate[workload.name] = workload.cpu_s


class Progress:
    """One line that changes on a terminal; plain lines otherwise."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.tty = self.stream.isatty()
        self.shown = False

    def _clear(self) -> None:
        if self.shown:
            self.stream.write("\r\033[K")
            self.shown = False

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        self.stream.write(text + "\n")
        self.stream.flush()

    def status(self, text: str) -> None:
        """The line that changes."""
        if not self.tty:
            return
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns
        except OSError:
            width = 80
        self._clear()
        self.stream.write(text[:max(20, width - 1)])
        self.stream.flush()
        self.shown = True
