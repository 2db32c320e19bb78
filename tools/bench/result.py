# SPDX-License-Identifier: GPL-2.0
"""The result of a job: what its directory holds, and whether it can be trusted."""
from __future__ import annotations

import json
import math
import pathlib
import re
from collections import Counter

# Cumulative counters of a mark, which can't fall.
RISING = ("time_ns", "insns", "host_cpu_s")
# A phase's own clock may differ this much from the simulator's: it is read a little later.
CLOCK_SLACK = 0.02


def number(value) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def read_jsonl(path: pathlib.Path) -> tuple[list[dict], list[str], bool]:
    """Objects of a file, what is wrong with its lines, and whether its last line is torn."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], [f"no {path.name}"], False
    objects, wrong, torn = [], [], False
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            if not isinstance(item, dict):
                raise ValueError("not an object")
            objects.append(item)
        except (ValueError, RecursionError):    # UnicodeDecodeError is a ValueError
            # A machine that was killed may have been writing; then there is no newline.
            if n == len(lines):
                torn = True
            else:
                wrong.append(f"line {n} of {path.name} is not a JSON object")
    return objects, wrong, torn


class Result:
    """Files of one job directory, read once."""

    def __init__(self, directory: pathlib.Path):
        self.dir = directory
        try:
            record = json.loads((directory / "job.json").read_bytes())
        except (OSError, ValueError):
            record = {}
        self.record: dict = record if isinstance(record, dict) else {}
        self.lines, self.wrong, self.torn = read_jsonl(directory / "results.jsonl")
        plugin, wrong, _ = read_jsonl(directory / "tiersim.jsonl")
        self.wrong += wrong
        self.marks = [m for m in plugin if "mark" in m]

    @property
    def definition(self) -> dict:
        """The job that this was."""
        return self.record.get("definition") or {}

    @property
    def outcome(self) -> dict:
        """What the runner saw; empty if it did not see the end."""
        return self.record.get("outcome") or {}

    def of_type(self, kind: str, phase: int | None = None) -> list[dict]:
        """Lines of a type, of one phase if given."""
        return [x for x in self.lines
                if x.get("type") == kind and (phase is None or x.get("phase") == phase)]

    def mark(self, label: int) -> dict | None:
        """The only mark with a label."""
        found = [m for m in self.marks if m["mark"] == label]
        return found[0] if len(found) == 1 else None

    def problems(self) -> list[str]:
        """Why the result is no good; nothing if it is."""
        texts = [str(x.get("text", "no text")) for x in self.of_type("error")]
        if texts:
            return ["the guest says: " + "; ".join(texts)]
        if not self.of_type("end"):
            return ["no end line" + (", the last line is torn" if self.torn else "")]
        if not self.outcome.get("ok", True):
            return [self.outcome.get("reason", "failed")]
        promised = self.definition.get("phases")
        if not promised:
            return ["no job.json that says what it was"]
        return self.wrong + self._mark_problems(len(promised)) + self._phase_problems(promised)

    def _phase_problems(self, promised: list[str]) -> list[str]:
        bad = []
        for k, name in enumerate(promised, 1):
            found = self.of_type("phase", k)
            if len(found) != 1:
                bad.append(f"phase {k} ({name}): {len(found) or 'no'} results")
                continue
            phase = found[0]
            if phase.get("name") != name:
                bad.append(f"phase {k} is {phase.get('name')!r}, not {name!r}")
            if not (number(phase.get("ops_per_s")) or 0) > 0:
                bad.append(f"phase {k} ({name}): ops_per_s is {phase.get('ops_per_s')!r}")
            # On a machine whose clock isn't the simulator's all rates are meaningless.
            begin, end = self.mark(2 * k), self.mark(2 * k + 1)
            seconds = number(phase.get("seconds"))
            if begin and end and seconds is not None:
                model_s = ((number(end.get("time_ns")) or 0)
                           - (number(begin.get("time_ns")) or 0)) / 1e9
                if seconds > model_s * (1 + CLOCK_SLACK) + 0.001:
                    bad.append(f"phase {k} ({name}) took {seconds:.4g} s by the guest's clock, "
                               f"{model_s:.4g} s by the simulator's")
        # Phase 0 is a warm-up.
        extra = sorted({str(x.get("phase")) for x in self.of_type("phase")}
                       - {str(k) for k in range(len(promised) + 1)})
        if extra:
            bad.append(f"phases that nobody asked for: {', '.join(extra)}")
        return bad

    def _mark_problems(self, phases: int) -> list[str]:
        bad = []
        labels = [m["mark"] for m in self.marks]
        count = Counter(str(x) for x in labels)
        for k in range(1, phases + 1):
            begin, end = 2 * k, 2 * k + 1
            if count[str(begin)] != 1 or count[str(end)] != 1:
                bad.append(f"marks of phase {k} are no pair: "
                           f"{count[str(begin)]} begin, {count[str(end)]} end")
            elif labels.index(begin) > labels.index(end):
                bad.append(f"phase {k} ends before it begins")
        for key in RISING:
            seen = [number(m.get(key)) for m in self.marks]
            if None in seen:
                if key != "host_cpu_s":
                    bad.append(f"a mark without {key}")
                continue
            if any(b < a for a, b in zip(seen, seen[1:])):  # type: ignore[operator]
                bad.append(f"{key} of the marks runs backwards")
        return bad

    def complete(self, definition: dict, digest: str) -> bool:
        """Is this the good result of that job with those inputs?"""
        return (self.definition == definition
                and self.record.get("inputs", {}).get("digest") == digest
                and not self.problems())

    def tail(self, lines: int = 15) -> list[str]:
        """The last words of the machine, or of boot.sh if it never spoke."""
        said: list[str] = []
        for name in ("console.log", "boot.log"):
            try:
                with open(self.dir / name, "rb") as f:
                    f.seek(max(0, f.seek(0, 2) - 16384))
                    text = f.read().decode(errors="replace")
            except OSError:
                continue
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)
            kept = ["".join(c for c in line if c.isprintable() or c == "\t")
                    for line in text.split("\n") if line.strip()][-lines:]
            if kept:
                said += [f"{name}:"] + ["  " + line for line in kept]
        return said
