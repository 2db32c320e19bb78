# SPDX-License-Identifier: GPL-2.0
"""bench plan and run: order, resumption, retries, limits."""
import os
import pathlib
import signal
import subprocess
import time

from common import JOBS, BenchTest
from job import all_jobs, load_matrix, quick_jobs


def alive(pid):
    """Runs and is no zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Plan(BenchTest):
    """The jobs, before they run."""

    def test_full_matrix(self):
        """all workloads x (2 + shares x 7 systems + edges) x 3 seeds; complete rows come first"""
        matrix = load_matrix(None)
        jobs = all_jobs(matrix)
        want = 3 * sum(2 + 7 * len(w.shares) + len(w.edges) for w in matrix.WORKLOADS)
        self.assertEqual(len({j.id for j in jobs}), want)
        self.assertEqual(len(jobs), want)
        self.assertEqual({j.system for j in jobs if j.dram_pct in (0, 110)}, {"tiermem"})
        self.assertEqual([j.seed for j in jobs], sorted(j.seed for j in jobs))
        self.assertEqual({j.system for j in jobs[:9]}, {j.system for j in jobs})
        self.assertEqual(len({(j.workload, j.dram_pct) for j in jobs[2:9]}), 1)
        self.assertEqual([j.id for j in jobs[:3]], ["redis-zipf.all-dram.r1",
                                                    "redis-zipf.all-slow.r1",
                                                    "redis-zipf.s67.tiermem.r1"])

    def test_selection(self):
        """patterns choose by id, and one that matches nothing is an error"""
        said = self.bench("plan", "redis*.s33.*", "*jump*.r2")
        self.assertIn("8 jobs", said)
        self.assertIn("no job matches 'nix*'", self.bench("plan", "nix*", status=2))

    def test_quick(self):
        """--quick keeps to its CPU time, the systems in their order"""
        names = [x.split()[0] for x in self.bench("plan", "--quick").split("\n")[:-2]]
        self.assertEqual(names, ["redis-zipf.all-dram.r1", "redis-zipf.s33.tiermem.r1",
                                 "micro-jump.all-dram.r1", "micro-jump.all-slow.r1",
                                 "micro-jump.s25.tiermem.r1"])
        jobs = quick_jobs(load_matrix(None))
        self.assertLessEqual(sum(j.cpu_s for j in jobs), 2 * 600)
        self.assertEqual({j.boot for j in jobs}, {"redis", "micro", "mariadb"})


class Run(BenchTest):
    """Jobs that run."""

    def test_resume_after_kill(self):
        """kill -9 of the runner ends its jobs, and the next run does only what is left"""
        self.mode.write_text("tiermem.r2 hang\n")
        with subprocess.Popen(self.argv("run", "-j", "2"), env=self.env,
                              stdout=subprocess.DEVNULL) as run:
            pidfile = self.out / "jobs/redis-zipf.s33.tiermem.r2/pid"
            until = time.monotonic() + 20
            while not pidfile.exists() or not pidfile.read_text():
                self.assertLess(time.monotonic(), until, "the job that hangs did not start")
                time.sleep(0.02)
            pid = int(pidfile.read_text())
            run.send_signal(signal.SIGKILL)
        first = self.started()
        self.assertGreaterEqual(len(first), 8)
        self.mode.write_text("")
        said = self.bench("run", "-j", "2")
        self.assertFalse(alive(pid), "the job outlived its runner")
        second = self.started()
        # Only what was in flight runs twice: two jobs at a time.
        twice = set(first) & set(second)
        self.assertIn("redis-zipf.s33.tiermem.r2", twice)
        self.assertLessEqual(len(twice), 2)
        self.assertEqual(len(set(first) | set(second)), JOBS)
        self.assertIn(f"all of {JOBS} jobs are done", said)
        self.bench("run")
        self.assertEqual(self.started(), [])

    def test_interrupt(self):
        """SIGINT ends the run and its jobs with status 130"""
        self.mode.write_text("* hang\n")
        with subprocess.Popen(self.argv("run", "-j", "1"), env=self.env, text=True,
                              stdout=subprocess.PIPE) as run:
            pidfile = self.out / "jobs/redis-zipf.all-dram.r1/pid"
            until = time.monotonic() + 20
            while not pidfile.exists() or not pidfile.read_text():
                self.assertLess(time.monotonic(), until, "no job started")
                time.sleep(0.02)
            run.send_signal(signal.SIGINT)
            said = run.communicate(timeout=20)[0]
        self.assertEqual(run.returncode, 130)
        self.assertIn(f"stopped with 0 of {JOBS} jobs done", said)
        self.assertFalse(alive(int(pidfile.read_text())))

    def test_two_runners(self):
        """one runner at a time in a directory"""
        self.mode.write_text("* hang\n")
        with subprocess.Popen(self.argv("run", "-j", "1", "*zipf*"), env=self.env,
                              stdout=subprocess.DEVNULL) as run:
            while not (self.out / "jobs/redis-zipf.all-dram.r1/pid").exists():
                time.sleep(0.02)
            # So that it does not end that job at its limit.
            os.kill(run.pid, signal.SIGSTOP)
            said = self.bench("run", status=2)
            os.kill(run.pid, signal.SIGCONT)
            run.terminate()
        self.assertIn("another bench run is at work", said)

    def test_inputs(self):
        """another image or --again runs it all again, another job definition that job"""
        self.bench("run", "*jump*.r1")
        self.assertEqual(len(self.started()), 4)
        self.bench("run", "*jump*.r1", "--again")
        self.assertEqual(len(self.started()), 4)
        self.input.write_text("2")
        self.bench("run", "*jump*.r1")
        self.assertEqual(len(self.started()), 4)
        record = self.out / "jobs/micro-jump.all-dram.r1/job.json"
        record.write_text(record.read_text().replace("--pattern jump", "--pattern jump --long"))
        self.bench("run", "*jump*.r1")
        self.assertEqual(self.started(), ["micro-jump.all-dram.r1"])

    def test_retry(self):
        """a job that fails once is run once more; one that fails again is reported"""
        self.mode.write_text("tiermem.r1 once\nnumab2.r1 error\n")
        said = self.bench("run", "-j1", "redis*.r1", status=1)
        started = self.started()
        self.assertEqual([started.count(f"redis-zipf.{x}.r1") for x in
                          ("all-dram", "all-slow", "s33.tiermem", "s33.numab2")], [1, 1, 2, 2])
        self.assertIn("the guest says: the server did not start; once more", said)
        self.assertIn("redis-zipf.s33.numab2.r1: FAILED", said)
        self.assertIn("      the last words\n", said)
        self.assertIn("1 of 4 jobs failed", said)
        self.mode.write_text("")
        self.assertIn("3 of them done already", self.bench("run", "redis*.r1"))
        self.assertEqual(self.started(), ["redis-zipf.s33.numab2.r1"])

    def test_limit(self):
        """a job that hangs is ended, if need be by force, and the others go on"""
        self.mode.write_text("all-slow.r1 stubborn\n")
        said = self.bench("run", "-j4", "micro*.r1", status=1)
        self.assertIn("micro-jump.all-slow.r1: took longer than 0:02; once more", said)
        self.assertIn("1 of 4 jobs failed", said)

    def test_status(self):
        """a boot that fails after its results is a failure"""
        self.mode.write_text("* status\n")
        said = self.bench("run", "micro*.all-dram.r1", status=1)
        self.assertIn("boot.sh ended with status 3", said)

    def test_sanity(self):
        """results that lack something are failures with their reason"""
        for mode, reason in (("noend", "no end line"),
                             ("nophase", "phase 1 (get-zipf): no results"),
                             ("nomark", "marks of phase 1 are no pair: 1 begin, 0 end"),
                             ("backwards", "time_ns of the marks runs backwards")):
            with self.subTest(mode):
                self.mode.write_text(f"* {mode}\n")
                said = self.bench("run", "redis*.all-dram.r1", status=1)
                self.assertIn(f"redis-zipf.all-dram.r1: {reason}", said)
        self.mode.write_text("* torn\n")
        self.bench("run", "redis*.all-dram.r1")
