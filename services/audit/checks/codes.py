"""The codes that each service refuses commands with, written down a second time: the audit imports no service.

A code never changes once published, so a list of them only grows. What does not exist (404) is no attempt at anything
and is not recorded. `tests/unit/audit/test_refusals.py` holds this to the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CODES: Final[Mapping[str, frozenset[str]]] = {
    "nomination": frozenset({
        "advancing-not-by-rank", "agenda-repeated", "amended-too-late", "amendment-takes-away", "announced-already",
        "appeal-after-withdrawal", "appeal-by-stranger", "appeal-decided", "appeal-dismissed",
        "appeal-not-in-this-capacity", "appeal-of-another-body", "appeal-of-another-stage", "appeal-too-early",
        "appeal-window-closed", "appeal-window-open", "appealed-already", "appellant-withdrew",
        "aspect-not-at-stage", "aspect-not-contested", "aspect-not-measured", "ballot-open", "ballot-secret",
        "ballot-unconfirmed", "ballot-uncounted", "body-of-other-tier", "body-unknown", "candidate-not-at-home",
        "candidate-outside", "candidate-twice", "candidate-unnamed", "category-unknown", "cell-empty", "cell-error",
        "cell-formula", "cell-unfit", "cell-without-heading", "certificates-before-announcement",
        "certificates-before-verdict", "certificates-under-appeal", "code-and-home-disagree",
        "code-and-name-disagree", "code-as-date", "code-as-number", "code-not-of-kind", "committee-formed-already",
        "confirmed-already", "confirmed-by-teller", "conflict-declared-already", "conflict-drawn-by",
        "conflict-not-declared", "convened-already", "decision-of-others", "decision-unannounced",
        "employer-incomplete", "entry-closed", "entry-sealed", "evidence-attached-already", "evidence-full",
        "extension-after-season", "extension-not-later", "extension-opens-nothing", "extension-past",
        "figure-not-exact", "figure-not-one", "figure-off-scale", "figure-repeated", "figure-unreadable",
        "figures-on-dismissal", "filed-already", "government-unknown", "governments-not-amended", "home-unknown",
        "import-has-bad-rows", "item-decided", "item-not-on-agenda", "kind-and-code-disagree", "kind-incomplete",
        "kind-not-admitted", "late-taken-back", "lot-takes-no-votes", "mark-off-scale", "marks-of-unjudged",
        "marks-seen", "marks-too-few", "mended-too-late", "motion-closed", "motion-not-carried", "motion-pending",
        "nation-nominates-provinces", "next-stage-decided", "no-quorum", "no-tie", "nobody-present",
        "nobody-to-decide-on", "nominated-already", "nominating-body-outside", "nomination-ended",
        "nomination-of-another-category", "nominees-unverified", "not-admitted-yet", "not-filed-late",
        "not-for-another", "not-for-governments", "not-for-kind", "not-in-office", "not-nominating-body",
        "not-present", "not-resubmitted", "not-returned", "not-tabled", "not-your-nomination",
        "nothing-to-announce", "notice-too-short", "office-has-no-vote", "office-unknown", "outside-term",
        "person-not-seated", "person-seated-already", "person-unknown", "plenary-adjourned", "plenary-not-begun",
        "proposal-outdated", "province-before-itself", "province-unknown", "ranking-unsealed", "recused",
        "recused-on-nomination", "region-ambiguous", "region-table-changed", "region-unknown", "rejected-too-early",
        "renewal-not-later", "returned-already", "rulebook-of-another-season", "rulebook-unchanged", "scoring-over",
        "seal-digest-wrong", "seal-stale", "seal-superseded", "seal-tabled-already", "seal-under-other-rules",
        "seal-unknown", "season-already-open", "season-appealable", "season-closed", "season-frozen",
        "season-not-frozen", "season-under-appeal", "season-under-way", "season-verdict-unannounced",
        "seat-of-later-rules", "seat-taken", "seat-unknown", "sector-missing", "sector-not-admitted",
        "sector-not-asked", "size-class-missing", "size-class-not-admitted", "slot-outside-window", "slot-past",
        "slot-taken", "stage-frozen", "stage-left", "stage-of-another-body", "stage-unknown",
        "stage-without-interview", "stage-without-verification", "stated-off-scale", "tally-differs",
        "tally-exceeds-present", "term-over", "term-reversed", "tie-at-the-cut", "tie-broken-already",
        "tie-changed", "tie-drawn-already", "tie-method-out-of-turn", "tie-method-unlisted", "tie-order-drawn",
        "tie-order-not-theirs", "two-persons-needed", "upstream-unannounced", "verdict-changes-nothing",
        "verdict-of-unverified", "verdict-order-not-theirs", "verdict-outdated", "verdict-superseded",
        "verdict-ties-at-the-cut", "verdict-too-late", "verdict-unannounced", "verdict-without-figures",
        "verified-already", "verified-and-sealed", "verified-not-rejected", "version-not-next", "voted-already",
        "voters-changed", "window-closed", "window-not-open", "window-still-open", "winners-declared-already",
        "withdrawn-before",
    }),
    "scoring": frozenset({
        "all-members-score", "already-closed", "already-filed", "already-open", "already-sealed",
        "already-submitted", "aspect-carried", "aspect-measured", "before-deadline", "body-not-formed",
        "closed-before-extension", "deadline-passed", "extension-beyond-season", "extension-not-later",
        "last-mark", "mark-unchanged", "marks-refused", "marks-seen", "member-removed", "nobody-to-draw",
        "nomination-eliminated", "nomination-not-at-stage", "nomination-rejected", "nomination-withdrawn",
        "not-a-member", "not-a-number", "not-assigned", "not-drawn-yet", "not-open-yet", "not-the-office",
        "nothing-to-file", "nothing-to-revise", "nothing-to-submit", "nothing-to-void", "off-step",
        "office-without-sheet", "out-of-scale", "outside-term", "own-repair", "recused",
        "letter-has-a-repair", "letter-repaired-before", "repair-about-another", "repair-approved-before",
        "repair-in-ledger", "repair-keeps-used-id", "repair-not-a-fact", "repair-of-another", "repair-of-another-kind",
        "repair-of-another-topic", "repair-replaced", "repair-replaces-none",
        "scoring-closed", "scoring-not-closed", "scoring-not-opened",
        "season-closed", "season-frozen", "sheet-incomplete", "source-to-be-sealed-anew", "stage-frozen",
        "unknown-aspect", "verdict-on-its-way", "window-over",
    }),
    "notifications": frozenset({
        "legal-notice", "no-webhook", "subscription-changed", "webhook-missing",
    }),
}  # fmt: skip
