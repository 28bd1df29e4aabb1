"""What a part of the log does not show: which checks could not be made in it, of how much, and why.

A check is made wherever all that it rests on is here; the rest is counted, never guessed. So a part says of each check
whether it covers everything that it looked at, and nobody takes what is withheld for what was approved.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from services.audit.checklist import Said
from services.audit.excerpts import NATION, Excerpt
from services.audit.findings import Place
from services.audit.meetings import Decided, Kept, Point

_NEVER: Final = {
    "notifications": Said("pemberitahuan tidak dimuat dalam bagian log", "a part of the log holds no notifications"),
    "refusals": Said("penolakan tidak dimuat dalam bagian log", "a part of the log holds no refusals"),
    "reports": Said(
        "laporan kepada penerbit mencakup semua musim dan tidak dimuat dalam bagian log",
        "reports to publishers are about all seasons, and a part of the log holds none",
    ),
}
_COUNTED: Final = {
    "causes": Said(
        "{0} sebab atau kutipan menunjuk alur yang tidak dimuat; selebihnya diperiksa",
        "{0} causes or citations lead to streams that are withheld; the others were checked",
    ),
    "rankings": Said(
        "{0} peringkat tidak dihitung ulang: lembar nilai atau dasarnya yang lain tidak dimuat",
        "{0} rankings were not computed anew: sheets or other bases of theirs are withheld",
    ),
    "decisions": Said(
        "{0} putusan tidak dihitung ulang: nominasi, komite, atau peringkatnya tidak dimuat",
        "{0} decisions were not counted anew: nominations, committees or rankings of theirs are withheld",
    ),
    "advances": Said(
        "{0} kelanjutan diputuskan dalam pleno yang tidak dimuat",
        "{0} advances were decided in plenaries that are withheld",
    ),
}
_PROCEDURE: Final = {
    "measured": Said(
        "hanya pengukuran yang seluruh dasarnya dimuat yang diperiksa",
        "only measurements of which all that they rest on is here were checked",
    ),
    "procedure": Said(
        "yang bergantung pada nominasi, komite, atau pleno di luar bagian ini tidak diperiksa",
        "what hangs on nominations, committees or plenaries outside of this part was not checked",
    ),
}
_MORE: Final = Said(
    "{0} entri log tidak dimuat, sehingga hanya heads.jsonl yang mengatakan bahwa suatu alur berakhir di sini",
    "{0} entries of the log are withheld, so that only heads.jsonl says that a stream goes no further",
)


_PLACED: Final = re.compile(r"(?:committee|interview|(?:ranking|award)/[^/]+)/[^/]+/([0-9]{2})(?:/|$)")
"""A stream of one place, and of which."""


class Withheld:
    """Tells what can be checked of a part, and counts what cannot; `version_of` says where a stream ends here."""

    def __init__(self, excerpt: Excerpt, version_of: Callable[[str], int]) -> None:
        self._excerpt = excerpt
        self._version_of = version_of
        self.skipped: Counter[str] = Counter()
        """How much could not be looked at, by a check's key."""

    def holds(self, stream: str) -> bool:
        """Tell whether a stream is here; a stream is whole or withheld."""
        return self._version_of(stream) > 0

    def can(self, check: str, *, here: bool) -> bool:
        """Return whether what a check needs is here, having counted it where it is not."""
        self.skipped[check] += not here
        return here

    def ranking(self, cited: Sequence[Point]) -> bool:
        """Tell whether all that a seal cites is here."""
        return self.can("rankings", here=all(self.holds(point.stream) for point in cited))

    def decision(self, decided: Decided) -> bool:
        """Tell whether all that a decision is counted from is here."""
        motion, convened = decided.motion, decided.convened
        needed = {point.stream for point in decided.results}
        if motion is not None:
            needed |= {f"nomination/{one}" for one in motion.nominations}
        if convened is not None:
            needed.add(f"committee/{convened.data['season']}/{convened.data['province']}")
        return self.can("decisions", here=self._excerpt.nomination is None and all(map(self.holds, needed)))

    def justification(self, caused: Kept) -> bool:
        """Tell whether the meeting is here that must have listed an outcome."""
        plenary = caused.data.get("plenary")
        known = self.holds(f"plenary/{plenary}") if plenary else self._excerpt.whole_season
        return self.can("advances", here=known and (self._excerpt.nomination is None or self.believes(caused.place)))

    def believes(self, place: Place) -> bool:
        """Tell whether a finding there rests on nothing that is withheld.

        Of a nomination's part that is so on its own streams: whoever else was ranked, announced or heard is not here.
        What a province's part holds of another place is there because it is cited, and nominations and appeals come to
        the nation from provinces.
        """
        own, province, stream = self._excerpt.nomination, self._excerpt.province, place.stream or ""
        if own is not None:
            return stream in (f"nomination/{own}", f"indicator/{own}") or stream.startswith(f"sheet/{own}/")
        if province == NATION and stream.startswith(("nomination/", "appeal/")):
            return False
        at = _PLACED.match(stream)
        return at is None or province in (None, at[1])

    def barred(self, entries: int | None) -> dict[str, Said]:
        """Return why checks could not be made in full, by their keys; `entries` of the log are withheld."""
        barred = dict(_NEVER)
        for check, said in _COUNTED.items():
            if count := self.skipped[check]:
                barred[check] = _filled(said, count)
        if not self._excerpt.whole_season:
            barred |= _PROCEDURE
        if entries:
            barred["no-entry-more"] = _filled(_MORE, entries)
        return barred


def _filled(said: Said, count: int) -> Said:
    return Said(said.id.format(count), said.en.format(count))
