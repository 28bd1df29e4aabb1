"""How audit learns that its log has another key: only by a note of one that it knew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import httpx
import pytest
from prometheus_client import CollectorRegistry

from kernel.clock import SystemClock
from kernel.tlog.notes import COSIGNATURE, NoteKey
from kernel.tlog.successions import Succession
from services.audit.log.checkpoints import Asked, CheckpointSigning, NotSignedYet
from services.audit.log.measures import SequencerMeasures
from tests.support.transparency import note_key

ORIGIN = "test.example/log"
FIRST, SECOND, STRANGER = (note_key(ORIGIN, seed=seed) for seed in (1, 2, 3))


class Signer:
    """What a signer answers, changed as it is started again."""

    def __init__(self) -> None:
        self.keys: Sequence[NoteKey] = (FIRST,)
        self.successions: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/vkeys":
            return httpx.Response(200, text="".join(f"{key.verifier.text}\n" for key in self.keys))
        return httpx.Response(200, json=self.successions)

    def follow(self, *steps: tuple[NoteKey, NoteKey]) -> None:
        self.successions = [Succession.make(*step).note.raw.decode() for step in steps]


def asking(signer: Signer) -> CheckpointSigning:
    return CheckpointSigning(
        store=cast("Any", None),
        origin=ORIGIN,
        key=note_key(f"{ORIGIN}/sequencer", seed=9),
        signer=Asked("http://signer", ()),
        witnesses=[Asked("http://witness", [note_key("w.example", COSIGNATURE, seed=5).verifier])],
        clock=SystemClock(),
        measures=SequencerMeasures(CollectorRegistry()),
        client=httpx.AsyncClient(transport=httpx.MockTransport(signer)),
    )


async def test_the_key_that_follows_is_learned_and_the_one_before_stays_among_those_to_verify_by() -> None:
    signer = Signer()
    signing = asking(signer)
    assert [key.name for key in await signing.verifiers()] == [ORIGIN, "w.example"]
    signer.keys = (SECOND,)
    signer.follow((FIRST, SECOND))
    await signing.learn_keys()
    assert signing.signer.keys == [SECOND.verifier]
    assert [*await signing.verifiers()][:2] == [SECOND.verifier, FIRST.verifier]


async def test_a_key_that_none_vouches_for_is_not_learned() -> None:
    signer = Signer()
    signing = asking(signer)
    await signing.learn_keys()
    for keys in ((STRANGER,), (FIRST, STRANGER)):
        signer.keys = keys
        signer.follow((FIRST, SECOND))
        with pytest.raises(NotSignedYet, match="none that it had before vouches for it"):
            await signing.learn_keys()
        assert signing.signer.keys == [FIRST.verifier]


@pytest.mark.parametrize("notes", [["nothing"], [3], 3, [None], {"a": 1}])
async def test_what_is_no_note_is_no_signer(notes: Any) -> None:
    signer = Signer()
    signer.successions = notes
    with pytest.raises(NotSignedYet, match="is no signer"):
        await asking(signer).learn_keys()
