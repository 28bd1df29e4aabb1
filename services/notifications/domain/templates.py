"""Every message there is: of which event, in which group people choose a channel for, and told to whom by default.

This table is the one place that says what is told when a season's rulebook is silent. What a rulebook's `notices` list
of an event goes before it, for the roles that a rulebook speaks of; whom an event itself names, and the secretary who
has to act on it, are told in any case.

Decisions on a nominee and appeals are legal notices: their groups can be moved to another channel and not switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, get_args

from schemas.notifications import Group
from schemas.rulebook import Notice as ListedNotice

Template = Literal[
    "nominated", "amended", "disputed", "filed-late", "admitted", "not-admitted", "returned", "resubmitted", "verified",
    "rejected", "withdrawn", "advanced", "advance-withdrawn", "eliminated", "announced", "corrected",
    "interview-scheduled", "interview-moved", "nominations-extended", "scoring-extended", "appointed", "succeeded",
    "removed", "conflict-declared", "conflict-lifted", "assigned", "convened", "minutes-corrected", "appeal-lodged",
    "stage-frozen", "stage-unfrozen", "appeal-decided", "won", "win-withdrawn", "prize", "certificate",
    "certificate-revoked", "season-opened", "rulebook-amended", "season-frozen", "season-unfrozen", "reminder",
    "dispute-filed", "facts-report",
]  # fmt: skip
Role = Literal["nominating-body", "contact", "members", "secretary", "person", "secretariat", "publisher"]
"""`members` have a seat and a vote in the body concerned, the `secretary` keeps its record, and the event names the
`person`: who is appointed, who declared, who appealed. A `nominating-body` is who nominated for it, and all to whom
identity gave the role of its secretariat; `secretariat` are those of every government of the place that a notice is
about, whether they nominated or not, and a `publisher` is whose system the facts about a candidate come from."""

DIGEST: Final = "digest"
"""The template of the daily mail that holds others; nobody chooses a channel for it."""
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
LEGAL: Final[frozenset[Group]] = frozenset({"results", "appeals"})
_RULED: Final[frozenset[Role]] = frozenset({"nominating-body", "contact", "members"})


class Rule(NamedTuple):
    """What a message is about: the event as a rulebook names it, its group, and who is told by default."""

    event: str
    group: Group
    to: tuple[Role, ...]


_NOMINEE: Final[tuple[Role, ...]] = ("nominating-body", "contact")
_BODY: Final[tuple[Role, ...]] = ("members", "secretary")

RULES: Final[Mapping[Template, Rule]] = {
    "nominated": Rule("CandidateNominated", "steps", _NOMINEE),
    "amended": Rule("NominationAmended", "steps", _NOMINEE),
    "disputed": Rule("FigureDisputed", "steps", _NOMINEE),
    "dispute-filed": Rule("FigureDisputed", "steps", ("publisher",)),
    "facts-report": Rule("FactsReported", "steps", ("publisher",)),
    "resubmitted": Rule("NominationResubmitted", "steps", ("nominating-body", *_BODY)),
    "withdrawn": Rule("NominationWithdrawn", "steps", (*_NOMINEE, "secretary")),
    "filed-late": Rule("NominationFiledLate", "results", (*_NOMINEE, "secretary")),
    "admitted": Rule("AdmissionDecided", "results", _NOMINEE),
    "not-admitted": Rule("AdmissionDecided", "results", _NOMINEE),
    "verified": Rule("NominationVerified", "results", _NOMINEE),
    "returned": Rule("NominationReturned", "results", _NOMINEE),
    "rejected": Rule("NominationRejected", "results", _NOMINEE),
    "advanced": Rule("StageAdvanced", "results", _NOMINEE),
    "advance-withdrawn": Rule("StageAdvanceWithdrawn", "results", _NOMINEE),
    "eliminated": Rule("NominationEliminated", "results", _NOMINEE),
    "announced": Rule("RankingAnnounced", "results", _NOMINEE),
    "corrected": Rule("RankingAnnounced", "results", _NOMINEE),
    "won": Rule("WinnerDeclared", "results", _NOMINEE),
    "win-withdrawn": Rule("WinnerWithdrawn", "results", _NOMINEE),
    "prize": Rule("PrizeAwarded", "results", _NOMINEE),
    "certificate": Rule("CertificateIssued", "results", _NOMINEE),
    "certificate-revoked": Rule("CertificateRevoked", "results", _NOMINEE),
    "interview-scheduled": Rule("InterviewScheduled", "meetings", _NOMINEE),
    "interview-moved": Rule("InterviewScheduled", "meetings", _NOMINEE),
    "appointed": Rule("MemberAppointed", "meetings", ("person",)),
    "succeeded": Rule("MemberAppointed", "meetings", ("person",)),
    "removed": Rule("MemberRemoved", "meetings", ("person",)),
    "conflict-declared": Rule("ConflictDeclared", "meetings", ("person", "secretary")),
    "conflict-lifted": Rule("ConflictLifted", "meetings", ("person", "secretary")),
    "assigned": Rule("ScorersAssigned", "meetings", ("person",)),
    "convened": Rule("PlenaryConvened", "meetings", _BODY),
    "minutes-corrected": Rule("MinutesCorrected", "meetings", _BODY),
    "season-opened": Rule("SeasonOpened", "deadlines", ("secretariat",)),
    "rulebook-amended": Rule("RulebookAmended", "deadlines", ("secretariat", *_BODY)),
    "nominations-extended": Rule("DeadlineExtended", "deadlines", ("nominating-body", "secretariat", "secretary")),
    "scoring-extended": Rule("ScoringExtended", "deadlines", _BODY),
    "season-frozen": Rule("SeasonFrozen", "deadlines", (*_NOMINEE, "secretariat", *_BODY)),
    "season-unfrozen": Rule("SeasonUnfrozen", "deadlines", (*_NOMINEE, "secretariat", *_BODY)),
    "reminder": Rule("Reminder", "deadlines", ("person",)),
    "appeal-lodged": Rule("AppealLodged", "appeals", (*_NOMINEE, "person", "secretary")),
    "stage-frozen": Rule("StageFrozen", "appeals", (*_NOMINEE, "secretary")),
    "stage-unfrozen": Rule("StageUnfrozen", "appeals", (*_NOMINEE, "secretary")),
    "appeal-decided": Rule("AppealDecided", "appeals", (*_NOMINEE, "person")),
}
LEGAL_TEMPLATES: Final[frozenset[str]] = frozenset(template for template, rule in RULES.items() if rule.group in LEGAL)
TEMPLATES: Final[tuple[Template, ...]] = get_args(Template)


def told_roles(template: Template, listed: Iterable[ListedNotice]) -> tuple[Role, ...]:
    """Return who is told of a template's event under a rulebook's `notices`."""
    rule = RULES[template]
    said = [notice for notice in listed if notice.event == rule.event]
    if not said:
        return rule.to
    ruled: tuple[Role, ...] = tuple(role for notice in said for role in notice.to)
    return (*ruled, *(role for role in rule.to if role not in _RULED))
