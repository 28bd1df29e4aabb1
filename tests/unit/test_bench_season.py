"""The documents that the bench copies in: as the services would have written them, and foldable."""

from __future__ import annotations

from collections import Counter

from bench.season import ASPECTS, EVENTS_A_SHEET, LogRow, Seasons
from kernel.canonical import envelope_of, leaf_hash, parse_canonical
from kernel.decider import Position
from kernel.log import Recorded
from kernel.rebuild import Refold
from schemas.codec import CODEC
from schemas.document import fault_of
from services.scoring.projections import RankingProjection

COUNT = 16_000


def rows(seed: int, count: int = COUNT) -> list[LogRow]:
    return list(Seasons(seed).events(count))


def test_every_document_is_canonical_chained_and_readable_by_its_model():
    heads: dict[str, tuple[int, bytes]] = {}
    for stream, version, id_, type_, own, hash_, document in rows(1, 4_000):
        parsed = parse_canonical(document.encode())
        last, previous = heads.get(stream, (0, b""))
        assert fault_of(parsed) is None
        assert (version, parsed["streamversion"], parsed["id"], parsed["type"]) == (last + 1, last + 1, id_, type_)
        assert parsed.get("prevhash", "") == previous.hex()
        assert hash_ == leaf_hash(envelope_of(parsed))
        assert own is (parsed["source"] == "/paritrana/scoring")
        CODEC.read(type_, parsed["data"])
        heads[stream] = version, hash_


def test_most_events_are_marks_and_submitted_sheets():
    types = Counter(row[3].rsplit(".", 2)[1] for row in rows(2))
    assert types["AspectScored"] + types["ScoreSheetSubmitted"] > 0.8 * COUNT
    assert abs(types["AspectScored"] - len(ASPECTS) * types["ScoreSheetSubmitted"]) <= EVENTS_A_SHEET


def test_the_same_seed_tells_the_same_story():
    told = [[(row[0], row[1], row[3]) for row in rows(3, 3_000)] for _ in range(2)]
    assert told[0] == told[1]


def test_the_ranking_projection_folds_it_to_ranked_nominees():
    fold = Refold(RankingProjection(), CODEC)
    log = [Recorded(Position(1, 1, number), *row) for number, row in enumerate(rows(4), start=1)]
    read = [event for event in log if event.type in fold.projection.types]
    fold.take(read)
    names = fold.projection.table.columns
    found = [dict(zip(names, row, strict=True)) for row in fold.rows()]
    nominees = [row for row in found if row["nomination"]]
    assert fold.events == len(read) > COUNT / EVENTS_A_SHEET
    assert len(found) - len(nominees) == 408  # a heading for each stage: three seasons, 34 provinces, four categories
    assert any(row["rank"] == 1 and row["total"] for row in nominees)
