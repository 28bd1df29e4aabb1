"""The ledger of facts over HTTP: what became of a fact, of an employer's month, of a day; and batches, for auditors.

A publisher sees what lies in its topics, an operator what was refused and how much, an auditor all of it. What a day's
report says is by the nation's clocks (WIB).
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response, StreamingResponse

from kernel.canonical import Json
from kernel.days import AS_WRITTEN, FIRST_DAY, LAST_DAY
from kernel.decider import Text
from kernel.paging import Paged, a_moment, page_of
from kernel.problems import not_found
from kernel.reads import Here
from schemas.envelope import SeasonCode
from schemas.topics import CONTRIBUTIONS
from services.scoring.domain.effective import FactName
from services.scoring.ledger_reads import (
    SQL,
    Day,
    batch_documents,
    day_counts,
    every_refused,
    fact_status,
    missing_months,
    month_of_employer,
    refused_counts,
    refused_of_nobody,
    refused_page,
    seasons_to_come,
)
from services.scoring.rights import EveryFact, FactReader, FactTeller, topics_refused, topics_told

router = APIRouter()

_CSV: Final = "text/csv"
_REFUSED_COLUMNS: Final = (
    "received", "topic", "partition", "offset", "publisher", "id", "reason", "field", "value", "detail_id", "detail_en",
)  # fmt: skip
_MISSING_COLUMNS: Final = ("season", "employer", "registered", "month")

_PUBLISHER: Final = r"^[a-z0-9][a-z0-9-]{0,30}$"
PublisherPath = Annotated[
    str, Path(pattern=_PUBLISHER, description="The system, as the last segment of a fact's source: sipp of /bpjs/sipp.")
]
FactPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", description="The publisher's own id.")]
EmployerPath = Annotated[str, Path(pattern=r"^[A-Z0-9][A-Z0-9.-]{0,31}$", description="The employer's number (NPP).")]
MonthPath = Annotated[str, Path(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="A month as 2021-03.")]


OnDay = Annotated[
    date,
    Query(ge=FIRST_DAY, le=LAST_DAY, description="A day by the nation's clocks (WIB), as 2021-04-13."),
    AS_WRITTEN,
]
OfPublisher = Annotated[str | None, Query(pattern=_PUBLISHER, description="Only messages that claim this system.")]
Accept = Annotated[str, Header(description="text/csv for a table of the whole day instead of pages of JSON.")]
TopicPath = Annotated[Literal["bpjs.contributions.v1", "bpjs.coverage.v1"], Path(description="A topic of facts.")]
PartitionPath = Annotated[int, Path(ge=0, le=100_000, description="The partition of the topic.")]
VersionPath = Annotated[
    int, Path(ge=1, le=(1 << 53) - 1, description="The version of the FactsIngested event on its stream.")
]


# --- a day ---------------------------------------------------------------------------------------------------------


@router.get("/v1/facts/report", tags=["facts"], summary="Report a day: what was taken, and what was refused and why")
async def report(
    here: Here, person: FactReader, paged: Paged, day: OnDay, publisher: OfPublisher = None, accept: Accept = "*/*"
) -> Any:
    """Report a day of one's topics.

    `topics` counts the day's messages: what was read and taken as our own events tell of it (null with `publisher`:
    it is counted by topic alone), and how many were `refused`, each once, however often it was read. `publishers`
    counts these by the system that a message claims to be from (null: none that could be one, or beyond the twenty
    with the most) and by reason; `items` are the refused messages themselves, in pages. `unrecognised` counts, whatever
    `publisher` is, the refused messages whose system could not be read: they are in `items` only without `publisher`.
    As text/csv: every refused message of the day.
    """
    topics, the_day = topics_refused(person), Day(day)
    if _wants_csv(accept):
        rows = every_refused(here, topics, publisher, the_day)
        return _csv(_refused_lines(rows), f"refused-{day}.csv")
    listing = f"facts-report/{day}/{publisher}"
    after = paged.after(listing, a_moment, str, int, int)
    items = await refused_page(here, topics, publisher, the_day, after, paged.limit + 1)
    return page_of(
        items,
        paged,
        listing,
        lambda one: (one["received"], one["topic"], one["partition"], one["offset"]),
        day=day.isoformat(),
        topics=await day_counts(here, topics, publisher, the_day),
        publishers=await refused_counts(here, topics, publisher, the_day),
        unrecognised=await refused_of_nobody(here, topics, the_day),
    )


async def _refused_lines(pages: AsyncIterator[list[Json]]) -> AsyncIterator[str]:
    yield _line(_REFUSED_COLUMNS)
    async for page in pages:
        yield "".join(_line(_refused_cells(one)) for one in page)


def _refused_cells(one: Mapping[str, Any]) -> list[Any]:
    said = {**one, "detail_id": one["detail"]["id"], "detail_en": one["detail"]["en"]}
    return [said[name] for name in _REFUSED_COLUMNS]


@router.get("/v1/facts/missing", tags=["facts"], summary="List the months that nobody has said a due of")
async def missing(
    here: Here,
    person: FactTeller,
    paged: Paged,
    day: OnDay,
    season: Annotated[SeasonCode | None, Query(description="Only nominees of this season.")] = None,
    accept: Accept = "*/*",
) -> Any:
    """List employers that compete, with the months that were due by a day and of which no due was said.

    It says so before the cut-off of the season's measures, so that what is missing can still be sent. An employer that
    was not `registered` by then owes no month; one that misses nothing is left out. `final` is false while the day has
    not ended: what is listed may still come. `seasons_to_come` count no month that has begun by then, so nothing is
    missing of them. As text/csv: one line a month, of all of them (`…-so-far.csv` while the day has not ended).
    """
    is_final = here.clock.now() >= Day(day).ends
    is_publisher = CONTRIBUTIONS in topics_told(person)
    listing = f"facts-missing/{day}/{season}"
    after = paged.after(listing, str, str) or (None, None)

    async def every() -> AsyncIterator[list[Json]]:
        """Yield who misses something, after the key, as many employers at a time as a page may have."""
        key: Sequence[str | None] = after
        while is_publisher and (
            rows := await here.pool.fetch(SQL["nominated_employers"], season, *key, paged.limit + 1)
        ):
            yield await missing_months(here, [(row["season"], row["candidate"]) for row in rows], day)
            key = (rows[-1]["season"], rows[-1]["candidate"])

    if _wants_csv(accept):
        return _csv(_missing_lines(every()), f"missing-{day}{'' if is_final else '-so-far'}.csv")
    items: list[Json] = []
    async for found in every():
        items += found
        if len(items) > paged.limit:
            break
    return page_of(
        items[: paged.limit + 1],
        paged,
        listing,
        lambda one: (one["season"], one["employer"]),
        day=day.isoformat(),
        final=is_final,
        seasons_to_come=await seasons_to_come(here, season, day),
    )


async def _missing_lines(pages: AsyncIterator[list[Json]]) -> AsyncIterator[str]:
    yield _line(_MISSING_COLUMNS)
    async for found in pages:
        for one in found:
            yield "".join(
                _line((one["season"], one["employer"], one["registered"], month)) for month in one["months"] or [""]
            )


def _wants_csv(accept: str) -> bool:
    return _CSV in accept.lower()


def _csv(lines: AsyncIterator[str], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=f"{_CSV}; charset=utf-8", headers=headers)


def _line(cells: Iterable[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow([_cell(cell) for cell in cells])  # `;` parts cells in Indonesia
    return written.getvalue()


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula: what was refused may hold anything.

    What is so or not is written as in JSON, which every spreadsheet knows too.
    """
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


# --- facts, months, batches ----------------------------------------------------------------------------------------


@router.get("/v1/facts/{publisher}/{fact}", tags=["facts"], summary="Show what became of a fact")
async def show_fact(here: Here, person: FactReader, publisher: PublisherPath, fact: FactPath) -> Json:
    """Show a fact's status by its publisher and the publisher's id of it.

    `status` is `applied`, `waiting` or `refused`. Of each fact `state` says what it came to: `counted`, a
    `duplicate-payment` of another, `corrected`, `reversed` or `superseded` by another (`by`), or `waiting` for its
    `target` or for the employer's `registration` (`waits_for`). A message that came twice with the same content was
    dropped and leaves no trace of its own. `refused` are messages under this name that were not taken, and why.
    """
    told = topics_told(person)
    topics = told or topics_refused(person)
    found = await fact_status(here, FactName(publisher, fact), topics, whole=bool(told))
    if found is None:
        raise not_found(
            Text(
                f"Nothing was received of {publisher} under the id {fact}, or it lies in another's topic.",
                f"Tidak ada yang diterima dari {publisher} dengan id {fact}, atau berada di topik pihak lain.",
            )
        )
    return found


@router.get("/v1/employers/{npp}/months/{month}", tags=["facts"], summary="Show an employer's month")
async def show_month(here: Here, person: FactTeller, npp: EmployerPath, month: MonthPath) -> Json:
    """Show what was due and paid for a month (rupiah), how it stands by each season's measures, and the facts behind.

    `due` is null where no due was said. `standings` has the measures that count the month: `in-time`, `late`,
    `partly`, `unpaid` or `missing`.
    """
    found = await month_of_employer(here, npp, month, topics_told(person))
    if found is None:
        raise not_found(
            Text(
                f"No fact in your topics is about the employer {npp}.",
                f"Tidak ada fakta di topik Anda tentang pemberi kerja {npp}.",
            )
        )
    return found


@router.get("/v1/ledger/batches/{topic}/{partition}/{version}", tags=["facts"], summary="Show a batch of the ledger")
async def show_batch(
    here: Here, person: EveryFact, topic: TopicPath, partition: PartitionPath, version: VersionPath
) -> Json:
    """Show the event of a batch and its facts' canonical documents, each as text, in the order of their offsets.

    The RFC 6962 Merkle root over the documents' UTF-8 bytes is the event's `root`: whoever has both can compute it.
    """
    del person
    found = await batch_documents(here, topic, partition, version)
    if found is None:
        raise not_found(
            Text(
                f"The stream ingest/{topic}/{partition} has no version {version}.",
                f"Alur ingest/{topic}/{partition} tidak memiliki versi {version}.",
            )
        )
    return found
