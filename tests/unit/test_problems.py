"""Problem documents, and bodies read as strictly as what is stored of them."""

from __future__ import annotations

import json

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError, field_validator

from kernel.body import GREATEST_INTEGER, digest_of, read_json
from kernel.decider import FieldFault, Refusal, Text
from kernel.problems import Problem, Unfit, conflict, field_path, problem_of_validation, refused

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


def test_at_most_a_hundred_faults_are_listed() -> None:
    found = [{"loc": ("body", index), "type": "missing", "msg": "", "input": None} for index in range(500)]
    assert len(problem_of_validation(RequestValidationError(found)).errors) == 100
