# SPDX-License-Identifier: GPL-2.0
"""Where a system's loss against the base is: in nanoseconds of the server's CPU per operation.

The server runs on a CPU of its own, whose time is instructions, waiting for memory, and being
idle. What each takes more per operation than with all memory in DRAM, by the time that an
operation takes, adds up to what throughput is lower by. Waiting is compared with the oracle's
once more: what a static placement can't avoid either is no fault of the system.

What the system executes on the other CPU does not slow down the server, but costs somebody
something: it is what is executed there beyond what the clients need for their operations.
"""
from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from rows import Report
from tables import MISSING, table

SERVER_CPU, OTHER_CPU = 1, 0
ORACLE = "oracle"


@dataclass(frozen=True)
class Operation:
    """Nanoseconds of the server's CPU, per operation."""
    total: float
    stall: float
    idle: float

    @property
    def busy(self) -> float:
        """Instructions."""
        return self.total - self.stall - self.idle


@dataclass(frozen=True)
class Loss:
    """Parts of a loss of throughput, in percent of it; they add up to the whole."""
    whole: float
    stall: float
    busy: float
    idle: float
    oracle_stall: float | None      # what the oracle's waiting would be of it


def operations(report: Report, workload: str, phase: str, share: int | None, system: str
               ) -> dict[int, Operation]:
    """By seed."""
    def field(name: str) -> dict[int, float]:
        return report.cell(workload, phase, share, system, name)

    ops, total = field("ops"), field("model_ns")
    stall, idle = (field(f"vcpu{SERVER_CPU}_{x}_ns") for x in ("stall", "idle"))
    return {seed: Operation(total[seed] / n, stall[seed] / n, idle[seed] / n)
            for seed, n in ops.items() if n and seed in total and seed in stall and seed in idle}


def losses(report: Report, workload: str, phase: str, share: int | None, system: str
           ) -> list[Loss]:
    """One for each seed that the base has, too."""
    base = operations(report, workload, phase, None, report.matrix.BASE)
    best = operations(report, workload, phase, share, ORACLE)
    found = []
    for seed, ours in operations(report, workload, phase, share, system).items():
        if seed not in base:
            continue
        dram, pct = base[seed], 100 / ours.total
        found.append(Loss(pct * (ours.total - dram.total), pct * (ours.stall - dram.stall),
                          pct * (ours.busy - dram.busy), pct * (ours.idle - dram.idle),
                          pct * (best[seed].stall - dram.stall) if seed in best else None))
    return found


def beside(report: Report, workload: str, phase: str, share: int | None, system: str
           ) -> dict[int, float]:
    """Instructions on the other CPU beyond the base's, in percent of all, by seed.

    Clients execute as many for an operation as with the base. Only they measure latency; where
    there is none, what is executed there is the kernel's, and goes with time.
    """
    def ours(name: str) -> dict[int, float]:
        return report.cell(workload, phase, share, system, name)

    def base(name: str) -> dict[int, float]:
        return report.cell(workload, phase, None, report.matrix.BASE, name)

    insns, whole = f"vcpu{OTHER_CPU}_insns", ours("insns")
    unit = "ops" if ours("p50_us") else "model_ns"
    units, base_units, base_insns = ours(unit), base(unit), base(insns)
    return {seed: 100 * (n - base_insns[seed] * units[seed] / base_units[seed]) / whole[seed]
            for seed, n in ours(insns).items()
            if units.get(seed) and whole.get(seed) and base_units.get(seed) and seed in base_insns}


def loss_table(report: Report, system: str) -> list[str]:
    """Lines of Markdown: means over seeds, as medians of the parts would not add up."""
    def text(values: list[float | None], form: str = "{:.1f}") -> str:
        known = [x for x in values if x is not None]
        return form.format(fmean(known)) if known else MISSING

    body = []
    for workload in report.workloads():
        for phase in report.phases(workload):
            for share in report.shares(workload) or [None]:
                found = losses(report, workload, phase, share, system)
                if not found:
                    continue
                daemons = report.cell(workload, phase, share, system, "daemon_cpu_share")
                instructions = beside(report, workload, phase, share, system)
                body.append([workload, phase, MISSING if share is None else f"{share} %",
                             text([x.whole for x in found]),
                             text([x.oracle_stall for x in found]),
                             text([None if x.oracle_stall is None else x.stall - x.oracle_stall
                                   for x in found]),
                             text([x.busy for x in found]), text([x.idle for x in found]),
                             text([100 * x for x in daemons.values()], "{:.2f}"),
                             text(list(instructions.values()))])
    return table(["workload", "phase", "DRAM", "lost", "memory: oracle", "memory: beyond it",
                  "instructions", "idle", "daemons' time", "instructions beside"], body, 3)
