"""JUnit XML, for continuous integration that reads it.

holds         a passed test case
violated      a failure of type `violated`, with the stories
inconclusive  a failure of type `inconclusive`: what proves nothing must not look like a pass
skipped       a skipped test case, with the reason
error         an error: the harness or a node failed, nothing is said about the system
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from harness import summary
from harness.result import RunResult
from harness.summary import RunSummary
from harness.verdict import Verdict

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def of_run(result: RunResult) -> bytes:
    """Return the report of one run: a suite with a single test case."""
    suite = ET.Element("testsuite", name="acked run")
    text = "\n".join(summary.lines(result))
    _case(suite, result, seconds=sum(result.seconds.values()), text=text)
    return _document([suite])


def of_verification(cells: Sequence[RunSummary]) -> bytes:
    """Return the report of a verification: one suite for the matrix, one for the textbook cases."""
    suites = []
    for name, wanted in (("matrix", True), ("textbook", False)):
        chosen = [cell for cell in cells if (cell.fault is not None) is wanted]
        if chosen:
            suite = ET.Element("testsuite", name=f"acked verify: {name}")
            for cell in chosen:
                _case(suite, cell, seconds=cell.seconds, text=_text(cell))
            suites.append(suite)
    return _document(suites)


def _text(cell: RunSummary) -> str:
    lines = [f"{check.checker}: {check.verdict}: {check.summary}" for check in cell.checks]
    return "\n".join([*lines, f"kept in {cell.folder}"])


def _case(suite: ET.Element, result: RunResult | RunSummary, *, seconds: float, text: str) -> None:
    names = {"classname": _legal(result.mode), "name": _legal(result.name)}
    case = ET.SubElement(suite, "testcase", {**names, "time": f"{seconds:.3f}"})
    if result.skipped:
        ET.SubElement(case, "skipped", message=_legal(result.skipped))
    elif result.verdict is Verdict.ERROR:
        error = ET.SubElement(case, "error", type="error", message=_legal(result.error or "error"))
        error.text = _legal(text)
    elif result.verdict is not Verdict.HOLDS:
        message = f"{result.acknowledged} acknowledged, {summary.losses(result)}"
        failure = ET.SubElement(case, "failure", type=str(result.verdict), message=message)
        failure.text = _legal(text)


def _document(suites: Sequence[ET.Element]) -> bytes:
    root = ET.Element("testsuites")
    for suite in suites:
        cases = suite.findall("testcase")
        suite.set("tests", str(len(cases)))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
        root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _legal(text: str) -> str:
    """Return the text with what XML 1.0 can't hold replaced."""
    return _ILLEGAL.sub("\ufffd", text)
