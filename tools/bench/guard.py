# SPDX-License-Identifier: GPL-2.0
"""A process that ends the runner's jobs when the runner is gone, however it went."""
import os
import signal
import subprocess
import time


def kill_group(pid: int, sig: int) -> bool:
    """False if there is no such group any more."""
    try:
        os.killpg(pid, sig)
        return True
    except ProcessLookupError:
        return False


class Guard:
    """Learns of jobs through a pipe; its end of file is the end of the runner.

    It inherits the runner's lock of the directory, so that the next runner waits for it.
    """

    def __init__(self) -> None:
        read_end, self.pipe = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                os.setsid()
                for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(sig, signal.SIG_IGN)
                # Whoever reads the runner's output shall not wait for us.
                null = os.open(os.devnull, os.O_RDWR)
                for fd in range(3):
                    os.dup2(null, fd)
                self._watch(read_end)
            finally:
                os._exit(0)
        os.close(read_end)

    def enter(self) -> None:
        """In a job, after setsid and before exec: so there is no moment when it is unknown."""
        os.write(self.pipe, b"+%d\n" % os.getpid())

    def left(self, pid: int) -> None:
        """That job has ended."""
        os.write(self.pipe, b"-%d\n" % pid)

    def close(self, jobs: list[subprocess.Popen]) -> None:
        """The runner is done, and so are its jobs; reaped, so that the guard sees that."""
        os.close(self.pipe)
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            for job in jobs:
                job.poll()
            time.sleep(0.02)

    @staticmethod
    def _watch(read_end: int) -> None:
        groups = set()
        with os.fdopen(read_end, "rb", buffering=0) as pipe:
            for line in pipe:
                if line.startswith(b"+"):
                    groups.add(int(line[1:]))
                else:
                    groups.discard(int(line[1:]))
        for sig, pause_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 0)):
            for pid in groups:
                kill_group(pid, sig)
            until = time.monotonic() + pause_s
            while time.monotonic() < until and any(kill_group(g, 0) for g in groups):
                time.sleep(0.05)
