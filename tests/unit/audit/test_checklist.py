"""Every finding belongs to one numbered check, every check ends in a state, and both languages say what it proves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import services.audit
from schemas.service import CommandRefused
from services.audit.checklist import BY_CODE, CHECKS, REMEDIES
from services.audit.checks.codes import CODES
from services.audit.verify import Report, verify
from services.nomination.domain.refusals import RULES
from services.nomination.domain.refusals.rule import NOT_FOUND
from tests.unit.audit.exported import PERSON, delivered, small_log, write_export

ROOT = Path(services.audit.__file__).parent
TELLING = {"add", "told", "tell", "append", "Finding", "Later"}


def codes_in(path: Path) -> set[str]:
    """Return the codes that a module tells findings by: a text that is followed by a place or a sentence."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in TELLING:
                found |= {one for argument in node.args[:3] for one in texts(argument)}
            case ast.Yield(value=ast.Tuple(elts=[first, _, *_])):
                found |= texts(first)
    return found


def texts(node: ast.expr) -> set[str]:
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Tuple(elts=[first, *_]):
            return texts(first)
        case ast.IfExp(body=body, orelse=other):
            return texts(body) | texts(other)
        case _:
            return set()


def test_no_code_is_without_a_check_and_none_belongs_to_two():
    told = set.union(*(codes_in(path) for path in ROOT.rglob("*.py")))
    names = {one for one in told if one.replace("-", "").isalpha() and one.islower()}
    # Reasons why a nominee cannot be ranked are data, and no codes of findings.
    assert names - BY_CODE.keys() == {"too-few-sheets"}
    assert len(BY_CODE) == sum(len(check.codes) for check in CHECKS)


def test_numbers_and_keys_are_each_given_once_and_both_languages_are_there():
    assert [check.number for check in CHECKS] == list(range(1, len(CHECKS) + 1))
    assert len({check.key for check in CHECKS}) == len(CHECKS)
    assert all(
        text for check in CHECKS for said in (check.name, check.proves, check.unit, check.remedy) for text in said
    )
    assert REMEDIES.keys() == {check.key for check in CHECKS}


def states(report: Report) -> dict[str, str]:
    return {outcome.check.key: outcome.state for outcome in report.checks}


def test_a_good_export_passes_what_it_holds_and_says_what_cannot_be_checked(tmp_path):
    result = write_export(small_log(), tmp_path / "export")
    found = states(verify(tmp_path / "export", result.digest))
    assert "failed" not in found.values()
    assert {found[key] for key in ("files", "signatures", "chains", "schema", "causes", "keys")} == {"passed"}
    assert {found[key] for key in ("checkpoint", "root", "leaves", "no-entry-more")} == {"not-checkable"}
    assert {found[key] for key in ("rankings", "decisions", "refusals", "measured")} == {"not-applicable"}


def test_findings_fail_their_own_check_and_no_other(tmp_path):
    log = small_log()
    event = CommandRefused(service="nomination", route="POST /v1/nominations", code="quota-full")
    log.append(f"refusal/nomination/{PERSON}/2021-01-06", event)
    write_export(log, tmp_path / "export")
    report = verify(tmp_path / "export")
    assert [finding.code for finding in report.findings] == ["refusal"]
    assert [key for key, state in states(report).items() if state == "failed"] == ["refusals"]


def refused(tmp_path, stream: str, code: str = "seat-taken", **said: object) -> list[str]:
    log = small_log()
    event = {"service": "nomination", "route": "POST /v1/x", "code": code, **said}
    log.append(stream, CommandRefused.model_validate(event))
    write_export(log, tmp_path / "export")
    return [finding.what for finding in verify(tmp_path / "export").findings if finding.code == "refusal"]


def test_a_refusal_by_a_known_rule_on_its_actors_stream_is_justified(tmp_path):
    assert refused(tmp_path, f"refusal/nomination/{PERSON}/2021-01-06") == []


def test_a_refusal_on_anothers_stream_or_of_a_day_to_come_or_that_closes_at_once_is_found(tmp_path):
    other = "018f0000-0000-7000-8000-00000000000c"
    assert "own actor" in refused(tmp_path / "1", f"refusal/nomination/{other}/2021-01-06")[0]
    assert "to come" in refused(tmp_path / "2", f"refusal/nomination/{PERSON}/2021-01-09")[0]
    assert "closed by" in refused(tmp_path / "3", f"refusal/nomination/{PERSON}/2021-01-06", closing=True)[0]


def test_the_codes_of_the_nomination_service_are_its_own():
    assert CODES["nomination"] == {code for code, rule in RULES.items() if rule.status != NOT_FOUND}


def test_the_codes_of_the_scoring_service_are_its_own():
    domain = ROOT.parent / "scoring" / "domain"
    codes = set(re.findall(r'"([a-z-]+)", refusals\.', (domain / "sheet.py").read_text("utf-8")))
    for node in ast.walk(ast.parse((domain / "refusals.py").read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_refusal", "Refusal"):
            unrecorded = any(one.arg == "recorded" for one in node.keywords)
            codes |= set() if unrecorded else texts(node.args[0])
    assert CODES["scoring"] == codes


def test_a_message_that_is_concluded_twice_or_caused_by_nothing_is_found(tmp_path):
    log = small_log()
    nothing = "018f0000-0000-7000-8000-000000000009"
    event = delivered(nothing, "nominated")
    for _ in range(2):
        log.append(f"delivery/{PERSON}", event)
    write_export(log, tmp_path / "export")
    found = [finding.what for finding in verify(tmp_path / "export").findings if finding.code == "notification"]
    assert any("concluded before" in what for what in found)
    assert any("no event of this export" in what for what in found)
