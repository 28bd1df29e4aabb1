"""What is shown: pure folds of raw documents to read rows, one module per table.

Each row is what a GET answers, as JSON text, beside the columns that lists are filtered and ordered by. The folds read
documents and not models, so that a rebuild of a whole log stays cheap; field names are those of `schemas.nomination`.
"""

from __future__ import annotations

from typing import Final

from services.nomination.projections.appeals import Appeals
from services.nomination.projections.certificates import Certificates
from services.nomination.projections.committees import Committees
from services.nomination.projections.disputes import Disputes
from services.nomination.projections.exceptions import Exceptions
from services.nomination.projections.interviews import Interviews
from services.nomination.projections.nominations import Nominations
from services.nomination.projections.plenaries import Plenaries
from services.nomination.projections.results import Results
from services.nomination.projections.seasons import Seasons

PROJECTIONS: Final = (
    Seasons(),
    Committees(),
    Nominations(),
    Disputes(),
    Interviews(),
    Plenaries(),
    Results(),
    Appeals(),
    Certificates(),
    Exceptions(),
)
