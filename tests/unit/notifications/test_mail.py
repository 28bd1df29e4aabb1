"""A message has the headers it must have, and nothing in it can add one."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notifications.mail import compose, is_address, message_id_of
from services.notifications.outbox import pause_after
from services.notifications.texts import Letter

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MESSAGE = UUID(int=5)
TEXT = "Yth. Bapak/Ibu,\n\nIsi “pesan”.\n"


def composed(letter: Letter | None = None, name: str = "Sekretariat Daerah Gorontalo") -> EmailMessage:
    letter = letter or Letter("Pengusulan diterima", TEXT, "id")
    address = "sekretariat@example.org"
    headers = {"sender": "award@paritrana.example", "name": name, "address": address, "template": "nominated"}
    return compose(letter, MESSAGE, **headers, now=NOW)


def read(mail: EmailMessage) -> EmailMessage:
    return message_from_bytes(mail.as_bytes(policy=policy.SMTP), policy=policy.default)


def test_the_headers_say_what_it_is_and_that_a_machine_sent_it():
    mail = read(composed())
    assert mail["Message-ID"] == message_id_of(MESSAGE, "paritrana.example") == f"<{MESSAGE}@paritrana.example>"
    assert mail["Date"].datetime == NOW
    assert mail["From"].addresses[0].addr_spec == "award@paritrana.example"
    assert mail["To"].addresses[0].addr_spec == "sekretariat@example.org"
    assert mail["To"].addresses[0].display_name == "Sekretariat Daerah Gorontalo"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Paritrana-Template"] == "nominated"
    assert mail["Content-Language"] == "id"
    assert "notices.paritrana.example" in mail["List-Id"]
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == TEXT


@given(name=st.text(), subject=st.text())
@example(name="Budi\r\nBcc: all@example.org", subject="x\r\nBcc: all@example.org\r\n\r\nbody")
@example(name='"; <evil@example.org>, "', subject="=?utf-8?q?=0d=0aBcc=3a?=")
@example(name="\u2028Bcc: a@b\x85c", subject="\u2029\x0b\x0c\x1c")
def test_neither_name_nor_subject_can_add_a_header_or_a_recipient(name, subject):
    plain_mail = read(composed())
    mail = read(composed(Letter(subject, "body\n", "en"), name=name))
    assert sorted(mail.keys()) == sorted(plain_mail.keys())
    assert [one.addr_spec for one in mail["To"].addresses] == ["sekretariat@example.org"]
    assert mail.get_content().splitlines() == ["body"]


@pytest.mark.parametrize("address", ["a@b", "first.last@example.org", "x+y@sub.example.org"])
def test_usual_addresses_are_addresses(address):
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b",
        "a@",
        "a@b\r\nBcc: c@d",
        "a b@c",
        "<a@b>",
        "a@b, c@d",
        "é@example.org",
        "a..b@c",
        "a@b" + "c" * 300,
    ],
)
def test_what_is_no_address_is_none(address):
    assert not is_address(address)


def test_pauses_grow_to_an_hour_and_last_for_about_four_days():
    assert [pause_after(attempts) for attempts in range(4)] == [5, 10, 20, 40]
    assert pause_after(1000) == 3600
    assert 4 < sum(pause_after(attempts) for attempts in range(105)) / 86_400 < 5
