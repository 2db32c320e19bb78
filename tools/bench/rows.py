# SPDX-License-Identifier: GPL-2.0
"""Rows of results.csv: one per job and phase, all fields flat; and cells made of them."""
from __future__ import annotations

import csv
import io
import json
import pathlib
from collections import defaultdict

from result import Result, number

PERCENTILES = ("p50_us", "p95_us", "p99_us", "p999_us", "max_us")
NODE_FIELDS = ("reads", "writes", "seq", "writebacks", "stall_ns", "queue_ns")
NODES = (0, 1, 2)
VCPU_FIELDS = ("insns", "idle_ns", "stall_ns")
VCPUS = (0, 1)
# Column: counter of /proc/vmstat. Those of promotion and demotion are not for this: they count
# what the kernel's own tiering moves, and nothing of DAMON's or tiermem's.
MOVES = {
    "migrated_pages": "pgmigrate_success",
    "hint_faults": "numa_hint_faults",
}


def difference(begin: dict, end: dict, key: str) -> float | None:
    """Of a cumulative counter; None if it is missing on one side."""
    a, b = number(begin.get(key)), number(end.get(key))
    return None if a is None or b is None else b - a


def ratio(part: float | None, whole: float | None, factor: float = 1.0) -> float | None:
    """None if it makes no sense."""
    return None if part is None or not whole else factor * part / whole


def list_columns(begin: dict, end: dict, key: str, indices: tuple[int, ...],
                 fields: tuple[str, ...]) -> dict:
    """What each of a list of things did between two marks."""
    columns = {}
    sides = [m.get(key) if isinstance(m.get(key), list) else [] for m in (begin, end)]
    for i in indices:
        have = all(len(s) > i and isinstance(s[i], dict) for s in sides)
        for name in fields:
            value = difference(sides[0][i], sides[1][i], name) if have else None
            columns[f"{key[:-1]}{i}_{name}"] = value
    return columns


def node_columns(begin: dict, end: dict) -> dict:
    """What each node did between two marks, and the share of DRAM in it.

    Node 2 backs a RAM disk: storage, not memory of the workload, and not part of the share.
    """
    columns, accesses = list_columns(begin, end, "nodes", NODES, NODE_FIELDS), {}
    for node in NODES:
        parts = [columns[f"node{node}_{x}"] for x in ("reads", "writes", "seq")]
        accesses[node] = None if None in parts else sum(parts)
    if accesses[0] is not None and accesses[1] is not None:
        columns["dram_access_share"] = ratio(accesses[0], accesses[0] + accesses[1])
    else:
        columns["dram_access_share"] = None
    return columns


def state(result: Result, kind: str, phase: int) -> dict[str, dict]:
    """The guest's last lines of a type before ("begin") and after ("end") a phase."""
    return {when: ([x for x in result.of_type(kind, phase) if x.get("when") == when] or [{}])[-1]
            for when in ("begin", "end")}


def move_columns(result: Result, phase: int) -> dict:
    """Pages moved during the phase, and from boot to its end."""
    sides = state(result, "vmstat", phase)
    columns: dict[str, float | None] = {}
    for name, key in MOVES.items():
        columns[name] = difference(sides["begin"], sides["end"], key)
        columns[name + "_total"] = number(sides["end"].get(key))
    return columns


def placement_columns(result: Result, phase: int) -> dict:
    """Bytes of the workload on each node."""
    return {f"{name}_{when}": number(line.get(name))
            for when, line in state(result, "placement", phase).items()
            for name in ("dram_bytes", "slow_bytes")}


def daemon_ns(result: Result, phase: int) -> float | None:
    """CPU time of what the system runs beside the workload."""
    sides = state(result, "daemons", phase)
    return difference(sides["begin"], sides["end"], "cpu_ns")


def rows_of(result: Result) -> list[dict]:
    """Rows of one good job."""
    definition, rows = result.definition, []
    for k, name in enumerate(definition["phases"], 1):
        found = result.of_type("phase", k)
        phase = found[0] if found else {}
        begin, end = result.mark(2 * k) or {}, result.mark(2 * k + 1) or {}
        cpu_s = difference(begin, end, "host_cpu_s")
        insns = difference(begin, end, "insns")
        row = {key: definition[key] for key in ("workload", "system", "dram_pct", "seed")}
        row |= {"phase": name, "phase_number": k, "job": result.dir.name}
        row |= {key: number(phase.get(key)) for key in ("ops", "seconds", "ops_per_s")}
        row |= {key: number(phase.get(key)) for key in PERCENTILES}
        row |= node_columns(begin, end)
        row |= list_columns(begin, end, "vcpus", VCPUS, VCPU_FIELDS)
        row |= placement_columns(result, k) | move_columns(result, k)
        model_ns = difference(begin, end, "time_ns")
        row |= {"daemon_cpu_share": ratio(daemon_ns(result, k), model_ns),
                "model_ns": model_ns, "insns": insns,
                "host_cpu_s": cpu_s, "insns_per_cpu_s": ratio(insns, cpu_s),
                "job_cpu_s": number(result.outcome.get("cpu_s")),
                "job_wall_s": number(result.outcome.get("wall_s"))}
        rows.append(row)
    return rows


class Report:
    """All that a directory of results holds, good and bad."""

    def __init__(self, out: pathlib.Path, matrix):
        self.out, self.matrix = out, matrix
        try:
            self.plan: dict[str, dict] = json.loads((out / "plan.json").read_bytes())
        except (OSError, ValueError):
            self.plan = {}
        self.rows: list[dict] = []
        self.bad: dict[str, str] = {}
        self.notes: list[str] = []
        self.settings: dict[tuple[str, str], dict[str, set]] = {}
        self.series: list[tuple[dict, list[dict]]] = []
        self.inputs: dict[str, dict[str, dict]] = {}    # by workload and digest
        results = {d.name: Result(d) for d in sorted((out / "jobs").glob("*")) if d.is_dir()}
        for name in sorted(set(results) | set(self.plan)):
            self._take(name, results.get(name))
        order = {s.name: i for i, s in enumerate(matrix.SYSTEMS)}
        places = {w.name: i for i, w in enumerate(matrix.WORKLOADS)}
        self.rows.sort(key=lambda r: (places.get(r["workload"], len(places)), r["workload"],
                                      r["phase_number"], -(r["dram_pct"] or 0),
                                      order.get(r["system"], len(order)), r["system"],
                                      r["seed"]))

    def _take(self, name: str, result: Result | None) -> None:
        planned = self.plan.setdefault(name, result.definition if result else {})
        if result is None:
            self.bad[name] = "not run"
            return
        problems = result.problems()
        if not problems and result.definition != planned:
            problems = ["it has since been planned with other arguments"]
        if problems:
            self.bad[name] = "; ".join(problems)
            return
        if result.torn:
            self.notes.append(f"{name}: the last line of results.jsonl is torn")
        self.rows += rows_of(result)
        inputs = result.record.get("inputs", {})
        definition = result.definition
        self.inputs.setdefault(definition["workload"], {})[str(inputs.get("shared"))] = inputs
        for line in result.of_type("setting"):
            key = (definition["system"], str(line.get("name")))
            values = self.settings.setdefault(key, {"value": set(), "why": set()})
            for part, known in values.items():
                if line.get(part) is not None:
                    known.add(str(line[part]))
        series = result.of_type("series")
        if series:
            self.series.append((definition, series))

    def cell(self, workload: str, phase: str, share: int | None, system: str,
             field: str = "ops_per_s") -> dict[int, float]:
        """Values by seed. A system without quota has the same values for all shares."""
        if not hasattr(self, "_index"):
            self._index = defaultdict(list)
            for row in self.rows:
                self._index[row["workload"], row["phase"], row["dram_pct"],
                            row["system"]].append(row)
        found = (self._index.get((workload, phase, share, system))
                 or self._index.get((workload, phase, None, system)) or [])
        return {r["seed"]: r[field] for r in found if r[field] is not None}

    def workloads(self) -> list[str]:
        """Planned ones in the order of the matrix, then others."""
        seen = {d.get("workload") for d in self.plan.values()} - {None}
        known = [w.name for w in self.matrix.WORKLOADS if w.name in seen]
        return known + sorted(seen - set(known))

    def _planned(self, workload: str, key: str) -> list:
        return [d[key] for d in self.plan.values() if d.get("workload") == workload]

    def phases(self, workload: str) -> list[str]:
        """In the order of the job."""
        return list(dict.fromkeys(p for phases in self._planned(workload, "phases")
                                  for p in phases))

    def shares(self, workload: str) -> list[int]:
        """Most DRAM first."""
        return sorted({x for x in self._planned(workload, "dram_pct") if x is not None},
                      reverse=True)

    def contested_shares(self, workload: str) -> list[int]:
        """Those that more than one system has; all if none is."""
        systems = defaultdict(set)
        for d in self.plan.values():
            if d.get("workload") == workload and d.get("dram_pct") is not None:
                systems[d["dram_pct"]].add(d["system"])
        return [s for s in self.shares(workload) if len(systems[s]) > 1] or self.shares(workload)

    def systems(self, workload: str | None = None) -> list[str]:
        """Columns."""
        seen = {d.get("system") for d in self.plan.values()
                if workload in (None, d.get("workload"))} - {None}
        known = [s.name for s in self.matrix.SYSTEMS if s.name in seen]
        return known + sorted(seen - set(known))

    def seeds(self, workload: str | None = None) -> list[int]:
        """Of the plan."""
        return sorted({d["seed"] for d in self.plan.values()
                       if "seed" in d and workload in (None, d["workload"])})

    def seeds_run(self, workload: str) -> int:
        """How many there are results of, at most."""
        return len({r["seed"] for r in self.rows if r["workload"] == workload})

    def csv(self) -> str:
        """The rows; a number that is missing is an empty field."""
        text = io.StringIO()
        if self.rows:
            writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        return text.getvalue()

    def json(self) -> str:
        """The same, and what is bad or missing."""
        return json.dumps({"rows": self.rows, "bad": self.bad, "notes": self.notes,
                           "inputs": self.inputs}, indent=1) + "\n"
