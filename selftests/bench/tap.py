# SPDX-License-Identifier: GPL-2.0
"""Runs the tests beside it and says how in TAP."""
import sys
import unittest

from common import HERE


class TapResult(unittest.TestResult):
    """A line per test."""

    number = 0

    def _say(self, word, test, error=None):
        self.number += 1
        about = test.shortDescription() or test.id().rsplit(".", 1)[-1]
        if error:
            for line in self._exc_info_to_string(error, test).splitlines():
                print("#", line)
        print(f"{word} {self.number} {about}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say("not ok", test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._say("not ok", test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:     # the test itself gets no line then
            self._say("not ok", subtest, err)


def main():
    """Exit status."""
    suite = unittest.defaultTestLoader.discover(str(HERE))
    print(f"TAP version 13\n1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


sys.exit(main())
