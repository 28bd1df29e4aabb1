"""Prints the part of the lock file that a service needs: no test tools, no embedded broker or database.

The lock file says of each package which others asked for it (`# via`). Starting from the project's own dependencies,
whatever they asked for is kept, with versions and hashes as they are. The image is built with it:
`python deploy/image/runtime_lock.py > runtime.lock`; only the standard library is used.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def runtime_part(lock: str, project: str) -> str:
    """Return the lines of `lock` (requirements with hashes) that `project` (pyproject.toml) needs to run."""
    blocks = _blocks(lock)
    wanted = {_plain(dependency) for dependency in tomllib.loads(project)["project"]["dependencies"]}
    absent = wanted - blocks.keys()
    if absent:
        raise ValueError(f"the lock file lacks {', '.join(sorted(absent))}: make it again")
    while True:
        more = {name for name, block in blocks.items() if name not in wanted and _asked_by(block) & wanted}
        if not more:
            return "".join(blocks[name] for name in sorted(wanted))
        wanted |= more


def _blocks(lock: str) -> dict[str, str]:
    blocks: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line[0].isalnum():
            name = _plain(line)
        if name:
            blocks[name] = blocks.get(name, "") + line
    return blocks


def _asked_by(block: str) -> set[str]:
    remarks = (line.strip().removeprefix("#").strip() for line in block.splitlines() if line.strip().startswith("#"))
    return {_plain(remark.removeprefix("via").strip()) for remark in remarks if remark not in ("", "via")}


def _plain(requirement: str) -> str:
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group(0)).lower() if found else ""


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.stdout.write(runtime_part((root / "requirements.lock").read_text(), (root / "pyproject.toml").read_text()))
