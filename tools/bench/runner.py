# SPDX-License-Identifier: GPL-2.0
"""Runs jobs side by side, each pinned to a core; what is complete is not run again."""
from __future__ import annotations

import collections
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field

from guard import Guard, kill_group
from job import Job
from progress import Durations, Progress, clock, write_atomically
from result import Result

ATTEMPTS = 2
POLL_S = 0.05


@dataclass
class Running:
    """A job in flight."""
    job: Job
    attempt: int
    core: int
    process: subprocess.Popen
    started: float = field(default_factory=time.monotonic)
    late: bool = False

    def elapsed_s(self) -> float:
        """Since its start."""
        return time.monotonic() - self.started


class Stopped(Exception):
    """Somebody wants us to end."""


def lock(out: pathlib.Path, progress: Progress):
    """One runner at a time; waits for the guard of one that was killed."""
    file = open(out / "lock", "w", encoding="ascii")
    for attempt in range(40):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if attempt == 10:
                progress.say(f"bench: {out} is in use, waiting")
            time.sleep(0.1)
    raise OSError(f"{out}: another bench run is at work there")


class Runner:
    """A run of some jobs into a directory."""

    def __init__(self, out: pathlib.Path, matrix, boot: pathlib.Path,
                 inputs: dict[tuple[str, bool], dict], slots: int, again: bool = False,
                 progress: Progress | None = None):
        self.out, self.matrix, self.boot, self.inputs = out, matrix, boot, inputs
        self.again = again
        self.progress = progress or Progress()
        cores = sorted(os.sched_getaffinity(0))
        self.free = collections.deque(cores[i % len(cores)] for i in range(slots))
        self.slots = slots
        self.running: list[Running] = []
        self.queue: collections.deque[tuple[Job, int]] = collections.deque()
        self.failed: dict[str, str] = {}
        self.done = self.total = 0
        self.durations = Durations(out / "durations.json")
        self.guard: Guard | None = None

    def directory(self, job: Job) -> pathlib.Path:
        """Where its files go."""
        return self.out / "jobs" / job.id

    def inputs_of(self, job: Job) -> dict:
        """What its result depends on: tiermem's on the module, too."""
        return self.inputs[job.boot, job.system == self.matrix.OURS]

    def limit_s(self, job: Job) -> float:
        """Longer than this is for ever."""
        return self.matrix.LIMIT_BASE_S + self.matrix.LIMIT_FACTOR * job.cpu_s

    # ---- one job ------------------------------------------------------------

    def _start(self, job: Job, attempt: int) -> None:
        directory = self.directory(job)
        if directory.exists():
            shutil.rmtree(directory)
        directory.mkdir(parents=True)
        record = {"definition": job.definition(), "inputs": self.inputs_of(job),
                  "attempt": attempt}
        write_atomically(directory / "job.json", json.dumps(record, indent=1) + "\n")
        core = self.free.popleft()
        assert self.guard
        with open(directory / "boot.log", "wb") as log:
            process = subprocess.Popen(
                ["taskset", "-c", str(core), str(self.boot), str(directory)] + job.boot_args(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=self.guard.enter)
        self.running.append(Running(job, attempt, core, process))

    def _ended(self, run: Running, status: int, cpu_s: float) -> None:
        assert self.guard
        # What it may have left behind, before its number can be somebody else's.
        kill_group(run.process.pid, signal.SIGKILL)
        self.guard.left(run.process.pid)
        self.running.remove(run)
        self.free.append(run.core)
        directory, wall_s = self.directory(run.job), run.elapsed_s()
        reason = ""
        if run.late:
            reason = f"took longer than {clock(self.limit_s(run.job))}"
        else:
            # What the guest says comes first: it explains the status.
            problems = Result(directory).problems()
            reason = "; ".join(problems)
            if not reason and status:
                reason = f"boot.sh ended with status {status}"
        record = json.loads((directory / "job.json").read_bytes())
        record["outcome"] = {"ok": not reason, "reason": reason, "status": status,
                             "wall_s": round(wall_s, 2), "cpu_s": round(cpu_s, 2)}
        write_atomically(directory / "job.json", json.dumps(record, indent=1) + "\n")
        if reason:
            self._failed(run, reason)
            return
        self.done += 1
        self.failed.pop(run.job.id, None)
        self.durations.add(run.job.workload, wall_s)
        self.progress.say(f"[{self.done}/{self.total}] {run.job.id}: {clock(wall_s)}, "
                          f"{clock(self.left_s())} left")

    def _failed(self, run: Running, reason: str) -> None:
        say, directory = self.progress.say, self.directory(run.job)
        say(f"{run.job.id}: {reason}" + ("; once more" if run.attempt < ATTEMPTS else ""))
        if run.attempt < ATTEMPTS:
            kept = self.out / "failed" / run.job.id
            shutil.rmtree(kept, ignore_errors=True)
            kept.parent.mkdir(exist_ok=True)
            directory.rename(kept)
            self.queue.appendleft((run.job, run.attempt + 1))
            return
        self.failed[run.job.id] = reason
        self.done += 1
        say(f"[{self.done}/{self.total}] {run.job.id}: FAILED")
        for line in Result(directory).tail():
            say("    " + line)

    def _poll(self) -> None:
        for run in list(self.running):
            pid, status, usage = os.wait4(run.process.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                run.process.returncode = code
                self._ended(run, code, usage.ru_utime + usage.ru_stime)
                continue
            over_s = run.elapsed_s() - self.limit_s(run.job)
            if over_s > 0 and not run.late:
                run.late = True
                kill_group(run.process.pid, signal.SIGTERM)
            elif over_s > self.matrix.LIMIT_GRACE_S:
                kill_group(run.process.pid, signal.SIGKILL)

    # ---- all of them --------------------------------------------------------

    def left_s(self) -> float:
        """Estimate of what is left, with as many jobs side by side as now."""
        work = sum(self.durations.of(job) for job, _ in self.queue)
        rest = [max(0.0, self.durations.of(r.job) - r.elapsed_s()) for r in self.running]
        return max((work + sum(rest)) / self.slots, max(rest, default=0.0))

    def status(self) -> str:
        """The line that changes."""
        names = ", ".join(f"{r.job.id} {clock(r.elapsed_s())}" for r in self.running)
        return (f"[{self.done}/{self.total}] {clock(self.left_s())} left"
                + (f", {len(self.failed)} failed" if self.failed else "") + f": {names}")

    def _remember_plan(self, jobs: list[Job]) -> None:
        """For the report: what was ever asked for here, and so is missing if it isn't there."""
        path = self.out / "plan.json"
        try:
            plan = json.loads(path.read_bytes())
        except (OSError, ValueError):
            plan = {}
        plan.update({job.id: job.definition() for job in jobs})
        write_atomically(path, json.dumps(plan, indent=1) + "\n")

    def run(self, jobs: list[Job]) -> int:
        """Exit status."""
        (self.out / "jobs").mkdir(parents=True, exist_ok=True)
        held = lock(self.out, self.progress)

        def stop(number, _frame):
            raise Stopped(number)

        old = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            self.guard = Guard()
            return self._run(jobs)
        except Stopped as why:
            for s in old:
                signal.signal(s, signal.SIG_IGN)
            self.progress.say(f"bench: stopped with {self.done} of {self.total} jobs done; the "
                              "same command goes on where this one was")
            return 128 + int(why.args[0])
        finally:
            # Jobs in flight go with the guard's pipe.
            if self.guard:
                self.guard.close([r.process for r in self.running])
            for s, handler in old.items():
                signal.signal(s, handler)
            held.close()

    def _run(self, jobs: list[Job]) -> int:
        self._remember_plan(jobs)
        self.durations.learn_estimates(self.matrix.WORKLOADS)
        todo = []
        for job in jobs:
            if self.again or not Result(self.directory(job)).complete(
                    job.definition(), self.inputs_of(job)["digest"]):
                todo.append(job)
        self.queue.extend((job, 1) for job in todo)
        self.total, self.done = len(jobs), len(jobs) - len(todo)
        self.progress.say(f"bench: {self.total} jobs, {self.done} of them done already, "
                          f"{self.slots} at a time, about {clock(self.left_s())}")
        ticks = 0
        while self.queue or self.running:
            while self.queue and self.free:
                self._start(*self.queue.popleft())
            self._poll()
            if ticks % 20 == 0:
                self.progress.status(self.status())
            ticks += 1
            if self.running and not (self.queue and self.free):
                time.sleep(POLL_S)
        if self.failed:
            self.progress.say(f"bench: {len(self.failed)} of {self.total} jobs failed:")
            for name, reason in self.failed.items():
                self.progress.say(f"  {name}: {reason}")
            return 1
        self.progress.say(f"bench: all of {self.total} jobs are done")
        return 0
