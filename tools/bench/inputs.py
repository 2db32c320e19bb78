# SPDX-License-Identifier: GPL-2.0
"""What a result depends on besides its job: image, simulator, kernel, QEMU, module."""
from __future__ import annotations

import functools
import hashlib
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BOOT = TOP / "tools/bench/boot.sh"
IMAGES = TOP / "build/bench/image"
NEWEST_KERNEL = TOP / "tools/tiersim/newest-kernel"
LAUNCHER = TOP / "tools/tiersim/tiersim"
PLUGIN = TOP / "build/tiersim/tiersim.so"


@functools.cache
def kernel_release(series: str) -> str:
    """The newest installed kernel of a series: the one that boot.sh boots."""
    try:
        return subprocess.run([NEWEST_KERNEL, series], capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none"


@functools.cache
def qemu_version() -> str:
    """First line of qemu --version: the simulator hooks into its inside."""
    try:
        said = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                              check=True, timeout=30).stdout
        return said.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return "none"


def digest_of(known: dict) -> str:
    """One digest of all that is known."""
    text = "\n".join(f"{k} {v}" for k, v in sorted(known.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def add_file(known: dict, path: pathlib.Path) -> None:
    """Remembers what is in a file."""
    if not path.is_file():
        raise OSError(f"{path}: no such file; make bench builds it")
    with open(path, "rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    resolved = path.resolve()
    name = resolved.relative_to(TOP) if resolved.is_relative_to(TOP) else resolved
    known[str(name)] = digest


def gather(job, matrix, boot: pathlib.Path, more: list[str]) -> dict:
    """The inputs of a job, for a result to remember. `more` are files instead of the usual ones.

    Two digests: "digest" of all, "shared" without the module, which all other
    systems' results don't depend on.
    """
    release = kernel_release(matrix.KERNEL_SERIES)
    known = {"kernel": release, "qemu": qemu_version(), "model": matrix.MODEL}
    usual = [LAUNCHER, PLUGIN, IMAGES / f"{job.boot}.cpio"]
    for path in [boot] + ([pathlib.Path(x) for x in more] or usual):
        add_file(known, path)
    shared = digest_of(known)
    if job.system == matrix.OURS and not more:
        add_file(known, TOP / "build" / release / "tiermem.ko")
    return known | {"shared": shared, "digest": digest_of(known)}
