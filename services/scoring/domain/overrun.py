"""What an extension means for the stage that follows: told with the answer, since it cannot be taken back.

It is no refusal: windows may follow each other at once, as the shipped rulebooks' do, and then every extension reaches
into the next stage's. Whoever extends a stage should know it, and may have to see to a later deadline there too.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kernel.decider import Text
from schemas.envelope import Stage
from schemas.regions import NATION
from services.scoring.domain.local_time import told
from services.scoring.domain.received import Season
from services.scoring.domain.stage import stage_in


def overrun(season: Season, at: Stage, until: datetime) -> Text | None:
    """Return the warning of a deadline that lies in the next stage's window or beyond it; None where it does not."""
    rulebook = season.rulebook()
    rules = stage_in(rulebook, at)
    following = None if rules is None else rulebook.next_stage(rules)
    if following is None:
        return None
    place = NATION if following.tier == "national" else at.province
    opens, closes = rulebook.opens_utc(following.scoring, place), rulebook.deadline_utc(following.scoring, place)
    if until < opens:
        return None
    zone, title = season.zone(place), following.title
    en = f"The next stage, {title.en}, is scored from {_when(opens)}"
    id_ = f"Tahap berikutnya, {title.id}, dinilai mulai {told(opens, zone)}"
    if until >= closes:
        en, id_ = f"{en} only until {_when(closes)}", f"{id_} hanya sampai dengan {told(closes, zone)}"
    return Text(
        f"{en}. Its nominees are known only when this stage is decided, so it may need a later deadline too. An "
        "extension cannot be taken back; the deadline can only be moved on.",
        f"{id_}. Calonnya baru diketahui setelah tahap ini diputus, sehingga batas waktunya mungkin perlu diperpanjang "
        "juga. Perpanjangan tidak dapat ditarik kembali; batas waktu hanya dapat diundurkan lagi.",
    )


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
