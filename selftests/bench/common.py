# SPDX-License-Identifier: GPL-2.0
"""What the tests share: the programs, and a directory of results."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[1] / "tools/bench"
BENCH = TOOLS / "bench"
FAKE = HERE / "fakeboot.py"
MATRIX = HERE / "small_matrix.py"
JOBS = 16

sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOLS))


class BenchTest(unittest.TestCase):
    """With a directory of its own, and a fake boot.sh."""

    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="benchtest-"))
        self.addCleanup(shutil.rmtree, self.tmp)
        self.out = self.tmp / "out"
        self.input = self.tmp / "image"
        self.input.write_text("1")
        self.mode = self.tmp / "mode"
        self.mode.write_text("")
        self.log = self.tmp / "log"
        self.env = dict(os.environ, FAKE_MODE=str(self.mode), FAKE_LOG=str(self.log),
                        PYTHONDONTWRITEBYTECODE="1")

    def argv(self, verb, *args, out=None):
        """A command line of bench."""
        more = []
        if verb == "run":
            more = ["--boot", str(FAKE), "--input", str(self.input)]
        if verb != "compare":
            more += ["--out", str(out or self.out)]
        return ["/usr/bin/python3", str(BENCH), "--matrix", str(MATRIX), verb, *more,
                *map(str, args)]

    def bench(self, verb, *args, status=0, out=None):
        """Runs it; its output."""
        done = subprocess.run(self.argv(verb, *args, out=out), env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def started(self):
        """Ids of the jobs that were started since the last time."""
        names = self.log.read_text().split() if self.log.exists() else []
        self.log.write_text("")
        return names
