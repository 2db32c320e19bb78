# SPDX-License-Identifier: GPL-2.0
"""Results in one file: what was measured on one machine goes on, or is reported, on another."""
from __future__ import annotations

import io
import os
import pathlib
import tarfile

from result import Result

# Of a job's directory, what reports are made of.
FILES = ("job.json", "results.jsonl", "tiersim.jsonl")


def pack(out: pathlib.Path, file: pathlib.Path) -> int:
    """Good results, the same bytes for the same results. Returns how many there are."""
    good = [d for d in sorted((out / "jobs").glob("*")) if d.is_dir() and not Result(d).problems()]
    part = file.with_name(file.name + ".part")
    with tarfile.open(part, "w:xz", preset=9) as tar:
        for directory in good:
            for name in FILES:
                data = (directory / name).read_bytes()
                member = tarfile.TarInfo(f"{directory.name}/{name}")
                member.size, member.mode = len(data), 0o644
                tar.addfile(member, io.BytesIO(data))
    os.replace(part, file)
    return len(good)


def unpack(file: pathlib.Path, out: pathlib.Path) -> tuple[int, int]:
    """Adds the results that aren't there. Returns how many, and of how many."""
    members: dict[str, dict[str, bytes]] = {}
    try:
        with tarfile.open(file, "r:xz") as tar:
            for member in tar:
                job, _, name = member.name.partition("/")
                data = tar.extractfile(member)
                if not data or name not in FILES or job in ("", ".", ".."):
                    raise ValueError(f"{file}: {member.name} is no file of a result")
                members.setdefault(job, {})[name] = data.read()
    except tarfile.TarError as error:
        raise ValueError(f"{file}: {error}") from error
    added = 0
    for job, files in members.items():
        directory = out / "jobs" / job
        if not Result(directory).problems():
            continue
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (directory / name).write_bytes(data)
        added += 1
    return added, len(members)
