"""``junit.xml``: one test case per expectation, for the test view of a build server."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from netsim.results.findings import relative
from netsim.results.result import Result
from netsim.results.text import found_text

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(result: Result) -> str:
    """A violated expectation is a failure; one that cannot be decided is a skipped test that says so."""
    found = result.data["expectations"]
    count = {status: sum(e["status"] == status for e in found) for status in ("fail", "inconclusive")}
    suite = ElementTree.Element(
        "testsuite",
        name=_clean(result.name),
        tests=str(len(found)),
        failures=str(count["fail"]),
        errors="0",
        skipped=str(count["inconclusive"]),
        time=f"{result.data['manifest']['wall_s'] or 0:.3f}",
    )
    for expectation in found:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_clean(f"netsim.{result.name}"), name=_clean(expectation["text"])
        )
        if result.source is not None and expectation.get("line"):
            case.set("file", _clean(relative(result.source)))
            case.set("line", str(expectation["line"]))
            properties = ElementTree.SubElement(case, "properties")
            for key in ("file", "line"):
                ElementTree.SubElement(properties, "property", name=key, value=case.get(key, ""))
        message = _clean(found_text(expectation))
        if expectation["status"] == "fail":
            failure = ElementTree.SubElement(case, "failure", message=message, type="expectation")
            failure.text = f"{_clean(expectation['text'])}: {message}"
        elif expectation["status"] == "inconclusive":
            ElementTree.SubElement(case, "skipped", message=f"inconclusive: {message}")
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
