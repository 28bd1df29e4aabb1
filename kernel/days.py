"""A day in a query as people write it; pydantic alone also takes an instant at midnight and seconds since 1970."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from pydantic import BeforeValidator

from kernel.problems import Unfit

FIRST_DAY: Final = date(2014, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value) is None:
        raise Unfit("Send a date as 2021-04-13.", "Kirim tanggal seperti 2021-04-13.")
    return value


AS_WRITTEN: Final = BeforeValidator(_written)
"""Takes a day as YYYY-MM-DD alone."""
