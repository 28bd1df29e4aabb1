"""Tokens: only identity's own, unexpired, for us, in the one algorithm; and identity may be away."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from kernel.problems import Problem
from kernel.tokens import (
    ALGORITHM,
    AUDIENCE,
    ISSUER,
    LONGEST_TOKEN,
    TOKEN_TYPE,
    Grant,
    LocalJwks,
    Person,
    TokenVerifier,
    issue,
    require,
    require_throughout,
)

KEY = OKPKey.generate_key("Ed25519", parameters={"kid": "k1"})
OTHER = OKPKey.generate_key("Ed25519", parameters={"kid": "k2"})
PERSON = Person(
    "7b0c3e86-7b0b-4c53-9be0-3f4d4d7c9b51", (Grant.of("member", committee="75"), Grant.of("chair", committee="75"))
)
NOW = 1_700_000_000.0


def jwks(*keys: OKPKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def verifier(*keys: OKPKey) -> TokenVerifier:
    return TokenVerifier(LocalJwks(lambda: jwks(*(keys or (KEY,)))), wall=lambda: NOW)


def claims(**changed: Any) -> dict[str, Any]:
    full = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": PERSON.id, "iat": int(NOW), "exp": int(NOW) + 600, "jti": "1",
        "roles": [{"role": "member", "scope": {"committee": "75"}}],
    }  # fmt: skip
    full.update(changed)
    return {name: value for name, value in full.items() if value is not None}


def signed(content: Mapping[str, Any], key: OKPKey = KEY, **header: Any) -> str:
    head = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": "k1", **header}
    return jwt.encode(head, dict(content), key, algorithms=[ALGORITHM])


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def refused(token: str, *, by: TokenVerifier | None = None, status: int = 401) -> str:
    with pytest.raises(Problem) as caught:
        await (by or verifier()).verify(token)
    assert caught.value.status == status
    assert (status != 401) or "WWW-Authenticate" in caught.value.headers
    return caught.value.detail.en if caught.value.detail else ""


async def test_an_issued_token_gives_back_the_person() -> None:
    token = issue(KEY, PERSON, lifetime=60, now=NOW)
    assert token.expires == NOW + 60
    assert await verifier().verify(token.token) == PERSON


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"}, {"aud": ["another"]}, {"aud": None}, {"aud": 5},
        {"iss": "another"}, {"iss": None},
        {"exp": None}, {"exp": "2100-01-01"}, {"exp": True},
        {"iat": int(NOW) + 3600}, {"nbf": int(NOW) + 3600}, {"iat": None},
        {"sub": "somebody"}, {"sub": None}, {"sub": 7}, {"jti": None},
        {"roles": None}, {"roles": "season-admin"}, {"roles": ["season-admin"]}, {"roles": [{"scope": {}}]},
        {"roles": [{"role": "member", "scope": {"planet": "75"}}]},
        {"roles": [{"role": "member", "scope": {"season": 1}}]},
    ],
)  # fmt: skip
async def test_a_signed_token_with_other_claims_is_refused(changed) -> None:
    await refused(signed(claims(**changed)))


async def test_one_audience_of_several_is_enough() -> None:
    assert (await verifier().verify(signed(claims(aud=["x", AUDIENCE])))).roles == {"member"}


async def test_an_expired_token_says_so() -> None:
    assert "expired" in await refused(signed(claims(exp=int(NOW))))


async def test_the_algorithm_none_is_refused() -> None:
    for algorithm in ("none", "None", "NONE"):
        head = part({"alg": algorithm, "typ": TOKEN_TYPE, "kid": "k1"})
        await refused(f"{head}.{part(claims())}.")


async def test_the_public_key_as_a_shared_secret_is_refused() -> None:
    public = KEY.as_dict(private=False)["x"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        secret = OctKey.import_key(str(public))
        await refused(jwt.encode({"alg": "HS256", "typ": TOKEN_TYPE, "kid": "k1"}, claims(), secret))


async def test_another_algorithm_with_its_own_key_is_refused() -> None:
    foreign = RSAKey.generate_key(2048, parameters={"kid": "k1"})
    await refused(jwt.encode({"alg": "RS256", "typ": TOKEN_TYPE, "kid": "k1"}, claims(), foreign))


async def test_the_deprecated_name_of_the_algorithm_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await refused(jwt.encode({"alg": "EdDSA", "typ": TOKEN_TYPE, "kid": "k1"}, claims(), KEY, algorithms=["EdDSA"]))


async def test_a_key_that_the_token_brings_itself_is_not_used() -> None:
    await refused(signed(claims(), OTHER, jwk=OTHER.as_dict(private=False)))


async def test_another_key_under_our_key_id_is_refused() -> None:
    await refused(signed(claims(), OTHER))


async def test_another_type_of_jwt_is_refused() -> None:
    await refused(signed(claims(), typ="JWT"))


async def test_every_changed_character_is_noticed() -> None:
    token = issue(KEY, PERSON, lifetime=60, now=NOW).token
    judge = verifier()
    head, payload, signature = token.split(".")
    for index in range(0, len(payload), 7):
        changed = payload[:index] + ("A" if payload[index] != "A" else "B") + payload[index + 1 :]
        await refused(f"{head}.{changed}.{signature}", by=judge)


async def test_a_huge_token_is_refused_unread() -> None:
    await refused(signed(claims(jti="x" * LONGEST_TOKEN)))
    await refused(part(b"[" * 5000) + ".e30.e30")


@given(st.text(max_size=200) | st.tuples(*[st.binary(max_size=60)] * 3).map(lambda parts: ".".join(map(part, parts))))
def test_no_text_is_more_than_a_401(token) -> None:
    asyncio.run(refused(token))


# --- keys ---


class Identity:
    """A key source that can be away and counts how often it was asked."""

    def __init__(self, *keys: OKPKey) -> None:
        self.keys = keys
        self.away = False
        self.asked = 0

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.away:
            raise ConnectionRefusedError("identity")
        return jwks(*self.keys)


class Ticks:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


async def test_a_new_key_is_fetched_when_a_token_names_it_but_not_at_every_forged_one() -> None:
    identity, ticks = Identity(KEY), Ticks()
    judge = TokenVerifier(identity, wall=lambda: NOW, monotonic=ticks, pause=5)
    await judge.verify(signed(claims()))
    for _ in range(20):
        await refused(signed(claims(), kid="forged"), by=judge)
    assert identity.asked == 2
    identity.keys = (KEY, OTHER)
    await refused(signed(claims(), OTHER, kid="k2"), by=judge)
    ticks.at += 6
    assert await judge.verify(signed(claims(), OTHER, kid="k2"))
    assert identity.asked == 3


async def test_keys_that_follow_each_other_quickly_are_each_found_at_once() -> None:
    identity, ticks = Identity(KEY), Ticks()
    judge = TokenVerifier(identity, wall=lambda: NOW, monotonic=ticks, pause=5)
    await judge.verify(signed(claims()))
    for number in range(2, 5):
        key = OKPKey.generate_key("Ed25519", parameters={"kid": f"k{number}"})
        identity.keys = (*identity.keys, key)
        assert await judge.verify(signed(claims(), key, kid=f"k{number}"))


def test_a_role_must_be_named() -> None:
    with pytest.raises(TypeError):
        require()  # type: ignore[call-arg]


def asked_by(*grants: Grant) -> Request:
    """Return a request of somebody to whom those roles were granted."""
    app = FastAPI()
    app.state.verifier = verifier()
    token = issue(KEY, Person(PERSON.id, grants), lifetime=60, now=NOW).token
    return Request({"type": "http", "app": app, "headers": [(b"authorization", f"Bearer {token}".encode())]})


async def test_what_holds_all_seasons_is_for_a_role_granted_for_all() -> None:
    narrowed = Grant.of("auditor", season="2020")
    for grants in ([Grant.of("auditor")], [narrowed, Grant.of("auditor")], [narrowed, Grant.of("operator")]):
        person = await require_throughout("auditor", "operator")(asked_by(*grants))
        assert set(person.grants) == set(grants)


@pytest.mark.parametrize("others", [(), (Grant.of("auditor", season="2021"),), (Grant.of("season-admin"),)])
async def test_a_role_granted_for_one_season_does_not_open_what_holds_all(others: tuple[Grant, ...]) -> None:
    request = asked_by(Grant.of("auditor", season="2020"), *others)
    with pytest.raises(Problem) as caught:
        await require_throughout("auditor", "operator")(request)
    assert (caught.value.status, caught.value.code) == (403, "forbidden")
    assert caught.value.document("en")["detail"] == (
        "Your grant as auditor is for one season only, and this concerns all seasons; ask the season administrators "
        "for a grant that names no season."
    )
    assert str(caught.value.document("id")["detail"]).startswith(
        "Peran auditor diberikan kepada Anda hanya untuk satu musim"
    )


async def test_who_has_no_such_role_at_all_is_told_which_it_takes() -> None:
    with pytest.raises(Problem) as caught:
        await require_throughout("auditor")(asked_by(Grant.of("chair", committee="75")))
    assert caught.value.document("en")["detail"] == "This needs one of the roles: auditor."


async def test_cached_keys_go_on_while_identity_is_away() -> None:
    identity, ticks = Identity(KEY), Ticks()
    judge = TokenVerifier(identity, wall=lambda: NOW, monotonic=ticks, refresh=300)
    await judge.verify(signed(claims()))
    identity.away = True
    ticks.at += 10_000
    assert await judge.verify(signed(claims()))
    await refused(signed(claims(), kid="forged"), by=judge)


async def test_before_any_key_was_had_the_answer_is_503_and_then_it_heals() -> None:
    identity, ticks = Identity(KEY), Ticks()
    identity.away = True
    judge = TokenVerifier(identity, wall=lambda: NOW, monotonic=ticks)
    await refused(signed(claims()), by=judge, status=503)
    identity.away = False
    ticks.at += 6
    assert await judge.verify(signed(claims()))


async def test_a_removed_key_stops_being_valid_after_the_refresh() -> None:
    identity, ticks = Identity(KEY, OTHER), Ticks()
    judge = TokenVerifier(identity, wall=lambda: NOW, monotonic=ticks, refresh=300)
    token = signed(claims(), OTHER, kid="k2")
    await judge.verify(token)
    identity.keys = (KEY,)
    ticks.at += 301
    await judge.verify(token)  # this one starts the refresh in the background
    while identity.asked < 2:  # noqa: ASYNC110 - the refresh is the verifier's own task
        await asyncio.sleep(0)
    await refused(token, by=judge)


async def test_keys_of_other_kinds_in_the_set_are_passed_over() -> None:
    class Mixed:
        async def fetch(self) -> Mapping[str, Any]:
            return {"keys": [{"kty": "RSA", "kid": "k1"}, 5, {"crv": "Ed25519"}, KEY.as_dict(private=False)]}

    assert await TokenVerifier(Mixed(), wall=lambda: NOW).verify(signed(claims()))


async def test_tokens_use_the_system_clock() -> None:
    token = issue(KEY, PERSON, lifetime=60)
    assert token.expires == pytest.approx(time.time() + 60, abs=2)
    assert await TokenVerifier(LocalJwks(lambda: jwks(KEY))).verify(token.token)


# --- what a person may ---


def test_a_scoped_grant_reaches_its_scope_only() -> None:
    person = Person(PERSON.id, (Grant.of("secretariat", province="75"),))
    assert person.may("secretariat")
    assert person.may("secretariat", province="75")
    assert not person.may("secretariat", province="13")
    assert not person.may("secretariat", committee="75")
    assert not person.may("member", province="75")
    assert person.scopes("secretariat", "province") == frozenset({"75"})


def test_an_unscoped_grant_reaches_everywhere() -> None:
    person = Person(PERSON.id, (Grant.of("auditor"),))
    assert person.may("auditor", province="13", season="2021")
    assert person.scopes("auditor", "province") is None


def test_a_grant_without_season_holds_in_every_season_and_one_with_it_in_that_alone() -> None:
    always = Person(PERSON.id, (Grant.of("member", committee="75"),))
    once = Person(PERSON.id, (Grant.of("member", committee="75", season="2021"),))
    assert always.may("member", committee="75", season="2022")
    assert once.may("member", committee="75", season="2021")
    assert not once.may("member", committee="75", season="2022")
    assert Person(PERSON.id, (Grant.of("chair", season="2021"),)).may("chair", committee="75", season="2021")


def test_a_grant_for_one_season_reaches_nothing_where_the_season_is_not_asked() -> None:
    person = Person(PERSON.id, (Grant.of("secretary", committee="75", season="2021"), Grant.of("chair", season="2021")))
    assert person.may("secretary")
    assert not person.may("secretary", committee="75")
    assert not person.may("chair", committee="75")
    assert person.scopes("secretary", "committee") == frozenset()
    assert person.scopes("chair", "committee") == frozenset()


def test_one_grant_must_cover_all_that_is_asked() -> None:
    person = Person(
        PERSON.id,
        (Grant.of("member", committee="75", season="2021"), Grant.of("member", committee="13", season="2022")),
    )
    assert not person.may("member", committee="75", season="2022")


def test_an_unknown_scope_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="planet"):
        Grant.of("member", planet="x")
