# SPDX-License-Identifier: GPL-2.0
"""A matrix that a test runs in seconds: 2 workloads, 4 systems, 2 seeds, 16 jobs."""
from matrix import (BASE, BOUNDS, FLOOR, OURS, SYSTEMS as ALL_SYSTEMS, Panel, Spec, Workload)

__all__ = ["BASE", "BOUNDS", "FLOOR", "OURS"]
SEEDS = (1, 2)
KERNEL_SERIES = "6.12"
MODEL = ""
LIMIT_BASE_S = 1
LIMIT_FACTOR = 1
LIMIT_GRACE_S = 0.3
SYSTEMS = tuple(s for s in ALL_SYSTEMS if s.name in ("all-dram", "all-slow", "tiermem", "numab2"))
WORKLOADS = (
    Workload("redis-zipf", "redis", "--phase get:zipf:1 --phase set:zipf:16",
             ("get-zipf", "set-zipf-p16"), (33,), 2, quick=True),
    Workload("micro-jump", "micro", "--pattern jump", ("jump",), (25,), 1, quick=True),
)
QUICK_CPU_S = 7
QUICK_ORDER = ("all-dram", "tiermem", "all-slow", "numab2")
FIGURES = (
    Spec("two", "Two", 2, (
        Panel("GET", "redis-zipf", "get-zipf", {33: 84}),
        Panel("GET, of another", "redis-zipf", "get-zipf", {}, base="other"))),
    Spec("three", "Nobody runs it", 1, (Panel("none", "nothing", "none", {}),)),
)
