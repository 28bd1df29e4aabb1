"""Names stand behind pseudonyms when they were asked for, apart from the export, and an erased one as erased."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from typer.testing import CliRunner

from cli.audit import app
from cli.output import WrongUse
from services.audit.persons import ERASED, NotNamed, asked_names, lines_of_names, persons_in, read_names, with_names
from tests.unit.audit.exported import MEMBER, NOMINATION, PERSON, small_log, write_export
from tests.unit.audit.forging import rules
from tests.unit.audit.played import whole

PEOPLE = {PERSON: "Ibu Contoh\x1b[2J", MEMBER: None}


class Identity(BaseHTTPRequestHandler):
    """Tells names as identity does."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)["ids"][0].split(",")
        allowed = self.headers["Authorization"] == "Bearer auditor"
        found = [{"id": one, "name": PEOPLE[one], "erased": PEOPLE[one] is None} for one in asked if one in PEOPLE]
        body = b"nothing" if len(asked) == 1 else json.dumps({"persons": found, "unknown": []}).encode()
        self.send_response(200 if allowed else 403)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def identity() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Identity)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_persons_are_found_and_nominations_are_none(tmp_path):
    write_export(small_log(), tmp_path / "export")
    assert persons_in(tmp_path / "export") == sorted([PERSON, MEMBER])
    assert NOMINATION not in persons_in(tmp_path / "export")


def test_names_are_asked_written_and_read_again(identity, tmp_path):
    named = list(asked_names(identity, "auditor", [PERSON, MEMBER]))
    (tmp_path / "names.jsonl").write_bytes(b"".join(lines_of_names(named)))
    # What acts on a terminal is shown as what it is.
    assert read_names(tmp_path / "names.jsonl") == {PERSON: "Ibu Contoh\\x1b[2J", MEMBER: ERASED}


@pytest.mark.parametrize(
    ("token", "asked", "told"),
    [("member", [PERSON, MEMBER], "an auditor of every season"), ("auditor", [PERSON], "is not identity")],
)
def test_who_may_not_see_names_is_told_so(identity, token, asked, told):
    with pytest.raises(NotNamed, match=told):
        list(asked_names(identity, token, asked))


def test_nobody_at_identitys_address_is_told():
    with pytest.raises(NotNamed, match="identity does not answer"):
        list(asked_names("http://127.0.0.1:1", "auditor", [PERSON]))


def test_a_name_stands_behind_a_pseudonym_and_in_no_streams_name():
    lines = [f"  counted: kepala-bps {PERSON} [sheet/{NOMINATION}/provincial-desk/{PERSON}@3]", f"by member {MEMBER}"]
    assert list(with_names(lines, {PERSON: "Ibu A", MEMBER: ERASED})) == [
        f"  counted: kepala-bps {PERSON} (Ibu A) [sheet/{NOMINATION}/provincial-desk/{PERSON}@3]",
        f"by member {MEMBER} ({ERASED})",
    ]


def test_answers_show_names_only_when_a_file_of_names_is_given(tmp_path):
    folder = tmp_path / "export"
    write_export(whole(rules()).log, folder)
    people = persons_in(folder)
    sheet = orjson.loads((folder / "events/paritrana.scores.v1/sheet.jsonl").read_bytes().splitlines()[0])
    names = tmp_path / "names.jsonl"
    names.write_bytes(
        b"".join(orjson.dumps({"erased": False, "name": "Orang X", "person": one}) + b"\n" for one in people)
    )
    for command in (
        ["explain", str(folder), "75.01"],
        ["replay", str(folder), "--as-of", "2021-06-01T00:00:00Z"],
        ["compare", str(folder), "--without", sheet["data"]["member"]],
    ):
        assert "Orang X" not in CliRunner().invoke(app, command).output
        shown = CliRunner().invoke(app, [*command, "--names", str(names)])
        assert "(Orang X)" in shown.output, shown.output
        said = orjson.loads(CliRunner().invoke(app, [*command, "--names", str(names), "--json"]).output)
        assert said["names"] == dict.fromkeys(people, "Orang X")


@pytest.mark.parametrize("content", [b"{}\n", b"\xff\n", None])
def test_what_is_no_file_of_names_is_wrong_use(tmp_path, content):
    write_export(small_log(), tmp_path / "export")
    if content is not None:
        (tmp_path / "names").write_bytes(content)
    ended = CliRunner().invoke(
        app, ["explain", str(tmp_path / "export"), NOMINATION, "--names", str(Path(tmp_path / "names"))]
    )
    assert isinstance(ended.exception, WrongUse)
    assert str(ended.exception).startswith("--names ")
