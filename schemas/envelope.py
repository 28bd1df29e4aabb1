"""What every event is: the envelope's attributes and the base of every event model.

The envelope is CloudEvents 1.0 with the extensions of the audit log: stream and version, the hash chain, who and in
which office, and a signature on decisions. Event models hold only their own fields; the kernel adds the salt, so that
an event's data can be withheld or erased by law while every hash still holds.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

TYPE_PREFIX: Final = "id.go.paritrana"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
# Letters, marks and a symbol by category, yet nothing of them is seen: fillers, joiners and variation selectors.
_FILLERS: Final = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810)))
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))


_CALLS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?:[(|]|![$A-Za-z])")
_OPERATORS: Final = r"[-+*/^&:=<>@()%\s]+"
_OPERAND: Final = r"(?:[0-9.,]+|\$?[A-Za-z]{1,3}\$?[0-9]{1,7})"
_COMPUTES: Final = re.compile(rf"{_OPERATORS}{_OPERAND}(?:{_OPERATORS}{_OPERAND})*(?:{_OPERATORS})?")
_LONGEST_NAME: Final = 255


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("an instant needs its zone: write 2021-02-20T23:59:00Z")
    return moment


def wire_instant(moment: datetime) -> str:
    """Return an instant as it stands on the wire: in UTC, with six digits after the second."""
    # Not by strftime, which leaves the zeros of years before 1000 out.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def _refuse_unseen(text: str, allowed: str = "") -> None:
    for character in text:
        if character in allowed:
            continue
        if unicodedata.category(character) in _UNSEEN or character in _FILLERS:
            place = {"character": f"U+{ord(character):04X}"}
            raise PydanticCustomError(
                "name_character", "remove the invisible or unassigned character {character}", place
            )


def clean_text(text: str) -> str:
    """Return a text of several lines if it is what it looks like; raise ValueError for what is hidden or reversed.

    Reasons, grounds and corrigenda are read by others than who wrote them, on a screen and in print.
    """
    _refuse_unseen(text, "\n\r\t")
    return text


def begins_a_formula(text: str) -> bool:
    """Tell whether a spreadsheet would compute a text that is written into one of its cells, and not show it.

    `=` always begins a formula. After `+`, `-` or `@` there is one where something is called (`@SUM(`, `+cmd|`), or
    nothing but numbers and cells stands (`-1+1`, `+A1`); a name such as `@Home` or `+62 Kopi (Ambon)` is none.
    """
    text = text.lstrip()[:_LONGEST_NAME]
    if not text.startswith(("=", "+", "-", "@")):
        return False
    return text[0] == "=" or _CALLS.search(text) is not None or _COMPUTES.fullmatch(text) is not None


def no_formula(name: str) -> str:
    """Return `name` unless a spreadsheet takes it for a formula; raise ValueError."""
    if begins_a_formula(name):
        raise PydanticCustomError("name_formula", "write the name itself: a spreadsheet takes this for a formula")
    return name


def clean_name(name: str) -> str:
    """Return `name` if it is what it looks like; raise ValueError for what is hidden, reversed or empty to the eye.

    Two candidates or persons must not differ by what nobody sees. Categories are those of Unicode's general category.
    """
    _refuse_unseen(name)
    if name != name.strip():
        raise PydanticCustomError("name_ends", "remove the white space before or after the name")
    if not any(character.isalnum() for character in name):
        raise PydanticCustomError("name_letterless", "write a name with at least one letter or digit")
    return name


def _plain(number: Decimal) -> str:
    return format(number, "f")


Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
CategoryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_-]{0,31}$")]
SeasonCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}(-[a-z0-9]{1,16})?$")]
ProvinceCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]
"""Two digits of Kemendagri's table; `00` stands for the nation."""
Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
StreamName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(/[A-Za-z0-9._-]+)+$", max_length=255)]
CleanName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=_LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(clean_name),
]
WrittenName = Annotated[CleanName, AfterValidator(no_formula)]
"""A name as somebody writes it down: in a spreadsheet it must not compute. What events hold is not asked again."""
Ratio = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+/[1-9][0-9]*$")]
"""An exact fraction in lowest terms, `numerator/denominator`."""
Exact = Annotated[
    Decimal, Field(allow_inf_nan=False, max_digits=18, decimal_places=6), PlainSerializer(_plain, return_type=str)
]
Instant = Annotated[datetime, AfterValidator(_aware), PlainSerializer(wire_instant, return_type=str)]
Version = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A value inside an event. Unknown fields are passed over, so an optional field may be added later."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)


class Event(Part):
    """The base of every event. `context` and `version` make its type; `signed` ones carry the service's signature."""

    context: ClassVar[str]
    schema_version: ClassVar[int] = 1
    signed: ClassVar[bool] = False

    @classmethod
    def type_name(cls) -> str:
        """Return the CloudEvents `type`, for example `id.go.paritrana.scoring.AspectScored.v1`."""
        return f"{TYPE_PREFIX}.{cls.context}.{cls.__name__}.v{cls.schema_version}"

    def to_data(self) -> dict[str, Any]:
        """Return the event's own fields as JSON values (no floats: decimals, fractions and instants are strings)."""
        data: dict[str, Any] = self.__pydantic_serializer__.to_python(self, mode="json", exclude_none=True)
        return data  # as model_dump() does, without its other options, which cost as much as the work itself


class StreamPoint(Part):
    """One event of one stream."""

    stream: StreamName
    version: Version


class Stage(Part):
    """Where a nomination stands: a stage of a tier, in a category of a season."""

    season: SeasonCode
    tier: Annotated[str, StringConstraints(pattern=r"^(provincial|national)$")]
    province: ProvinceCode
    category: CategoryCode
    stage: Slug

    @property
    def ranking(self) -> str:
        """Return the stream of this stage's ranking."""
        return f"ranking/{self.season}/{self.tier}/{self.province}/{self.category}/{self.stage}"

    @property
    def award(self) -> str:
        """Return the stream of this category's announcements, winners and vacant ranks."""
        return f"award/{self.season}/{self.tier}/{self.province}/{self.category}"
