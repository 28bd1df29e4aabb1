"""`certificate get|check`: by number, id and address; a revoked one ends with 1, and no file is written over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.output import Finding, WrongUse
from tests.unit.cli.fake_stack import FakeStack, run

ID = "018f3a52-7c1e-7d43-9a55-0c1f2b7c9d10"
NUMBER = "001/PIAGAM-PEMENANG/KABKOTA/PA-2020"
PUBLIC = f"/v1/public/certificates/{ID}"
PDF = b"%PDF-1.7\nbytes\n"


def shown(**also: Any) -> dict[str, Any]:
    title = {"id": "x", "en": "Certificate of a winner"}
    said = {
        "certificate": ID, "number": NUMBER, "candidate": "Kota Surabaya", "season": {"code": "2020", "title": title},
        "category": {"code": "KABKOTA", "title": {"id": "x", "en": "Regency or city"}}, "status": "valid", "rank": 1,
        "kind": {"code": "piagam-pemenang", "title": title}, "dated": "2021-06-01", "sample": True, "revoked": None,
    }  # fmt: skip
    return {**said, **also}


@pytest.fixture
def listed(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    monkeypatch.setenv("PARITRANA_TOKEN", "mine")
    items = [{"certificate": "other", "number": "002/X/PA-2020"}, {"certificate": ID, "number": NUMBER}]
    stack.services["nomination"].answers |= {
        "/v1/certificates": (200, {"items": items, "next": None}),
        f"/v1/certificates/{ID}.pdf": (200, PDF),
        PUBLIC: (200, shown()),
    }
    return stack


def test_a_certificate_is_fetched_by_its_printed_number(listed: FakeStack, tmp_path: Path):
    out = tmp_path / "piagam.pdf"
    ended = run("certificate", "get", NUMBER, "--out", str(out))
    assert ended.exit_code == 0, ended.exception
    assert out.read_bytes() == PDF
    assert listed.services["nomination"].tokens[-1] == "Bearer mine"


def test_what_is_there_is_not_written_over(listed: FakeStack, tmp_path: Path):
    out = tmp_path / "piagam.pdf"
    out.write_text("mine")
    ended = run("certificate", "get", ID, "--out", str(out))
    assert isinstance(ended.exception, WrongUse)
    assert out.read_text() == "mine"
    assert listed.services["nomination"].asked == []


def test_a_refusal_writes_no_file(listed: FakeStack, tmp_path: Path):
    problem = {"type": "/problems/not-found", "title": "Not found", "detail": "There is no such certificate of yours."}
    listed.services["nomination"].answers[f"/v1/certificates/{ID}.pdf"] = (404, problem)
    ended = run("certificate", "get", ID, "--out", str(tmp_path / "piagam.pdf"))
    assert isinstance(ended.exception, WrongUse)
    assert not (tmp_path / "piagam.pdf").exists()


@pytest.mark.parametrize("named", [ID, ID.upper(), f"https://paritrana.example{PUBLIC}"])
def test_by_id_or_address_anybody_checks_without_signing_in(stack: FakeStack, named: str):
    stack.services["nomination"].answers[PUBLIC] = (200, shown())
    ended = run("certificate", "check", named)
    assert ended.exit_code == 0, ended.exception
    for line in (f"{NUMBER}: valid", "Kota Surabaya, Regency or city, rank 1, dated 2021-06-01", "a sample"):
        assert line in ended.output
    assert stack.services["nomination"].tokens == [""]


def test_by_number_it_is_looked_up_first(listed: FakeStack):
    ended = run("certificate", "check", NUMBER, "--json")
    assert json.loads(ended.output)["certificate"] == ID
    other = run("certificate", "check", NUMBER.replace("001", "009"))
    assert isinstance(other.exception, Finding)
    assert "by the address in its QR code" in str(other.exception)


def test_a_revoked_one_is_shown_and_is_a_finding(stack: FakeStack):
    stack.services["nomination"].answers[PUBLIC] = (200, shown(status="revoked", revoked="2021-06-09T02:00:00Z"))
    ended = run("certificate", "check", ID)
    assert "revoked since 2021-06-09" in ended.output
    assert isinstance(ended.exception, Finding)


def test_one_that_nobody_was_given_is_a_finding(stack: FakeStack):
    problem = {"type": "/problems/not-found", "title": "Not found", "detail": "There is no such certificate."}
    stack.services["nomination"].answers[PUBLIC] = (404, problem)
    ended = run("certificate", "check", ID)
    assert isinstance(ended.exception, Finding)
    assert "nobody was given it" in str(ended.exception)


def test_what_is_no_certificate_is_told_before_asking(listed: FakeStack):
    ended = run("certificate", "check", "piagam saya")
    assert isinstance(ended.exception, WrongUse)
    assert listed.services["nomination"].asked == []
