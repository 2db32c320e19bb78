# SPDX-License-Identifier: GPL-2.0
"""Jobs: the matrix unrolled, in the order in which they run, and a selection of them."""
from __future__ import annotations

import fnmatch
import importlib.util
import pathlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Job:
    """One boot."""
    workload: str
    boot: str
    system: str
    dram_pct: int | None    # None: this system has no quota
    seed: int
    args: str
    phases: tuple[str, ...]
    cpu_s: int
    options: tuple[str, ...] = ()
    model: str = ""

    @property
    def id(self) -> str:
        """WORKLOAD.sPCT.SYSTEM.rSEED"""
        share = "" if self.dram_pct is None else f"s{self.dram_pct}."
        return f"{self.workload}.{share}{self.system}.r{self.seed}"

    def definition(self) -> dict:
        """What makes a result this job's: the arguments of boot.sh and the phases they promise."""
        return {"workload": self.workload, "boot": self.boot, "system": self.system,
                "dram_pct": self.dram_pct, "seed": self.seed, "args": self.args,
                "options": list(self.options), "phases": list(self.phases)}

    def boot_args(self) -> list[str]:
        """Arguments of boot.sh after the directory."""
        pct = self.dram_pct
        if pct is None:     # the guest wants a number all the same
            pct = 0 if self.system == "all-slow" else 100
        return [f"workload={self.boot}", f"system={self.system}", f"dram_pct={pct}",
                f"seed={self.seed}", f"args={self.args}", *self.options,
                *([f"model={self.model}"] if self.model else [])]


def load_matrix(path: str | None) -> ModuleType:
    """The matrix of a file, by default the one beside this module."""
    if path is None:
        path = str(pathlib.Path(__file__).with_name("matrix.py"))
    spec = importlib.util.spec_from_file_location("bench_matrix", path)
    if spec is None or spec.loader is None or not pathlib.Path(path).is_file():
        raise OSError(f"{path}: no such matrix")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row_jobs(matrix: ModuleType, workload, share: int, seed: int) -> list[Job]:
    """All systems of one row of a table."""
    return [Job(workload.name, workload.boot, system.name, share if system.shared else None,
                seed, workload.args, workload.phases, workload.cpu_s,
                workload.options, matrix.MODEL)
            for system in matrix.SYSTEMS]


def all_jobs(matrix: ModuleType) -> list[Job]:
    """Row after row with the first seed, then the next: each row is complete as soon as can be."""
    jobs = {}
    for seed in matrix.SEEDS:
        for workload in matrix.WORKLOADS:
            # Without any shares it is for systems that have no quota.
            for share in workload.shares + workload.edges or (0,):
                for job in row_jobs(matrix, workload, share, seed):
                    if (share in workload.shares
                            or (share in workload.edges and job.system == matrix.OURS)
                            or (not workload.shares and job.dram_pct is None)):
                        jobs.setdefault(job.id, job)
    return list(jobs.values())


def quick_jobs(matrix: ModuleType) -> list[Job]:
    """A row of each quick workload: system by system, what fits into the CPU time allowed."""
    rows = [row_jobs(matrix, w, w.shares[-1], matrix.SEEDS[0])
            for w in matrix.WORKLOADS if w.quick]
    taken, left = set(), matrix.QUICK_CPU_S
    for system in matrix.QUICK_ORDER:
        for job in (j for row in rows for j in row if j.system == system):
            if job.cpu_s <= left:
                left -= job.cpu_s
                taken.add(job.id)
    return [job for row in rows for job in row if job.id in taken]


def select(jobs: list[Job], patterns: list[str]) -> list[Job]:
    """Jobs whose id matches one of the shell patterns; all without patterns."""
    if not patterns:
        return jobs
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(job.id, pattern) for job in jobs):
            raise ValueError(f"no job matches {pattern!r}")
    return [j for j in jobs if any(fnmatch.fnmatchcase(j.id, p) for p in patterns)]
