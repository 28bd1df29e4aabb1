"""Members' names in a checklist: found wherever a member stands, and left out, nothing else, without identity."""

from __future__ import annotations

from pathlib import Path

from deploy.local.ports import free_ports
from services.scoring.directory import Directory, with_names
from tests.unit.scoring.given import CLERK, MEMBER, STRANGER

DOCUMENT = {
    "members": [{"member": MEMBER, "waiting": []}, {"member": CLERK, "waiting": []}],
    "nominees": [{"nomination": "n", "recusals": [{"member": STRANGER, "reason": "declared"}]}],
}


async def test_a_checklist_is_shown_without_names_when_identity_is_away(tmp_path: Path):
    secret = tmp_path / "scoring.secret"
    nowhere = Directory(f"http://127.0.0.1:{free_ports(1)[0]}", secret)
    without = {**DOCUMENT, "names": "away", "persons": dict.fromkeys(sorted((MEMBER, CLERK, STRANGER)))}
    assert await with_names(nowhere, DOCUMENT) == without, "there is no secret yet"
    secret.write_text("secret", encoding="ascii")
    assert await with_names(nowhere, DOCUMENT) == without, "nobody listens"
