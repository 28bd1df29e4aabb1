"""What all routes of the service share: its queries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kernel.sql import queries

SQL: Final = queries(Path(__file__).parents[1] / "queries.sql")
