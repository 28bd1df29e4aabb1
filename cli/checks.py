"""`paritrana test`, `lint`, `crash` and `bench`: the checks of this repository, each one command.

They need the repository, not only the installed program. Each runs its tool as a program of its own, shows what the
tool says as it says it, and ends with 0 or 1.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.output import AsJson, Finding, WrongUse, show

REPOSITORY: Final = Path(__file__).resolve().parents[1]

# Files are handed out whole and in order: a module's stack runs in one worker, and short files even out the end. More
# workers than four would each want a broker and a database, and the machine's memory with them.
_SIDE_BY_SIDE: Final = ("-n", "logical", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")

_LONG: Final = (
    "tests/model", "tests/unit/audit/test_mutations.py", "tests/unit/audit/test_archive.py",
    "tests/integration/test_audit_recovery.py",
)  # fmt: skip
"""What has more to it than the suite has time for."""

_LINTERS: Final = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "import contracts": ("lint-imports",),
    "generated schemas": ("paritrana", "schemas", "--check"),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    extra = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(
        "test",
        context_settings=extra,
        help="Run the whole suite on all cores, or in one process what pytest's own arguments choose.\n\n"
        "Examples: paritrana test -k ranking; paritrana test --long --hypothesis-seed=1",
    )(run_tests)
    app.command("lint", help="Check style, types and the import contracts.\n\nExample: paritrana lint")(lint)
    app.command("crash", help="Kill parts under load and count losses.\n\nExample: paritrana crash --rounds 5")(crash)
    app.command("bench", help="Measure against limits of this machine.\n\nExample: paritrana bench --quick")(bench)


def run_tests(
    context: typer.Context,
    long: Annotated[
        bool,
        typer.Option(
            "--long", help="Only the model of the whole procedure and the damage to exports, at length (many minutes)."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run pytest on the suite, or at length on the model of the procedure, whose seed it prints, and damaged exports.

    The whole suite runs on all cores; what is chosen from it runs in one process, which a debugger can enter.
    """
    _need_repository("tests")
    chosen = [*_long(context.args), *context.args] if long else context.args or _SIDE_BY_SIDE
    # The suite starts some hundred programs, and each would compile all that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _run("test", ["-m", "pytest", *chosen], as_json=as_json)


def _long(given: Sequence[str]) -> list[str]:
    """Return pytest's arguments for the long run; without a seed among those given, one is drawn."""
    seeded = any(one.startswith("--hypothesis-seed") for one in given)
    seed = [] if seeded else [f"--hypothesis-seed={secrets.randbelow(1_000_000)}"]
    return [*_LONG, "--hypothesis-profile=long", *seed]


def lint(as_json: AsJson = False) -> None:
    """Run every linter, also after one has failed."""
    _need_repository("tests")
    results = {}
    for name, (program, *arguments) in _LINTERS.items():
        if not as_json:
            sys.stdout.write(f"— {name}\n")
            sys.stdout.flush()
        found = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            check=False,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if as_json else None,
        )
        results[name] = found.returncode == 0
    failed = [name for name, passed in results.items() if not passed]
    show(results, [] if failed else ["all linters pass"], as_json=as_json)
    if failed:
        raise Finding(f"lint found something: {', '.join(failed)}")


def crash(
    rounds: Annotated[int, typer.Option(min=1, help="How many times something is killed.")] = 30,
    seed: Annotated[int | None, typer.Option(help="What chooses the victims; printed when not given.")] = None,
    facts: Annotated[int | None, typer.Option(min=1, help="Kill consumers that take so many facts instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the crash check."""
    given = {"--seed": seed, "--facts": facts}
    arguments = ["--rounds", str(rounds)]
    arguments += [part for name, value in given.items() if value is not None for part in (name, str(value))]
    _run_module("tests.crash", arguments, as_json=as_json)


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes, for a first look.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the bench."""
    _run_module("bench", ["--quick"] if quick else [], as_json=as_json)


def _run_module(module: str, arguments: list[str], *, as_json: bool) -> None:
    _need_repository(module.split(".", maxsplit=1)[0])
    if not _exists(module):
        raise WrongUse(f"this version has no {module}")
    _run(module, ["-m", module, *arguments], as_json=as_json)


def _exists(module: str) -> bool:
    sys.path.insert(0, str(REPOSITORY))
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _need_repository(folder: str) -> None:
    if not (REPOSITORY / folder).is_dir() or not (REPOSITORY / "pyproject.toml").is_file():
        raise WrongUse("this command needs the repository: run it in a clone, through make")


def _run(what: str, arguments: list[str], *, as_json: bool) -> None:
    if not as_json:
        # The tool takes this process over: its own closing line is the last, its exit code is ours.
        sys.stdout.flush()
        os.chdir(REPOSITORY)
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - a program by its argument list
    found = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    lines = [line for line in (found.stdout + found.stderr).splitlines() if line.strip()]
    show({"passed": found.returncode == 0, "last": lines[-1] if lines else ""}, [], as_json=True)
    if found.returncode != 0:
        raise Finding(f"{what} did not pass")
