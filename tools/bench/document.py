# SPDX-License-Identifier: GPL-2.0
"""docs/benchmarks.md: its results, between two comments, and the plots that it shows."""
from __future__ import annotations

import pathlib

from loss import loss_table
from progress import write_atomically
from tables import Tables

BEGIN = "<!-- results: make bench-docs writes from here -->\n"
END = "<!-- results: to here -->\n"


def loss_section(report) -> list[str]:
    """Where it loses what the tables say it does."""
    system = report.matrix.OURS
    return [f"## Where {system}'s loss is", "",
            "In percent of the server's time per operation, means over seeds (`tools/bench/bench "
            "loss`, which has it for any system): waiting for memory as the oracle does, waiting "
            "beyond that, instructions, and idling, for a client or a page on its way. MariaDB's "
            "rows include the start of sysbench. Daemons' time: what they had of the other CPU. "
            "Instructions beside: on that CPU, beyond those that all-dram's clients need for as "
            "many operations, in percent of all that both CPUs execute; where memory is waited "
            "for more, clients sleep more often, too.", ""
            ] + loss_table(report, system)


def publish(report, plots: list[str], document: pathlib.Path) -> list[pathlib.Path]:
    """Puts the tables into the document, plots and rows beside it. Returns what was written."""
    text = document.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ValueError(f"{document}: no two comments for the results to go between")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    beside = document.with_suffix("")
    beside.mkdir(exist_ok=True)
    for old in beside.glob("*.svg"):
        if old.name not in plots:
            old.unlink()
    for name in plots:
        # matplotlib leaves blanks at the ends of lines, which a diff would show red.
        lines = (report.out / name).read_text().splitlines()
        write_atomically(beside / name, "".join(x.rstrip() + "\n" for x in lines))
    write_atomically(beside / "results.csv", report.csv())
    body = Tables(report).brief(plots, loss_section(report))
    write_atomically(document, f"{head}{BEGIN}\n{body}\n{END}{tail}")
    return [document] + [beside / name for name in plots + ["results.csv"]]
