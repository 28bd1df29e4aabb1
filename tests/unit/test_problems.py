"""Problem documents, and bodies read as strictly as what is stored of them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints, TypeAdapter, ValidationError, field_validator

from kernel.body import GREATEST_INTEGER, digest_of, read_json
from kernel.commands import BUSY, KEY_REUSED
from kernel.decider import FieldFault, Refusal, Text
from kernel.problems import (
    Problem,
    Unfit,
    conflict,
    field_path,
    problem_of_validation,
    refused,
)
from schemas.envelope import (
    CategoryCode,
    CleanName,
    Hex64,
    Month,
    ProvinceCode,
    Ratio,
    SeasonCode,
    Slug,
    StreamName,
    Uuid,
)
from services.nomination.api.parts import CandidateCode, RegionCode
from services.scoring.api.ledger import FactPath, MonthPath, PublisherPath

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEPT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-GREATEST_INTEGER, GREATEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(KEPT, st.booleans())
def test_what_can_be_kept_is_read_as_it_is(value, ascii_only) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=80) | st.text(alphabet='[]{}",:0123456789eE+-.\\u d8tfn', max_size=60).map(str.encode))
def test_any_other_bytes_are_a_problem_and_nothing_else(raw) -> None:
    try:
        read_json(raw)
    except Problem as problem:
        assert problem.status in (400, 422)  # noqa: PT017 - both outcomes are fine, a third is not


@given(KEPT)
def test_the_digest_does_not_see_the_order_of_names(value) -> None:
    wrapped = {"b": value, "a": 1}
    turned = dict(reversed(wrapped.items()))
    one = digest_of("POST", "/x", b"", b"1", wrapped)
    assert one == digest_of("POST", "/x", b"", b"2", turned)
    assert one != digest_of("PUT", "/x", b"", b"1", wrapped)
    assert one != digest_of("POST", "/x", b"dry=1", b"1", wrapped)
    assert one != digest_of("POST", "/x", b"", b"1", {**wrapped, "c": 0})


def test_other_media_count_by_their_bytes() -> None:
    assert digest_of("POST", "/x", b"", b"1;2", None) != digest_of("POST", "/x", b"", b"1;3", None)


def test_a_document_has_type_title_status_detail_errors_and_what_is_added() -> None:
    problem = conflict("basis-stale", Text("Stale", "Basi"), Text("Seal again.", "Segel lagi."), expected=3)
    assert problem.document("id", "/requests/1") == {
        "type": "/problems/basis-stale",
        "title": "Basi",
        "status": 409,
        "detail": "Segel lagi.",
        "instance": "/requests/1",
        "expected": 3,
    }


def test_what_is_added_cannot_replace_the_standard_members() -> None:
    problem = Problem(409, "basis-stale", Text("Stale", "Basi"), extra={"status": 200, "title": "x"})
    assert problem.document("en")["status"] == 409
    assert problem.document("en")["title"] == "Stale"


def test_a_refusal_keeps_its_code_status_and_faults() -> None:
    fault = FieldFault("marks[0]", None, Text("Take it away.", "Hapus."))
    document = refused(Refusal("late", Text("Too late.", "Terlambat."), 409, (fault,))).document("id")
    assert document["type"] == "/problems/late"
    assert document["errors"] == [{"field": "marks[0]", "remedy": "Hapus."}]


def test_a_key_used_again_has_its_own_title() -> None:
    document = refused(KEY_REUSED).document("en")
    assert document["title"] == "This Idempotency-Key was used for another request"
    assert refused(KEY_REUSED).document("id")["title"] == "Idempotency-Key ini sudah dipakai untuk permintaan lain"
    assert document["status"] == 422


def test_what_is_refused_for_now_says_when_to_come_back() -> None:
    away = refused(Refusal("persons-away", Text("Nobody answers.", "Tidak ada jawaban."), 503, recorded=False))
    assert away.headers == {"Retry-After": "2"}
    assert away.document("en")["title"] == "This cannot be decided just now"
    assert refused(BUSY).headers == {"Retry-After": "2"}
    assert "Retry-After" not in refused(KEY_REUSED).headers


def remedy_for(kind: Any, value: str) -> Text:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return problem_of_validation(RequestValidationError(caught.value.errors())).errors[0].remedy


@pytest.mark.parametrize(
    "kind",
    [
        CleanName,
        Uuid,
        Hex64,
        Slug,
        CategoryCode,
        SeasonCode,
        ProvinceCode,
        StreamName,
        Ratio,
        RegionCode,
        CandidateCode,
        MonthPath,
        PublisherPath,
        FactPath,
    ],
)
def test_a_pattern_is_told_in_words(kind) -> None:
    remedy = remedy_for(kind, "\n!")
    for said in (remedy.en, remedy.id):
        assert "^" not in said
        assert not said.startswith(("Send a text like", "Kirim teks berpola"))


def test_a_month_is_asked_for_by_an_example() -> None:
    assert remedy_for(Month, "2021-13").id == "Kirim bulan seperti 2021-03."


def test_an_unknown_pattern_is_told_as_it_is() -> None:
    assert remedy_for(Annotated[str, StringConstraints(pattern="^a+$")], "b").en == "Send a text like ^a+$."


@pytest.mark.parametrize(
    ("name", "english", "indonesian"),
    [
        ("A\u200bB", "U+200B", "U+200B"),
        (" A", "white space", "spasi"),
        ("—", "letter or digit", "huruf atau angka"),
    ],
)
def test_a_deceptive_name_is_told_in_both_languages(name, english, indonesian) -> None:
    remedy = remedy_for(CleanName, name)
    assert english in remedy.en
    assert indonesian in remedy.id


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (("body",), "body"),
        (("body", "scores", 0, "value"), "scores[0].value"),
        (("body", 3), "[3]"),
        (("query", "limit"), "query.limit"),
        (("path", "id"), "path.id"),
        ((), "body"),
    ],
)
def test_places_are_written_as_people_write_them(place, path) -> None:
    assert field_path(place) == path


class Account(BaseModel):
    password: str
    login: str

    @field_validator("login")
    @classmethod
    def _plain(cls, value: str) -> str:
        if value != value.lower():
            raise Unfit("Use small letters.", "Pakai huruf kecil.")
        return value


def problem_for(value: object) -> Problem:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Account).validate_python(value)
    return problem_of_validation(
        RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in caught.value.errors()])
    )


def test_a_validator_can_speak_both_languages() -> None:
    document = problem_for({"password": "p", "login": "ADMIN"}).document("id")
    assert document["errors"] == [{"field": "login", "remedy": "Pakai huruf kecil.", "value": "ADMIN"}]


def test_a_secret_is_never_repeated() -> None:
    assert "value" not in problem_for({"password": 123456, "login": "a"}).document("en")["errors"][0]  # type: ignore[index]


def fault_of(kind: str, location: tuple[str, ...], **context: object) -> FieldFault:
    (fault,) = problem_of_validation(
        RequestValidationError([{"loc": location, "type": kind, "msg": "", "input": None, "ctx": context}])
    ).errors
    return fault


def test_what_is_on_offer_is_told_in_the_language_of_the_rest() -> None:
    remedy = fault_of("literal_error", ("body", "locale"), expected="'id' or 'en'").remedy
    assert (remedy.en, remedy.id) == ("Send one of: 'id' or 'en'.", "Kirim salah satu dari: 'id' atau 'en'.")


def test_a_missing_body_is_no_missing_field() -> None:
    assert "JSON object" in fault_of("missing", ("body",)).remedy.en
    assert fault_of("missing", ("body", "reason")).remedy.en == "Add this field."


def test_at_most_a_hundred_faults_are_listed() -> None:
    found = [{"loc": ("body", index), "type": "missing", "msg": "", "input": None} for index in range(500)]
    assert len(problem_of_validation(RequestValidationError(found)).errors) == 100
