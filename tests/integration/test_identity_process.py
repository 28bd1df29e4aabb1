"""Identity as a process of its own: other services verify its tokens, people and scripts sign in by the program."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.local.ports import free_ports
from deploy.local.settings import PORTS, StackOptions
from deploy.local.supervisor import Stack
from kernel.tokens import HttpJwks, ServiceToken, TokenVerifier, service_person
from services.identity.development import person_id
from services.identity.settings import PASSWORD_FILE
from tests.support.stack import remove_folder, temporary_folder

ROOT = Path(__file__).parents[2]


class Process:
    def __init__(self, login_url: str, bootstrap_servers: str, folder: Path, keys: Path) -> None:
        self.folder = folder
        self.keys = keys
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "DATABASE_URL": login_url,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "PARITRANA_PORT": str(self.port),
            "PARITRANA_IDENTITY_URL": self.url,
            "PARITRANA_KEYS": str(keys),
            "PARITRANA_EMBEDDED": "1",
        }
        self.process = self.start("serve", "identity")
        deadline = time.monotonic() + 120
        with httpx.Client(trust_env=False) as http:
            while not self.is_ready(http):
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_ready(self, http: httpx.Client) -> bool:
        try:
            return http.get(f"{self.url}/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def program(self, *arguments: str) -> tuple[int, str, str]:
        started = self.start(*arguments)
        out, err = started.communicate(timeout=120)
        return started.returncode, out, err


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    """A broker and a database without services: identity publishes to its topic under the topic's real name."""
    folder = temporary_folder()
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    async with Stack(StackOptions(data=folder / "data", ports=ports, services=())) as running:
        yield running
    remove_folder(folder)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of identity's keys, which belongs to its database."""
    return tmp_path_factory.mktemp("identity") / "keys"


@pytest.fixture
def identity(stack: Stack, keys: Path, tmp_path: Path) -> Iterator[Process]:
    """Run identity; each test has a home of its own."""
    process = Process(stack.databases["identity"].login_url, stack.bootstrap_servers, tmp_path, keys)
    yield process
    if process.process.poll() is None:
        process.process.terminate()  # killed, it would leave its successor to wait for its place in the group
        process.process.communicate(timeout=60)


async def test_tokens_of_the_process_are_verified_over_http_and_it_drains_on_sigterm(identity: Process) -> None:
    judge = TokenVerifier(HttpJwks(identity.url))
    code, out, err = identity.program("token", "panitia-81-2")
    assert (code, err) == (0, "")
    person = await judge.verify(out.strip())
    assert person.id == str(person_id("panitia-81-2"))
    service = ServiceToken(identity.url, "notifications", identity.keys / "notifications.secret")
    bearer = await service.bearer()
    assert (await judge.verify(bearer)).id == service_person("notifications")
    assert await service.bearer() == bearer

    identity.process.send_signal(signal.SIGTERM)
    out, err = identity.process.communicate(timeout=60)
    assert (identity.process.returncode, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["event"] == "stopped"
    password = (identity.keys / PASSWORD_FILE).read_text()
    assert password not in out
    assert await judge.verify(bearer)  # the cached keys go on while identity is away

    code, _, err = identity.program("token", "panitia-81-2")
    assert code == 2
    assert err.startswith(f"paritrana: identity does not answer at {identity.url}")


async def test_login_keeps_the_token_for_its_user_and_token_prints_it(identity: Process) -> None:
    assert identity.program("token")[0] == 2
    code, out, _ = identity.program("login", "auditor", "--json")
    assert code == 0
    kept = Path(json.loads(out)["file"])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert identity.program("token")[1].strip() == json.loads(kept.read_text())["token"]
    code, _, err = identity.program("login", "nobody")
    assert (code, err) == (2, "paritrana: Name or password is wrong: Check both and try again.\n")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "expires": "2020-01-01T00:00:00Z"}))
    assert "has expired" in identity.program("token")[2]


async def test_a_missing_password_is_one_line_that_says_what_to_do(identity: Process) -> None:
    identity.environment["PARITRANA_KEYS"] = str(identity.folder / "elsewhere")
    code, _, err = identity.program("token", "auditor")
    assert code == 2
    assert "--password-file" in err
    assert err.count("\n") == 1
    password = identity.keys / PASSWORD_FILE
    assert identity.program("token", "auditor", "--password-file", str(password))[0] == 0


@pytest.mark.parametrize("command", ["login", "token"])
def test_help_has_an_example(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "cli.main", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0
    assert "Example: " in shown.stdout
