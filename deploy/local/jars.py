"""Kafka's jars: fetched through jgo, and never run unless their SHA-256 is the shipped one.

`kafka-jars.txt` pins every file of the class path by coordinate and checksum. jgo fetches from the registry it knows
by itself and verifies nothing, so each file is fetched into a folder of its own, checked, and only then moved to the
cache; and every file is checked again before every start. `python -m deploy.local.jars` writes the lists anew.
The broker and its log binding are resolved apart: together the binding's managed versions would replace Kafka's own.

`kafka-tools-jars.txt` has what Kafka's command line programs need besides. No part of the stack runs them; examples
for publishers do, by the class path that `python -m deploy.local.jars class-path` prints. It is one jar, taken without
its dependencies: these are Kafka Connect and a web server, which no producer uses.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from deploy.local.child import StackError

KAFKA_VERSION: Final = "4.3.1"
_ROOTS: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
_TOOLS: Final = ("org.apache.kafka", "kafka-tools", KAFKA_VERSION)
LIST: Final = Path(__file__).with_name("kafka-jars.txt")
TOOLS_LIST: Final = Path(__file__).with_name("kafka-tools-jars.txt")
_TRIES: Final = 3
_TIMEOUT_SECONDS: Final = 60

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned file: Maven coordinates and the SHA-256 of its bytes in hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where it lies below a repository folder, as Maven lays them out."""
        return Path(*self.group.split("."), self.artifact, self.version, f"{self.artifact}-{self.version}.jar")


def read_list(path: Path = LIST) -> tuple[Jar, ...]:
    """Read the pinned list: `<sha256>  <group>:<artifact>:<version>` a line, `#` for a remark."""
    jars = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            sha256, coordinate = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def cache_folder() -> Path:
    """Return the user's cache folder for jars (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "paritrana" / "jars"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def class_path(say: Say, *, jars: Iterable[Jar] | None = None, cache: Path | None = None) -> tuple[Path, ...]:
    """Return every jar's path, fetched where missing, each verified; raise StackError for a wrong checksum."""
    pinned, cache = tuple(read_list() if jars is None else jars), cache or cache_folder()
    if _missing(pinned, cache):
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / ".lock").open("w") as lock:
            # Who starts beside us may be fetching them: then there is nothing left to do when it has done so.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if missing := _missing(pinned, cache):
                _fetch_all(missing, cache, say)
    for jar in pinned:
        _verify(jar, cache / jar.path, "delete the file and start again")
    return tuple(cache / jar.path for jar in pinned)


def _missing(pinned: Iterable[Jar], cache: Path) -> list[Jar]:
    return [jar for jar in pinned if not (cache / jar.path).exists()]


def _verify(jar: Jar, path: Path, advice: str) -> None:
    found = digest_of(path)
    if found != jar.sha256:
        raise StackError(f"the checksum of {path} is wrong (found {found[:12]}…, pinned {jar.sha256[:12]}…): {advice}")


def _fetch_all(missing: list[Jar], cache: Path, say: Say) -> None:
    say(f"fetching {len(missing)} jars of Apache Kafka {KAFKA_VERSION} into {cache}")
    staging = Path(tempfile.mkdtemp(prefix=".fetch-", dir=cache))
    try:
        with ThreadPoolExecutor(max_workers=6) as pool:
            running = {pool.submit(_fetch, jar, staging, cache): jar for jar in missing}
            for done, future in enumerate(as_completed(running), start=1):
                size = future.result()
                say(f"  {done:>3}/{len(missing)} {running[future].path.name} ({size / 1e6:.1f} MB)")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fetch(jar: Jar, staging: Path, cache: Path) -> int:
    fetched = _download(jar, staging)
    _verify(jar, fetched, "the registry served another file; try again, and do not use it")
    target = cache / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    size = fetched.stat().st_size
    fetched.replace(target)
    return size


def _download(jar: Jar, staging: Path) -> Path:
    # Imported here: a warm start needs neither jgo nor the network.
    from jgo.maven import MavenContext  # noqa: PLC0415
    from requests import RequestException  # noqa: PLC0415

    context = MavenContext(repo_cache=staging, timeout=_TIMEOUT_SECONDS)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for attempt in range(1, _TRIES + 1):
        try:
            return Path(artifact.resolve())
        except (RequestException, RuntimeError, OSError) as error:
            (staging / jar.path).unlink(missing_ok=True)
            if attempt == _TRIES:
                raise StackError(
                    f"{jar.path.name} could not be fetched ({type(error).__name__}): check the network and start again"
                ) from error
    raise AssertionError


def write_lists() -> int:
    """Resolve the roots apart, fetch every file, and write coordinates and checksums anew; return how many."""
    import jgo  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as staging:
        os.environ["M2_REPO"] = staging
        found = [artifact for root in _ROOTS for artifact in jgo.resolve(root)]
        group, name, version = _TOOLS
        tools = MavenContext(repo_cache=Path(staging)).project(group, name).at_version(version).artifact()
        head = f"# The class path of Apache Kafka {KAFKA_VERSION} and its log binding: SHA-256 and Maven coordinate."
        count = _write_list(LIST, head, found)
        return count + _write_list(
            TOOLS_LIST, f"# Besides, for Kafka {KAFKA_VERSION}'s command line programs.", [tools]
        )


def _write_list(path: Path, head: str, artifacts: Iterable[Any]) -> int:
    lines = {
        f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}": digest_of(artifact.resolve())
        for artifact in artifacts
    }
    pinned = "".join(f"{digest}  {name}\n" for name, digest in lines.items())
    path.write_text(f"{head}\n{pinned}", encoding="utf-8")
    return len(lines)


def main(arguments: Sequence[str]) -> int:
    """Write the lists anew, or print the class path of Kafka's Java client and of its command line programs."""
    if list(arguments) == ["class-path"]:
        jars = (*read_list(), *read_list(TOOLS_LIST))
        paths = class_path(lambda line: _write_line(sys.stderr, line), jars=jars)
        _write_line(sys.stdout, os.pathsep.join(map(str, paths)))
    elif arguments:
        _write_line(sys.stderr, "usage: python -m deploy.local.jars [class-path]")
        return 2
    else:
        _write_line(sys.stdout, f"{write_lists()} jars pinned in {LIST.name} and {TOOLS_LIST.name}")
    return 0


def _write_line(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
