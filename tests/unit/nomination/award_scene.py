"""A season that comes to its awards: the national stages of regencies and cities, up to what is issued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kernel.decider import Decision, Emit
from schemas.envelope import Event, Stage
from schemas.nomination import AgendaItem, CertificateRevoked
from schemas.rulebook import Rulebook, Tier
from services.nomination.domain.award import Award
from services.nomination.domain.certificates import Due, IssueCertificates, Path, issue_certificates
from services.nomination.domain.plenary import Actor
from tests.unit.nomination.scene import (
    AT,
    BODY,
    CHAIR,
    ITEM,
    PLENARY_ID,
    REGENCIES,
    VOTING_OFFICES,
    Scene,
    person,
    rulebook,
)

VERIFIED = AgendaItem(category="KABKOTA", stage="verifikasi")
HEARD = AgendaItem(category="KABKOTA", stage="wawancara")
FINAL = Stage(season="2020", tier="national", province="00", category="KABKOTA", stage="wawancara")
VERIFICATION = FINAL.model_copy(update={"stage": "verifikasi"})
JURY_CHAIR = Actor(person("ketua-juri 1"))
JURY_SECRETARY = Actor(person("sekretaris-juri 1"), secretary=True)


def with_quotas(provincial: int, national: int = 3, **fields: Any) -> Rulebook:
    """Return the rulebook of 2020 with other quotas for regencies and cities, and other top values.

    Stages wait for no appeal window here, so that a scene comes to its end on one day.
    """
    content = rulebook().model_dump(mode="json", exclude_none=True)
    content["appeals"]["freezes_downstream"] = False
    for stage in content["stages"]:
        if stage["category"] == "KABKOTA":
            last = stage["code"] == "wawancara"
            stage["quota"] = {"places": national if last else provincial, "assumed": True}
    return Rulebook.from_content({**content, **fields})


class AwardScene(Scene):
    """A scene with verbs for the end of a path."""

    def issue(
        self,
        actor: Actor = JURY_CHAIR,
        last: Stage = FINAL,
        open_appeals: Sequence[str] = (),
        **also: Any,
    ) -> Decision:
        asked: dict[str, Any] = {
            "season": last.season,
            "tier": last.tier,
            "province": last.province,
            "category": last.category,
            "actor": actor,
            "received": self.clock,
            "ids": tuple(person(f"certificate {self.count}.{index}") for index in range(50)),
        }
        command = IssueCertificates(**{**asked, **also})
        path = Path(self.award(last), self.ranking(last), self.nominations(), open_appeals)
        return issue_certificates(command, self.season(command.season), self.committee(command.province), path)

    def prepare(self, body: str, item: AgendaItem, actor: Actor, province: str = "00") -> list[str]:
        """Convene anew, with everybody there, and open the motion; return who sits in the body."""
        self.streams.pop(f"plenary/{PLENARY_ID}", None)
        self.given(self.convene(actor, (item,), body=body, province=province))
        members = list(self.committee(province).bodies[body].holders.values())
        for member in members:
            self.given(self.attend(member))
        self.given(self.table(actor=Actor(person("clerk"), secretary=True), item=item))
        self.given(self.move(actor, item))
        return members

    def settle(self, body: str, item: AgendaItem, chair: Actor, province: str = "00") -> list[Event]:
        """Let a body decide an item unanimously; return what was appended."""
        for member in self.prepare(body, item, chair, province):
            self.given(self.vote(member))
        return self.given(self.decide(chair))

    def seat_nation(self) -> None:
        for body, chair, member in (
            ("tim-verifikasi", "ketua-tim", "verifikator"),
            ("dewan-juri", "ketua-juri", "juri"),
        ):
            self.given(self.form(body, "00"))
            self.given(self.appoint(chair, person(f"{chair} 1"), body=body, province="00"))
            for seat in range(1, 5):
                self.given(self.appoint(member, person(f"{member} {seat}"), seat, body, "00"))


def heard(*ranks: int, rules: Rulebook | None = None, unrankable: int = 0) -> tuple[AwardScene, list[str]]:
    """Return a scene whose jury has a sealed ranking of these ranks before it, and the nominations in their order."""
    count = len(ranks) + unrankable
    scene = AwardScene()
    scene.open(rules or with_quotas(count))
    scene.given(scene.form())
    scene.seat(VOTING_OFFICES)
    ids = scene.nominated(*REGENCIES[:count])
    order = [(id_, rank) for rank, id_ in enumerate(ids, start=1)]
    scene.seal(order)
    scene.settle(BODY, ITEM, Actor(CHAIR), "75")
    scene.publish(Actor(CHAIR), "plenary of the province")
    scene.seat_nation()
    scene.find_in_order(ids, VERIFICATION)
    scene.seal(order, at=VERIFICATION)
    scene.settle("tim-verifikasi", VERIFIED, Actor(person("ketua-tim 1")))
    scene.publish(Actor(person("ketua-tim 1")), "plenary of the verification team")
    scene.seal(list(zip(ids, ranks, strict=False)), ids[len(ranks) :], at=FINAL)
    return scene, ids


def won(*ranks: int, rules: Rulebook | None = None, unrankable: int = 0) -> tuple[AwardScene, list[str], list[Event]]:
    """Return the same with the jury's decision carried, and what the decision emitted."""
    scene, ids = heard(*ranks, rules=rules, unrankable=unrankable)
    return scene, ids, scene.settle("dewan-juri", HEARD, JURY_CHAIR)


def announced(*ranks: int, rules: Rulebook | None = None) -> tuple[AwardScene, list[str]]:
    """Return the same with the result made public."""
    scene, ids, _ = won(*ranks, rules=rules)
    scene.given(scene.announce(JURY_CHAIR))
    return scene, ids


def selected(*ranks: int, rules: Rulebook, tier: Tier = "provincial") -> tuple[AwardScene, list[str], list[Event]]:
    """Return a scene whose province has decided its selection."""
    assert tier == AT.tier
    scene = AwardScene()
    scene.open(rules)
    scene.given(scene.form())
    scene.seat(VOTING_OFFICES)
    ids = scene.nominated(*REGENCIES[: len(ranks)])
    scene.seal(list(zip(ids, ranks, strict=True)))
    return scene, ids, scene.settle(BODY, ITEM, Actor(CHAIR), "75")


def record(scene: Scene, stream: str, *events: Event) -> None:
    """Append events that another room decides on."""
    scene.record([Emit(stream, event) for event in events])


def revocations(award: Award, due: Iterable[Due], appeal: str) -> Iterator[CertificateRevoked]:
    """Yield what an upheld appeal says of every certificate in force that states something else than is due now."""
    right = {(one.kind, one.nomination.id, one.rank) for one in due}
    for one in award.certificates:
        if not one.revoked and (one.kind, one.nomination, one.rank) not in right:
            yield CertificateRevoked(certificate=one.id, number=one.number, nomination=one.nomination, appeal=appeal)
