"""Which topics this service receives: nomination's, for rules, committees, nominations, orders and announcements."""

from __future__ import annotations

from typing import Final

from schemas.topics import NOMINATION

RECEIVES: Final = (NOMINATION,)
