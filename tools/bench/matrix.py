# SPDX-License-Identifier: GPL-2.0
"""What is measured: workloads, systems, shares of DRAM, seeds.

One job is one boot: a workload under a system with a share and a seed. To add a workload or a
system, add a line; names and arguments mean what tools/bench/boot.sh and its guest make of them.
"""
import shutil
from dataclasses import dataclass, replace

# Replicates: the seed is that of QEMU's guest randomness and of the workload's keys.
SEEDS = (1, 2, 3)

# The kernel that boot.sh starts: the newest installed one of this series.
KERNEL_SERIES = "6.12"

# Options of the simulator (tools/tiersim/README.md), "key=value ...", where they are not
# its defaults.
MODEL = ""

# A job that takes longer than this hangs. Estimates are CPU seconds of a machine
# that simulates 100 million guest instructions a second; hosts are slower, and busy.
LIMIT_BASE_S = 300
LIMIT_FACTOR = 20
# From SIGTERM to SIGKILL: boot.sh tidies up.
LIMIT_GRACE_S = 5


@dataclass(frozen=True)
class System:
    """A way to place memory. Without `shared` it has no quota, and so one job for all shares."""
    name: str
    shared: bool
    about: str


# In the order of the tables' columns, and of the jobs of a row.
SYSTEMS = (
    System("all-dram", False, "all memory in DRAM: what 100 % means"),
    System("all-slow", False, "all memory in the slow tier"),
    System("tiermem", True, "a quota in tiermem.dram_max"),
    System("first-touch", True, "no tiering: what comes first is in DRAM"),
    System("numab2", True, "numa_balancing=2 and demotion"),
    System("damon", True, "DAMON migrate_hot, migrate_cold"),
    System("mglru-loop", True, "numab2 and a loop of MGLRU demotion"),
    System("reclaim-loop", True, "numab2 and a loop of memory.reclaim"),
    System("oracle", True, "static placement by true access counts"),
)
BASE = "all-dram"
FLOOR = "all-slow"
OURS = "tiermem"
BOUNDS = (BASE, FLOOR, "oracle")


@dataclass(frozen=True)
class Workload:
    """A workload; `phases` are what its results promise, in this order."""
    name: str
    boot: str               # workload= of boot.sh
    args: str
    phases: tuple[str, ...]
    shares: tuple[int, ...]  # DRAM in percent of the data
    cpu_s: int              # estimate of a whole job
    quick: bool = False     # its last share is part of --quick
    options: tuple[str, ...] = ()   # further words for boot.sh, such as "data_bytes=..."
    edges: tuple[int, ...] = ()     # shares that tiermem alone has: more than is needed, nothing


# Of sysbench.
POINT = ("point_select",)
OLTP = ("read_only", "read_write")


def redis_phases(dist: str, specs: tuple[tuple[str, int], ...]) -> tuple[str, tuple[str, ...]]:
    """Kinds of requests, (operation, how many are pipelined): the argument, names of phases."""
    return ("phases=" + ",".join(f"{op}:{dist}:{depth}" for op, depth in specs),
            tuple(f"{op}-{dist}" + (f"-p{depth}" if depth > 1 else "") for op, depth in specs))


def redis(dist: str, quick: bool = False, client: str = "",
          edges: tuple[int, ...] = (110, 0)) -> Workload:
    """GET one at a time and pipelined by 16, then SET and a mix.

    A kind of load runs for half a second before it is measured, the first for two more. GET
    comes first: SET moves values, and what is hot after it is not what was hot before.
    """
    args, phases = redis_phases(dist, (("get", 1), ("get", 16), ("set", 1), ("mixed", 1)))
    return Workload(f"{client or 'redis'}-{dist}", "redis",
                    (f"client={client} " if client else "") + args +
                    " warmup=2 settle=0.5 seconds=0.4 counted=0.2",
                    phases, (67, 33), 130, quick, edges=edges)


def settled(dist: str) -> Workload:
    """Redis long after the start, when tiermem's daemon has spent what it had saved up.

    What moves values comes first: where to, is always new.
    """
    args, phases = redis_phases(dist, (("mixed", 1), ("set", 1), ("get", 1)))
    return Workload(f"redis-{dist}-settled", "redis",
                    args + " warmup=25 settle=1 seconds=0.4 counted=0.2", phases, (33,), 560,
                    edges=(12,))


def micro(name: str, patterns: tuple[str, ...], more: str, quick: bool = False) -> Workload:
    """Access patterns on a block of memory, one after the other."""
    return Workload(name, "micro", f"patterns={','.join(patterns)} --size 128M {more}",
                    patterns, (50, 25), 20 + 6 * len(patterns), quick)


def mariadb(size: str, dist: str, tests: tuple[str, ...], quick: bool = False,
            edges: tuple[int, ...] = (110,)) -> Workload:
    """sysbench OLTP; small: all of the data fits the buffer pool."""
    # About 0.4 s each, after 1 s.
    events, warmup = (16000, 40000) if tests == POINT else (400, 1000)
    return Workload(f"mariadb-{size}-{dist}", "mariadb" if size == "small" else "mariadb-large",
                    f"tests={','.join(tests)} rand={dist} warmup={warmup} events={events}",
                    tests, (25, 12), 50 + 50 * (1 + len(tests)), quick, edges=edges)


def dram_only(workload: Workload) -> Workload:
    """The large database where there is no slow memory: in its pool is what fits 100 MB, 47 %."""
    return replace(workload, name=workload.name + "-pool64", args=workload.args + " pool_mb=64",
                   shares=(), edges=())


def machine(dist: str) -> Workload:
    """A virtual machine, with a Redis and its clients in it, and memory placed from outside."""
    args, phases = redis_phases(dist, (("get", 1), ("set", 1), ("mixed", 1)))
    return Workload(f"vm-redis-{dist}", "vm",
                    args + " warmup=2 settle=0.5 seconds=0.4 counted=0.2", phases, (50, 25), 200,
                    options=("node0=1024",), edges=(110,))


LARGE = mariadb("large", "pareto", POINT, edges=(110, 47, 6))

WORKLOADS = (
    redis("zipf", quick=True, edges=(110, 12, 0)),
    micro("micro", ("zipf", "hot10", "gauss", "uniform", "scan", "gups", "chase", "seqread"),
          "--warmup 2.4 --seconds 0.3", quick=True),
    # Over time: how long a new hot set takes.
    micro("micro-jump", ("jump",), "--warmup 1.2 --seconds 2 --jump-every 1 --report-every 0.02"),
    Workload("timeline", "timeline", "seconds=3 every=50",
             ("start", "change", "smaller", "larger"), (33,), 330),
    # One of two servers wakes up, and rests again; then both do.
    Workload("tenants", "tenants", "keys=60000 warmup=1 seconds=1.5 every=50",
             ("alone", "beside", "after", "neighbour", "idle"), (33,), 260),
    mariadb("small", "pareto", POINT, quick=True),
    LARGE,
    dram_only(LARGE),
    redis("gauss"),
    redis("uniform"),
    settled("zipf"),
    machine("zipf"),
    mariadb("small", "special", OLTP),
    mariadb("large", "special", OLTP),
    mariadb("small", "uniform", POINT),
    mariadb("large", "uniform", POINT),
)

# Not a Debian package: where somebody has installed it.
if shutil.which("memtier_benchmark"):
    WORKLOADS += (redis("uniform", client="memtier"),)


@dataclass(frozen=True)
class Panel:
    """A kind of load in a figure; `promised`: percent of the base, by share of DRAM.

    `base`: another workload, whose all-dram is what 100 % means. `without`: shares to leave out.
    """
    title: str
    workload: str
    phase: str
    promised: dict[int, float]
    base: str = ""
    without: tuple[int, ...] = ()


@dataclass(frozen=True)
class Spec:
    """A figure over workloads: how throughput falls as DRAM does."""
    name: str
    title: str
    columns: int
    panels: tuple[Panel, ...]


REDIS_PROMISED = {67: 96, 33: 84}
# The brief's two figures, and a virtual machine.
FIGURES = (
    Spec("redis", "Redis", 3, tuple(
        Panel(f"{op.upper()}, {dist}" if op != "mixed" else f"half of each, {dist}",
              f"redis-{dist}", f"{op}-{dist}",
              REDIS_PROMISED | ({0: 80} if op == "get" else {}))
        for op in ("get", "set", "mixed") for dist in ("zipf", "gauss", "uniform"))),
    Spec("mariadb", "MariaDB, point selects", 2, (
        Panel("small", "mariadb-small-pareto", "point_select", {110: 98, 25: 92, 12: 92}),
        Panel("large", "mariadb-large-pareto", "point_select", {}, without=(110, 47, 6)))),
    Spec("mariadb-large", "MariaDB, large, against the same DRAM without slow memory", 1, (
        Panel("point selects", "mariadb-large-pareto", "point_select", {47: 105, 12: 97, 6: 94},
              base="mariadb-large-pareto-pool64", without=(110,)),)),
    Spec("vm", "Redis in a virtual machine", 3, tuple(
        Panel(op.upper() if op != "mixed" else "half of each", "vm-redis-zipf", f"{op}-zipf", {})
        for op in ("get", "set", "mixed"))),
)

# --quick: the last share of each quick workload, one seed, as many systems in this
# order as fit: 10 minutes on 2 cores.
QUICK_CPU_S = 1200
QUICK_ORDER = ("all-dram", "tiermem", "numab2", "all-slow", "first-touch", "oracle",
               "mglru-loop", "reclaim-loop", "damon")
