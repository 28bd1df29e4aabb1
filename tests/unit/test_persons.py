"""Specs of names beside ids: without identity a document is shown without them, and with nothing else left out."""

from __future__ import annotations

from pathlib import Path

from deploy.local.ports import free_ports
from kernel.persons import Directory, with_names
from services.scoring.checklist import members_in
from tests.unit.scoring.given import CLERK, MEMBER, STRANGER

DOCUMENT = {
    "members": [{"member": MEMBER, "waiting": []}, {"member": CLERK, "waiting": []}],
    "nominees": [{"nomination": "n", "recusals": [{"member": STRANGER, "reason": "declared"}]}],
}


def test_members_are_found_wherever_they_stand_in_a_checklist():
    assert members_in(DOCUMENT) == {MEMBER, CLERK, STRANGER}


async def test_a_document_is_shown_without_names_when_identity_is_away(tmp_path: Path):
    secret = tmp_path / "scoring.secret"
    nowhere = Directory(f"http://127.0.0.1:{free_ports(1)[0]}", "scoring", secret)
    without = {**DOCUMENT, "names": "away", "persons": dict.fromkeys(sorted((MEMBER, CLERK)))}
    assert await with_names(nowhere, DOCUMENT, (MEMBER, CLERK)) == without, "there is no secret yet"
    secret.write_text("secret", encoding="ascii")
    assert await with_names(nowhere, DOCUMENT, [MEMBER, CLERK, MEMBER]) == without, "nobody listens"
