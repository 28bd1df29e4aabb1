"""The daily report on the running system: a fact that is refused today is in its publisher's mail tomorrow, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from deploy.local.mail_sink import stored_messages
from schemas.topics import CONTRIBUTIONS
from tests.support.facts import TAKEN, paid, publish, registered
from tests.support.whole import Whole, until, whole_system

pytestmark = pytest.mark.timeout(400, func_only=False)
TODAY = datetime(2021, 4, 20, 8, tzinfo=UTC)


def reports(whole: Whole) -> list[EmailMessage]:
    """Return the reports that were mailed, the oldest first."""
    mails = stored_messages(whole.stack.options.data / "mail")
    return [mail for mail in mails if mail["X-Paritrana-Template"] == "facts-report"]


async def sends(whole: Whole, employer: str, taken: int) -> None:
    """Publish a registration and a payment that is none; wait until so many messages were taken in all."""
    bad = paid(employer, "2021-13", 5, "2021-04-10")
    await publish(whole.stack.bootstrap_servers, CONTRIBUTIONS, [registered(employer), bad], partitions=12)

    async def all_taken() -> bool:
        return int((await whole.rows("scoring", TAKEN))[0]["records"]) == taken

    await until(all_taken, "ingest does not take what was sent")


async def test_what_is_refused_today_is_mailed_tomorrow_and_a_restart_mails_nothing() -> None:
    async with whole_system(TODAY) as whole:
        await sends(whole, "NPP-1", 2)
        assert reports(whole) == []
        whole.stack.set_clock(TODAY + timedelta(days=1))
        await until(lambda: _mailed(whole, 1), "the report is not mailed")
        (mail,) = reports(whole)
        assert "penerbit-iuran" in str(mail["To"])
        assert "GET /v1/facts/report?day=2021-04-20" in mail.get_content()

        # Two days pass while scoring is not there; it makes up for them, and for none twice.
        await sends(whole, "NPP-2", 4)
        for service in ("scoring", "notifications"):
            whole.stack.kill(service)
        whole.stack.set_clock(TODAY + timedelta(days=3))
        for service in ("scoring", "notifications"):
            await whole.stack.ready(service)
        await until(lambda: _mailed(whole, 2), "the day that passed is not made up for")
        await until(lambda: _looked(whole, "2021-04-21"), "the last day is not looked at")
        whole.stack.kill("scoring")
        await whole.stack.ready("scoring")
        await sends(whole, "NPP-3", 6)
        whole.stack.set_clock(TODAY + timedelta(days=4))
        await until(lambda: _mailed(whole, 3), "the next day is not reported")
        days = [next(line for line in mail.get_content().splitlines() if "/v1/facts/report" in line)[-10:]
                for mail in reports(whole)]  # fmt: skip
        assert days == ["2021-04-20", "2021-04-21", "2021-04-23"]


async def _mailed(whole: Whole, count: int) -> bool:
    return len(reports(whole)) == count


async def _looked(whole: Whole, day: str) -> bool:
    rows = await whole.rows(
        "scoring", "select document::json #>> '{data,day}' as day from events where stream like 'report/%'"
    )
    return day in {row["day"] for row in rows}
