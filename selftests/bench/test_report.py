# SPDX-License-Identifier: GPL-2.0
"""bench report and compare, and the statistics below them."""
import csv
import json
import math
import shutil

import small_matrix
from common import BenchTest
from document import BEGIN, END, publish
from figures import Figures, share_text
from plots import spread_labels
from result import Result
from rows import Report as Results, rows_of
from stats import geometric_mean, relative_pct, summarize
from tables import alike


class Statistics(BenchTest):
    """Numbers computed by hand."""

    def test_summary(self):
        """median, range and coefficient of variation"""
        found = summarize([90.0, 110.0, 97.0])
        self.assertEqual((found.n, found.median, found.low, found.high, found.spread),
                         (3, 97, 90, 110, 20))
        # mean 99, squares 81 + 121 + 4 = 206, by n - 1: 103
        self.assertAlmostEqual(found.cv_pct, 100 * math.sqrt(103) / 99)
        self.assertEqual(summarize([1.0, 2.0]).median, 1.5)
        self.assertIsNone(summarize([5.0]).cv_pct)
        self.assertIsNone(summarize([]))

    def test_relative(self):
        """against the base of the same seed, not against its median"""
        self.assertEqual(relative_pct({1: 50, 2: 90, 3: 7}, {1: 100, 2: 120, 4: 9}),
                         {1: 50, 2: 75})
        self.assertAlmostEqual(geometric_mean([50, 200]), 100)
        self.assertIsNone(geometric_mean([50, 0]))
        self.assertIsNone(geometric_mean([]))

    def test_shares(self):
        """a share of DRAM as people say it"""
        self.assertEqual([share_text(x) for x in (110, 100, 67, 47, 0)],
                         ["all", "all", "2/3", "47 %", "none"])

    def test_labels(self):
        """labels keep their order and a distance"""
        placed = spread_labels([5, 0, 0.5, 5.2, 9], 1)
        self.assertEqual([round(x, 6) for x in placed], [4.6, -0.25, 0.75, 5.6, 9])

    def test_alike(self):
        """reasons that differ in numbers only are told once"""
        self.assertEqual(alike({"node 0: 7 bytes", "node 0: 12 bytes", "node 0: 9 bytes", "why"}),
                         ["node 0: 7 .. 12 bytes", "why"])
        self.assertEqual(alike({"99 of 5", "100 of 5"}), ["99 .. 100 of 5"])


class Rows(BenchTest):
    """One job with numbers that are easy to check."""

    def setUp(self):
        super().setUp()
        self.job = self.out / "jobs/redis-zipf.s33.tiermem.r1"
        self.job.mkdir(parents=True)
        self.record = {"definition": {
            "workload": "redis-zipf", "boot": "redis", "system": "tiermem", "dram_pct": 33,
            "seed": 1, "args": "", "phases": ["get-zipf"]}}
        self.lines = [
            {"type": "phase", "phase": 1, "name": "get-zipf", "ops": 20, "seconds": 0.5,
             "ops_per_s": 40, "p99_us": 7},
            {"type": "vmstat", "phase": 1, "when": "begin", "pgmigrate_success": 10},
            {"type": "vmstat", "phase": 1, "when": "end", "pgmigrate_success": 15},
            {"type": "placement", "phase": 1, "when": "end", "dram_bytes": 33, "slow_bytes": 67},
            {"type": "daemons", "phase": 1, "when": "begin", "cpu_ns": 1_000_000},
            {"type": "daemons", "phase": 1, "when": "end", "cpu_ns": 6_000_000},
            {"type": "end"}]
        self.marks = [self.mark(2, 0, 100, (1, 2, 3), (4, 5, 6), 1.0),
                      self.mark(3, 500_000_000, 900, (61, 12, 33), (24, 5, 6), 3.0)]

    @staticmethod
    def mark(label, time_ns, insns, dram, slow, cpu_s):
        """A line of the plugin."""
        return {"mark": label, "time_ns": time_ns, "insns": insns, "host_cpu_s": cpu_s,
                "nodes": [{"reads": r, "writes": w, "seq": s, "stall_ns": 10 * r}
                          for r, w, s in (dram, slow)]}

    def result(self):
        """Written and read."""
        for name, objects in (("results.jsonl", self.lines), ("tiersim.jsonl", self.marks)):
            (self.job / name).write_text("".join(json.dumps(x) + "\n" for x in objects))
        (self.job / "job.json").write_text(json.dumps(self.record))
        return Result(self.job)

    def test_row(self):
        """differences between marks, shares, moves"""
        result = self.result()
        self.assertEqual(result.problems(), [])
        row = rows_of(result)[0]
        want = {"workload": "redis-zipf", "phase": "get-zipf", "system": "tiermem",
                "dram_pct": 33, "seed": 1, "ops_per_s": 40, "p99_us": 7, "p50_us": None,
                "node0_reads": 60, "node0_stall_ns": 600, "node1_reads": 20, "node1_writes": 0,
                "node0_queue_ns": None, "node2_reads": None,
                "dram_access_share": 100 / 120,     # 60 + 10 + 30 of these and 20
                "migrated_pages": 5, "migrated_pages_total": 15, "hint_faults": None,
                "dram_bytes_begin": None, "dram_bytes_end": 33,
                "daemon_cpu_share": 0.01, "insns": 800, "host_cpu_s": 2, "insns_per_cpu_s": 400,
                "model_ns": 500_000_000}
        self.assertEqual({k: row[k] for k in want}, want)

    def test_distrust(self):
        """each flaw of a result has its reason"""
        phase = self.lines[0]
        for change, reason in (
                (lambda: phase.pop("ops_per_s"), "phase 1 (get-zipf): ops_per_s is None"),
                (lambda: phase.update(ops_per_s=math.nan), "phase 1 (get-zipf): ops_per_s is nan"),
                (lambda: phase.update(name="set"), "phase 1 is 'set', not 'get-zipf'"),
                (lambda: phase.update(seconds=0.6), "phase 1 (get-zipf) took 0.6 s by the "
                 "guest's clock, 0.5 s by the simulator's"),
                (lambda: self.lines.append(dict(phase)), "phase 1 (get-zipf): 2 results"),
                (lambda: self.lines.append(dict(phase, phase=2)),
                 "phases that nobody asked for: 2"),
                (lambda: self.marks.reverse(), "phase 1 ends before it begins"),
                (lambda: self.marks[1].pop("insns"), "a mark without insns"),
                (lambda: self.marks.append(self.marks[1]), "marks of phase 1 are no pair: "
                 "1 begin, 2 end"),
                (lambda: self.record.pop("definition"), "no job.json that says what it was")):
            with self.subTest(reason):
                self.setUp()
                phase = self.lines[0]
                change()
                self.assertIn(reason, self.result().problems())

    def test_garbage(self):
        """lines that are no JSON, no files, no directory"""
        self.result()
        path = self.job / "results.jsonl"
        path.write_bytes(b"\xff\xfe\n" + path.read_bytes() + b'[1]\n{"type":"ph')
        found = Result(self.job)
        self.assertTrue(found.torn)
        self.assertEqual(found.problems(), ["line 1 of results.jsonl is not a JSON object",
                                            "line 9 of results.jsonl is not a JSON object"])
        self.assertEqual(Result(self.tmp / "nowhere").problems(), ["no end line"])


class Report(BenchTest):
    """Tables and plots of whole directories."""

    def tables(self):
        """tables.md, and the cells of its tables by title and first two columns."""
        text = (self.out / "tables.md").read_text()
        cells, title, head = {}, "", None
        for line in text.split("\n"):
            if not line.startswith("|"):
                title, head = (line or title), None
            elif head is None:
                head = [x.strip(" *") for x in line.strip("|").split("|")]
            elif not line.startswith("|---"):
                words = [x.strip() for x in line.strip("|").split("|")]
                for name, word in zip(head[2:], words[2:]):
                    cells[title, words[0], words[1], name] = word
        return text, cells

    def test_holes(self):
        """what failed, what is missing, and what is there"""
        self.mode.write_text("numab2.r1 error\nall-dram.r2 noend\ntiermem.r2 sparse\n")
        self.bench("run", status=1)
        shutil.rmtree(self.out / "jobs/micro-jump.all-slow.r1")
        shutil.rmtree(self.out / "jobs/micro-jump.all-slow.r2")
        self.bench("report")
        text, cells = self.tables()
        self.assertIn("10 of 16 planned jobs have a good result. Seeds: 2 (1, 2).", text)
        self.assertIn("2 jobs not run, 4 without a good result.", text)
        self.assertIn("| redis-zipf.s33.numab2.r1 | the guest says: the server did not start |",
                      text)
        relative = "Throughput in percent of all-dram with the same seed:"
        # all-dram of seed 2 failed, so seed 2 has no relative number; numab2 has seed 2 only.
        self.assertRegex(cells[relative, "get-zipf", "33 %", "tiermem"], r"^\d+\.\d n=1$")
        self.assertEqual(cells[relative, "get-zipf", "33 %", "numab2"], "–")
        self.assertEqual(cells[relative, "jump", "25 %", "all-slow"], "–")
        rate = cells["Operations per second:", "get-zipf", "33 %", "tiermem"]
        self.assertRegex(rate, r"^[\d,]+ \([\d,]+\.\.[\d,]+\)$")
        self.assertRegex(cells["Operations per second:", "jump", "25 %", "numab2"],
                         r"^[\d,]+ n=1$")
        rows = list(csv.DictReader((self.out / "results.csv").open()))
        self.assertEqual(len(rows), 6 * 2 + 4)
        sparse = [r for r in rows if r["job"] == "redis-zipf.s33.tiermem.r2"][0]
        self.assertEqual((sparse["p99_us"], sparse["node1_reads"], sparse["dram_access_share"],
                          sparse["migrated_pages"]), ("", "", "", ""))
        self.assertGreater(float(sparse["ops_per_s"]), 0)
        self.assertEqual(len(json.loads((self.out / "results.json").read_text())["rows"]), 16)

    def test_document(self):
        """results go between two comments, with where the loss is; what is around them stays"""
        self.bench("run")
        document = self.tmp / "doc.md"
        report = Results(self.out, small_matrix)
        document.write_text(f"before\n{BEGIN}old\n{END}after\n")
        self.assertEqual(publish(report, [], document),
                         [document, self.tmp / "doc/results.csv"])
        text = document.read_text()
        self.assertTrue(text.startswith(f"before\n{BEGIN}") and text.endswith(f"{END}after\n"))
        self.assertNotIn("old", text)
        self.assertIn("| workload | phase | DRAM | lost |",
                      text.split("### Where tiermem's loss is")[1].split("###")[0])
        document.write_text("no comments")
        with self.assertRaisesRegex(ValueError, "no two comments"):
            publish(report, [], document)
        self.assertEqual(document.read_text(), "no comments")

    def test_values(self):
        """a cell is the median of the ratios of the rows in results.csv"""
        self.bench("run", "redis*")
        self.bench("report")
        rate = {(r["phase"], r["system"], r["seed"]): float(r["ops_per_s"])
                for r in csv.DictReader((self.out / "results.csv").open())}
        ratios = sorted(100 * rate["get-zipf", "tiermem", s] / rate["get-zipf", "all-dram", s]
                        for s in "12")
        text, cells = self.tables()
        self.assertEqual(
            cells["Throughput in percent of all-dram with the same seed:", "get-zipf", "33 %",
                  "tiermem"], f"{sum(ratios) / 2:.1f} ({ratios[0]:.1f}..{ratios[1]:.1f})")
        self.assertIn("8 of 8 planned jobs have a good result", text)
        self.assertIn("| **tiermem** | `numa_balancing` | 0 | as documented |", text)
        self.assertNotIn("Mixed", text)
        self.input.write_text("2")
        self.bench("run", "redis*.r1")
        self.bench("report")
        self.assertIn("Mixed:** results of redis-zipf come from 2 different sets", self.tables()[0])

    def test_reproducible(self):
        """the same results give the same bytes, and other results others"""
        self.bench("run", "-j4")
        wanted = ["tables.md", "results.csv", "redis-zipf-throughput.svg",
                  "redis-zipf-latency.svg", "micro-jump-throughput.svg", "micro-jump-series.svg",
                  "two-by-share.svg"]
        self.bench("report")
        first = {x: (self.out / x).read_bytes() for x in wanted}
        self.bench("report")
        self.assertEqual(first, {x: (self.out / x).read_bytes() for x in wanted})
        self.assertFalse((self.out / "micro-jump-latency.svg").exists())
        shutil.rmtree(self.out / "jobs/redis-zipf.s33.numab2.r1")
        self.bench("report")
        for x in ("redis-zipf-throughput.svg", "redis-zipf-latency.svg", "two-by-share.svg"):
            self.assertNotEqual(first[x], (self.out / x).read_bytes())

    def test_by_share(self):
        """a figure over workloads has medians of ratios, to the base that its panel names"""
        self.bench("run", "-j4")
        self.bench("report")
        self.assertFalse((self.out / "three-by-share.svg").exists())
        figures = Figures(Results(self.out, small_matrix))
        own, none = (figures.lines(p) for p in small_matrix.FIGURES[0].panels)
        self.assertEqual(set(own), {"all-slow", "tiermem", "numab2"})
        self.assertEqual(none, {})
        relative = "Throughput in percent of all-dram with the same seed:"
        cell = self.tables()[1][relative, "get-zipf", "33 %", "tiermem"]
        self.assertEqual(f"{own['tiermem'][0]:.1f}", cell.split()[0])
        # Another base, of half the throughput.
        for job in list((self.out / "jobs").glob("redis-zipf.all-dram.*")):
            other = job.with_name(job.name.replace("redis-zipf", "other"))
            shutil.copytree(job, other)
            record = json.loads((other / "job.json").read_text())
            record["definition"]["workload"] = "other"
            (other / "job.json").write_text(json.dumps(record))
            lines = [json.loads(x) for x in (other / "results.jsonl").read_text().splitlines()]
            for line in lines:
                if "ops_per_s" in line:
                    line["ops_per_s"] /= 2
            (other / "results.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
        twice = Figures(Results(self.out, small_matrix)).lines(small_matrix.FIGURES[0].panels[1])
        self.assertAlmostEqual(twice["tiermem"][0], 2 * own["tiermem"][0])

    def test_packed(self):
        """results go to another machine, which reports the same and runs only what is missing"""
        self.bench("run", "-j4")
        self.bench("report")
        first = (self.out / "results.csv").read_bytes()
        file = self.out.parent / "packed.tar.xz"
        self.assertIn(": 16 results", self.bench("pack", str(file)))
        again = file.read_bytes()
        self.bench("pack", str(file))
        self.assertEqual(again, file.read_bytes())
        shutil.rmtree(self.out)
        self.assertIn("16 of 16 results are new", self.bench("unpack", str(file)))
        self.assertIn("0 of 16 results are new", self.bench("unpack", str(file)))
        self.bench("report")
        self.assertEqual(first, (self.out / "results.csv").read_bytes())
        shutil.rmtree(self.out / "jobs/redis-zipf.s33.numab2.r1")
        self.assertIn("15 of them done already", self.bench("run", "-j4"))
        file.write_bytes(b"no archive")
        self.bench("unpack", str(file), status=2)

    def test_empty(self):
        """nothing good at all is a report that says so; no directory is an error"""
        self.assertIn("no results there", self.bench("report", status=2))
        self.mode.write_text("* error\n")
        self.bench("run", "redis*.r1", status=1)
        self.bench("report")
        self.assertIn("0 of 4 planned jobs", (self.out / "tables.md").read_text())
        self.assertEqual(list(self.out.glob("*.svg")), [])

    def test_compare(self):
        """a change beyond the spread shows, one within it does not"""
        self.bench("run", "micro*")
        other = self.tmp / "new"
        shutil.copytree(self.out, other)
        self.assertIn("4 rows did not change", self.bench("compare", self.out, other))
        for seed, factor in ((1, 0.5), (2, 0.6)):
            self.scale(other, f"micro-jump.s25.tiermem.r{seed}", factor)
        # One seed moves out of the range of both; the median moves by less than the range.
        self.scale(other, "micro-jump.s25.numab2.r1", 1.2)
        said = self.bench("compare", self.out, other, status=1)
        self.assertIn("1 rows changed by more than their spread", said)
        self.assertRegex(said, r"\| micro-jump \| jump \| 25 % \| tiermem \|.*\| -4[3-7]\.\d\d \|")
        self.assertIn("3 rows did not change", said)
        shutil.rmtree(other / "jobs/micro-jump.s25.tiermem.r2")
        shutil.rmtree(other / "jobs/micro-jump.all-slow.r1")
        shutil.rmtree(other / "jobs/micro-jump.all-slow.r2")
        said = self.bench("compare", self.out, other, status=1)
        self.assertIn("1 rows differ, with one seed only", said)
        self.assertIn("1 rows are in old only", said)

    @staticmethod
    def scale(out, job, factor):
        """Another throughput."""
        path = out / "jobs" / job / "results.jsonl"
        lines = [json.loads(x) for x in path.read_text().splitlines()]
        for line in lines:
            if line["type"] == "phase":
                line["ops_per_s"] *= factor
        path.write_text("".join(json.dumps(x) + "\n" for x in lines))
