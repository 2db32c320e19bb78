# SPDX-License-Identifier: GPL-2.0
"""Where a system's loss is: parts that add up, from numbers that a reader can check by hand."""
import json
import shutil
import unittest

from common import BenchTest

OPS = 100


class Loss(BenchTest):
    """bench loss"""

    def job(self, system, share, op_ns, stall_ns, idle_ns, daemons_ns=0, insns=(0, 0),
            **latency):
        """A job with one phase of 100 operations; insns: of both CPUs, for each of them."""
        name = f"redis-zipf.{f's{share}.' if share else ''}{system}.r1"
        path = self.out / "jobs" / name
        path.mkdir(parents=True)
        (path / "job.json").write_text(json.dumps({"definition": {
            "workload": "redis-zipf", "boot": "redis", "system": system, "dram_pct": share,
            "seed": 1, "args": "", "phases": ["get-zipf"]}}))
        seconds = OPS * op_ns / 1e9
        lines = [{"type": "phase", "phase": 1, "name": "get-zipf", "ops": OPS,
                  "seconds": seconds, "ops_per_s": OPS / seconds} | latency,
                 {"type": "daemons", "phase": 1, "when": "begin", "cpu_ns": 5},
                 {"type": "daemons", "phase": 1, "when": "end", "cpu_ns": 5 + daemons_ns},
                 {"type": "end"}]
        marks = [{"mark": 2, "time_ns": 0, "insns": 0,
                  "vcpus": [{"stall_ns": 7, "idle_ns": 7, "insns": 3},
                            {"stall_ns": 0, "idle_ns": 0, "insns": 0}]},
                 {"mark": 3, "time_ns": OPS * op_ns, "insns": OPS * sum(insns),
                  "vcpus": [{"stall_ns": 9, "idle_ns": 9, "insns": 3 + OPS * insns[0]},
                            {"stall_ns": OPS * stall_ns, "idle_ns": OPS * idle_ns,
                             "insns": OPS * insns[1]}]}]
        for file, objects in (("results.jsonl", lines), ("tiersim.jsonl", marks)):
            (path / file).write_text("".join(json.dumps(x) + "\n" for x in objects))
        return path

    def rows(self, *args):
        """The table's rows."""
        return self.bench("loss", *args).splitlines()[2:-1]

    def test_parts(self):
        """a fifth is lost: waiting, as far as the oracle waits and beyond, and idling"""
        self.job("all-dram", None, 1000, 200, 0)
        # 250 ns more: 200 of waiting, half of it the oracle's, 50 of idling.
        self.job("tiermem", 33, 1250, 400, 50, daemons_ns=1250)
        oracle = self.job("oracle", 33, 1100, 300, 0)
        self.assertEqual(self.rows(), ["| redis-zipf | get-zipf | 33 % | 20.0 | 8.0 | 8.0 | 0.0 "
                                       "| 4.0 | 1.00 | – |"])
        # Of 1100 ns 100 are lost, to waiting alone, which is the oracle's.
        self.assertEqual(self.rows("--system", "oracle"),
                         ["| redis-zipf | get-zipf | 33 % | 9.1 | 9.1 | 0.0 | 0.0 | 0.0 "
                          "| 0.00 | – |"])
        shutil.rmtree(oracle)
        self.assertEqual(self.rows(), ["| redis-zipf | get-zipf | 33 % | 20.0 | – | – | 0.0 | 4.0 "
                                       "| 1.00 | – |"])

    def test_beside(self):
        """the clients' instructions are not the system's"""
        # 1000 an operation are theirs, 25 more of 2500 are one percent.
        self.job("all-dram", None, 1000, 200, 0, insns=(1000, 1475), p50_us=200)
        self.job("tiermem", 33, 1250, 450, 0, insns=(1025, 1475), p50_us=250)
        self.assertEqual(self.rows()[0].split(" | ")[-1], "1.0 |")

    def test_beside_nobody(self):
        """without clients the other CPU's go with time"""
        # As slow by half again, timers take 300 an operation instead of 200.
        self.job("all-dram", None, 1000, 200, 0, insns=(200, 1700))
        self.job("tiermem", 33, 1500, 700, 0, insns=(320, 1680))
        self.assertEqual(self.rows()[0].split(" | ")[-1], "1.0 |")

    def test_no_base(self):
        """without all-dram nothing is known to be lost"""
        self.job("tiermem", 33, 1250, 400, 50)
        self.assertEqual(self.rows(), [])
        self.assertIn("no results there", self.bench("loss", out=self.tmp / "none", status=2))


if __name__ == "__main__":
    unittest.main()
