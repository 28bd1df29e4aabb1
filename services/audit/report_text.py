"""A verification's report as lines for people, in Indonesian or English.

What a finding says is English in both, as in JSON, since auditors cite it by its code; all around it is translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from services.audit.checklist import Language, Said, State
from services.audit.report import Report

SHOWN: Final = 50
"""Findings and remarks of each that are shown as lines; JSON and HTML have all that were kept."""

STATES: Final[dict[State, Said]] = {
    "passed": Said("lolos", "passed"),
    "failed": Said("gagal", "failed"),
    "not-applicable": Said("tidak-berlaku", "not-applicable"),
    "not-checkable": Said("tak-terperiksa", "not-checkable"),
}
_FOUND: Final = Said("TEMUAN", "FOUND")
_REMARK: Final = Said("CATATAN", "REMARK")
_MORE: Final = Said("… dan {} temuan lagi; --json dan --html memuat {}", "… and {} more; --json and --html show {}")
_MORE_REMARKS: Final = Said(
    "… dan {} catatan lagi; --json dan --html memuat {}", "… and {} remarks more; --json and --html show {}"
)
_PART: Final = Said("BAGIAN {}: {} entri log tidak dimuat", "PART {}: {} of the log's entries are withheld")
_COUNTS: Final = Said(
    "{} peristiwa, {} alur, {} tanda tangan diperiksa", "{} events, {} streams, {} signatures checked"
)
_COMPUTED: Final = Said(
    "{} peringkat tersegel dan {} putusan dihitung ulang", "{} sealed rankings and {} decisions recomputed"
)
_KEY: Final = Said("kunci {}: {} ({}), {}", "key of {}: {} ({}), {}")
TRUST: Final[dict[str, Said]] = {
    "first": Said("yang pertama, dipercaya begitu saja", "its first, trusted as it came"),
    "countersigned": Said("dijamin oleh kunci sebelumnya", "the one before vouches for it"),
    "given": Said("seperti yang diberikan", "as given"),
    "none": Said("TIDAK DIPERCAYA", "NOT TRUSTED"),
}
_CHECKPOINT: Final = Said("titik periksa {}", "checkpoint {}")
_BY_KEY: Final = Said(" (dengan kunci yang diberikan)", " (by the given key)")
_SIGNER: Final = Said("ditandatangani dengan {}", "signed by {}")
_CONTINUES: Final = Said("dibandingkan dengan titik periksa yang disimpan: {}", "held to the kept checkpoint: {}")
_DIGEST: Final = Said("sidik {}", "digest {}")
_AS_GIVEN: Final = Said(" (seperti yang diberikan)", " (as given)")
_UNSEEN: Final = Said("tidak terlihat: {}", "not seen: {}")
_TO_DO: Final = Said("yang perlu dilakukan untuk {} ({}): {}", "what to do about {} ({}): {}")
_NOTHING: Final = Said("tidak ada temuan", "nothing was found")


class _Say(Protocol):
    """Words a text in the language of the report."""

    def __call__(self, said: Said, *values: object) -> str: ...


def report_lines(report: Report, language: Language = "en") -> Iterator[str]:
    """Say what a verification did and found."""

    def say(said: Said, *values: object) -> str:
        text = said.in_(language)
        return text.format(*values) if values else text

    yield from _what_was_found(report, say)
    yield from _what_was_read(report, say)
    for one in report.checks:
        why = "" if one.why is None else f": {say(one.why)}"
        yield f"{one.check.number:>2} {say(STATES[one.state]):<15} {say(one.check.name)}{why}"
    if report.digest is not None:
        yield say(_DIGEST, report.digest) + (say(_AS_GIVEN) if report.digest_given and report.good else "")
    yield from (say(_UNSEEN, say(one)) for one in report.unseen_in_both)
    for one in report.checks:
        if one.state == "failed":
            yield say(_TO_DO, one.check.number, say(one.check.name), say(one.check.remedy))
    if report.good:
        yield say(_NOTHING)


def _what_was_found(report: Report, say: _Say) -> Iterator[str]:
    yield from (f"{say(_FOUND)} {finding}" for finding in report.findings[:SHOWN])
    if report.found > SHOWN:
        yield say(_MORE, report.found - SHOWN, len(report.findings))
    yield from (f"{say(_REMARK)} {remark}" for remark in report.remarks[:SHOWN])
    if (remarked := len(report.remarks) + report.remarks_left_out) > SHOWN:
        yield say(_MORE_REMARKS, remarked - SHOWN, len(report.remarks))


def _what_was_read(report: Report, say: _Say) -> Iterator[str]:
    if report.part is not None:
        yield say(_PART, report.part.named, report.withheld)
    yield say(_COUNTS, report.events, report.streams, report.signatures)
    yield say(_COMPUTED, report.rankings, report.decisions)
    for key in report.keys:
        yield say(_KEY, key["service"], key["key_id"], key["public_key"], say(TRUST[key["trust"]]))
    if report.checkpoint is not None:
        yield say(_CHECKPOINT, report.checkpoint) + (say(_BY_KEY) if report.keys_given else "")
    yield from (say(_SIGNER, signer) for signer in report.signers)
    if report.checkpoint is not None and not report.uncompared:
        yield from (say(_CONTINUES, one) for one in report.given.checkpoints)
