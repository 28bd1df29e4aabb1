"""A verification's report as one HTML page that is printed, signed and filed: no script, nothing from elsewhere.

Whatever the page shows may come from a folder that nobody trusts, so every text is escaped here, at the one place where
tags are made, and a policy in the page itself forbids a browser whatever might slip through. Headings, captions and row
headings are real, so that a screen reader tells where one is (WCAG 2.2, 1.3.1); a state is a word, never a colour alone
(1.4.1); contrasts are above 7 to 1 (1.4.6). The page has no time in it: two reports of one folder are the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from services.audit.checklist import Language, Outcome, Said
from services.audit.findings import Finding, printable
from services.audit.report import Report
from services.audit.report_text import STATES, TRUST

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE: Final = """
@page { size: A4; margin: 18mm 16mm; }
html { font: 11pt/1.45 "Noto Sans", "Liberation Sans", Arial, sans-serif; color: #111; background: #fff; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; break-after: avoid; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
caption { text-align: left; font-style: italic; padding-bottom: .25rem; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { border: 1px solid #767676; padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { background: #f2f2f2; }
.code, .place { font-family: "Noto Sans Mono", "Liberation Mono", monospace; font-size: .85em; }
.code, .place, .what { overflow-wrap: anywhere; }
.verdict { border: 2px solid; padding: .5rem 1rem; font-weight: bold; }
.passed { color: #05500d; }
.failed { color: #8a0012; }
.signed { margin-top: 3rem; }
.signed td { height: 3.5rem; }
@media print { body { max-width: none; padding: 0; } a { color: inherit; } }
"""

_TITLE: Final = Said("Laporan verifikasi ekspor audit", "Verification of an audit export")
_GOOD: Final = Said("Tidak ada temuan.", "Nothing was found.")
_BAD: Final = Said(
    "{} temuan: ekspor ini bukan seperti yang dicatat, atau rusak.",
    "{} findings: the export is not what was recorded, or it is damaged.",
)
_IN_SHORT: Final = Said(
    "{passed} pemeriksaan lolos, {failed} gagal, {applicable} tidak berlaku, {checkable} tak terperiksa.",
    "{passed} checks passed, {failed} failed, {applicable} were not applicable, {checkable} not checkable.",
)
_GIVEN: Final = Said("Yang dibawa auditor", "What the auditor brought")
_GIVEN_WHY: Final = Said(
    "Hanya yang berasal dari tempat lain yang dapat menunjukkan bahwa folder ini memang folder itu.",
    "Only what came from elsewhere can show that this folder is that one.",
)
_NONE_GIVEN: Final = Said("tidak diberikan", "not given")
_DIGEST: Final = Said("Sidik manifes", "Digest of the manifest")
_VKEY: Final = Said("Kunci pemeriksa", "Verifier key")
_EARLIER: Final = Said("Titik periksa terdahulu", "Earlier checkpoint")
_HELD: Final = Said("Yang ada di folder", "What the folder holds")
_FOLDERS_DIGEST: Final = Said("Sidik manifes folder ini", "Digest of this folder's manifest")
_UNREADABLE: Final = Said("tidak terbaca", "not readable")
_LOG: Final = Said("Log", "Log")
_SIZE: Final = Said("Ukuran pohon", "Size of the tree")
_ROOT: Final = Said("Akar pohon", "Root of the tree")
_TRUSTED: Final = Said("ditandatangani dengan kunci yang dibawa auditor", "signed by a key that the auditor brought")
_UNTRUSTED: Final = Said("ditandatangani dengan kunci dari folder ini saja", "signed by a key from this folder only")
_SIGNED: Final = Said("Tanda tangan titik periksa", "The checkpoint's signature")
_SIGNER: Final = Said("Kunci yang menandatanganinya", "Key that signed it")
_NO_TREE: Final = Said("tidak ada titik periksa", "no checkpoint")
_EVENTS: Final = Said("Peristiwa", "Events")
_STREAMS: Final = Said("Alur", "Streams")
_SIGNATURES: Final = Said("Tanda tangan diperiksa", "Signatures checked")
_RANKINGS: Final = Said("Peringkat dihitung ulang", "Rankings recomputed")
_DECISIONS: Final = Said("Putusan dihitung ulang", "Decisions recomputed")
_KEY_OF: Final = Said("Kunci layanan", "Key of the service")
_CHECKS: Final = Said("Pemeriksaan", "Checks")
_CHECKS_WHY: Final = Said(
    "Nomor pemeriksaan tidak pernah berubah dan dapat dikutip.", "A check's number never changes and may be cited."
)
_NUMBER: Final = Said("No.", "No.")
_CHECK: Final = Said("Pemeriksaan", "Check")
_PROVES: Final = Said("Yang dibuktikannya", "What it proves")
_STATE: Final = Said("Keadaan", "State")
_LOOKED: Final = Said("Diperiksa", "Looked at")
_FINDINGS: Final = Said("Temuan", "Findings")
_FINDINGS_OF: Final = Said("Pemeriksaan {}, {}", "Check {}, {}")
_TO_DO: Final = Said("Yang perlu dilakukan: ", "What to do: ")
_ALL_FINDINGS: Final = Said(
    "Kalimat temuan tetap berbahasa Inggris, seperti dalam JSON, agar dapat dikutip dengan kodenya.",
    "A finding's sentence is the one of the JSON report, so that it can be cited with its code.",
)
_PLACE: Final = Said("Tempat", "Place")
_EVENT: Final = Said("Peristiwa", "Event")
_WHAT: Final = Said("Yang ditemukan", "What was found")
_CODE: Final = Said("Kode", "Code")
_LEFT_OUT: Final = Said("… dan {} lagi yang tidak dimuat di sini", "… and {} more that are not listed here")
_UNCHECKED: Final = Said("Yang tidak dapat diperiksa dari folder ini", "What could not be checked from this folder")
_UNSEEN: Final = Said("Yang tidak terlihat oleh pemeriksaan apa pun", "What no check can see")
_REMARKS: Final = Said("Catatan", "Remarks")
_REMARKS_WHY: Final = Said(
    "Catatan bukan temuan: suatu layanan bertindak sebelum kabar sampai kepadanya.",
    "A remark is no finding: a service acted before word had reached it.",
)
_NO_REMARKS: Final = Said("Tidak ada catatan.", "There are no remarks.")
_DONE_BY: Final = Said("Diperiksa oleh", "Verified by")
_DONE_AT: Final = Said("Tempat dan tanggal", "Place and date")
_SIGNATURE: Final = Said("Tanda tangan", "Signature")


class _Page:
    """Says things in one language, and makes tags; every text passes `text`."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def say(self, said: Said, *values: object, **named: object) -> str:
        text = said.in_(self.language)
        return text.format(*values, **named) if values or named else text

    def tag(self, name: str, *inside: str, **attributes: str) -> str:
        """Return an element around what is HTML already."""
        named = "".join(f' {key.rstrip("_")}="{escape(printable(value))}"' for key, value in attributes.items())
        return f"<{name}{named}>{''.join(inside)}</{name}>"

    def text(self, name: str, text: object, **attributes: str) -> str:
        """Return an element around a text, escaped."""
        return self.tag(name, escape(printable(str(text))), **attributes)

    def heading(self, said: Said, about: Said | None = None) -> str:
        explained = "" if about is None else self.text("p", self.say(about))
        return self.text("h2", self.say(said)) + explained

    def facts(self, caption: Said, rows: Iterable[tuple[str, str, str]]) -> str:
        """Return a table of names and values, each name the heading of its row."""
        lines = [
            self.tag("tr", self.text("th", name, scope="row"), self.text("td", value, class_=kind))
            for name, value, kind in rows
        ]
        return self.tag("table", self.text("caption", self.say(caption)), self.tag("tbody", *lines))

    def table(self, caption: str, heads: Sequence[Said], rows: Iterable[str]) -> str:
        """Return a table with a heading above each column."""
        head = self.tag("tr", *(self.text("th", self.say(one), scope="col") for one in heads))
        return self.tag("table", self.text("caption", caption), self.tag("thead", head), self.tag("tbody", *rows))


def report_page(report: Report, language: Language) -> str:
    """Return the report as one page of HTML."""
    page = _Page(language)
    head = page.tag(
        "head",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        page.text("title", page.say(_TITLE)),
        page.tag("style", _STYLE),
    )
    body = page.tag("body", page.tag("main", *_sections(page, report)))
    return f"<!DOCTYPE html>\n{page.tag('html', head, body, lang=language)}\n"


def _sections(page: _Page, report: Report) -> Iterator[str]:
    yield page.text("h1", page.say(_TITLE))
    yield _verdict(page, report)
    yield page.heading(_GIVEN, _GIVEN_WHY) + page.facts(_GIVEN, _given(page, report))
    yield page.heading(_HELD) + page.facts(_HELD, _held(page, report))
    yield page.heading(_CHECKS, _CHECKS_WHY) + page.table(
        page.say(_CHECKS),
        (_NUMBER, _CHECK, _PROVES, _STATE, _LOOKED, _FINDINGS),
        (_check(page, one) for one in report.checks),
    )
    if report.findings:
        yield page.heading(_FINDINGS, _ALL_FINDINGS) + "".join(_findings(page, report))
    unchecked = [one for one in report.checks if one.why is not None]
    if unchecked:
        yield page.heading(_UNCHECKED) + page.tag("ul", *(_unchecked(page, one) for one in unchecked))
    yield page.heading(_UNSEEN) + page.tag(
        "ul", *(page.text("li", page.say(Said(*one))) for one in report.unseen_in_both)
    )
    yield page.heading(_REMARKS, _REMARKS_WHY) + _remarks(page, report)
    blank = [page.tag("tr", page.text("th", page.say(one), scope="row"), "<td></td>") for one in _BY_HAND]
    yield page.tag("table", page.tag("tbody", *blank), class_="signed")


_BY_HAND: Final = (_DONE_BY, _DONE_AT, _SIGNATURE)


def _verdict(page: _Page, report: Report) -> str:
    found = page.say(_GOOD) if report.good else page.say(_BAD, report.found)
    states = [one.state for one in report.checks]
    counted = page.say(
        _IN_SHORT,
        passed=states.count("passed"),
        failed=states.count("failed"),
        applicable=states.count("not-applicable"),
        checkable=states.count("not-checkable"),
    )
    kind = "passed" if report.good else "failed"
    return page.text("p", found, class_=f"verdict {kind}") + page.text("p", counted)


def _given(page: _Page, report: Report) -> Iterator[tuple[str, str, str]]:
    given = report.given
    for name, values in ((_DIGEST, (given.digest,)), (_VKEY, given.keys), (_EARLIER, given.checkpoints)):
        for value in values or (None,):
            yield page.say(name), value or page.say(_NONE_GIVEN), "code" if value else ""


def _held(page: _Page, report: Report) -> Iterator[tuple[str, str, str]]:
    yield page.say(_FOLDERS_DIGEST), report.digest or page.say(_UNREADABLE), "code"
    if report.checkpoint is None:
        yield page.say(_LOG), page.say(_NO_TREE), ""
    else:
        # An origin has no space in it, so the line has three parts whatever the folder says.
        origin, size, root = report.checkpoint.rsplit(" ", 2)
        yield page.say(_LOG), origin, "code"
        yield page.say(_SIZE), size, ""
        yield page.say(_ROOT), root, "code"
        yield page.say(_SIGNED), page.say(_TRUSTED if report.keys_given else _UNTRUSTED), ""
        for signer in report.signers:
            yield page.say(_SIGNER), signer, "code"
    for name, count in (
        (_EVENTS, report.events),
        (_STREAMS, report.streams),
        (_SIGNATURES, report.signatures),
        (_RANKINGS, report.rankings),
        (_DECISIONS, report.decisions),
    ):
        yield page.say(name), str(count), ""
    for key in report.keys:
        known = f"{key['key_id']} ({key['public_key']}), {page.say(TRUST[key['trust']])}"
        yield f"{page.say(_KEY_OF)} {key['service']}", known, "code"


def _check(page: _Page, one: Outcome) -> str:
    return page.tag(
        "tr",
        page.text("td", one.check.number),
        page.text("th", page.say(one.check.name), scope="row"),
        page.text("td", page.say(one.check.proves)),
        page.text("td", page.say(STATES[one.state]).replace("-", " "), class_=one.state),
        page.text("td", f"{one.looked_at} {page.say(one.check.unit)}"),
        page.text("td", one.found),
    )


def _findings(page: _Page, report: Report) -> Iterator[str]:
    for one in report.checks:
        own = [finding for finding in report.findings if finding.code in one.check.codes]
        if one.state != "failed":
            continue
        name = page.say(_FINDINGS_OF, one.check.number, page.say(one.check.name))
        yield page.text("h3", name)
        yield page.tag("p", page.text("strong", page.say(_TO_DO)), page.text("span", page.say(one.check.remedy)))
        yield page.table(name, (_PLACE, _EVENT, _WHAT, _CODE), (_finding(page, each) for each in own))
        if one.found > len(own):
            yield page.text("p", page.say(_LEFT_OUT, one.found - len(own)))


def _finding(page: _Page, one: Finding) -> str:
    at = one.place
    file = at.file if at.line is None else f"{at.file}:{at.line}"
    event = "" if at.stream is None else at.stream if at.version is None else f"{at.stream}@{at.version}"
    return page.tag(
        "tr",
        page.text("td", file, class_="place"),
        page.text("td", event, class_="place"),
        page.text("td", one.what, class_="what", lang="en"),
        page.text("td", one.code, class_="code"),
    )


def _unchecked(page: _Page, one: Outcome) -> str:
    why = "" if one.why is None else page.say(one.why)
    return page.text("li", f"{one.check.number} {page.say(one.check.name)}: {why}")


def _remarks(page: _Page, report: Report) -> str:
    if not report.remarks:
        return page.text("p", page.say(_NO_REMARKS))
    table = page.table(
        page.say(_REMARKS), (_PLACE, _EVENT, _WHAT, _CODE), (_finding(page, one) for one in report.remarks)
    )
    if not report.remarks_left_out:
        return table
    return table + page.text("p", page.say(_LEFT_OUT, report.remarks_left_out))
