"""Which format a file has: told by its content, since names tell little."""

import re

from harness.reading.jepsen_edn import JepsenEdn
from harness.reading.jepsen_json import JepsenJson
from harness.reading.jepsen_log import JepsenLog
from harness.reading.own_lines import OwnLines
from harness.reading.piece import Format

OWN = OwnLines()
EDN = JepsenEdn()
JSON = JepsenJson()
LOG = JepsenLog()

FORMATS: dict[str, Format] = {each.name: each for each in (OWN, EDN, JSON, LOG)}
"""The formats that are text, by name."""

PARQUET = "parquet"
"""The format that is not: see `harness.reading.parquet`."""

PARQUET_MAGIC = b"PAR1"

_OWN_HEADER = re.compile(rb'\s*\{\s*"format"')
_LOG_LINE = re.compile(
    rb"^[^\n]*\bjepsen\.util\s+(?:-\s+)?:?[\w-]+\s+:(?:invoke|ok|fail|info)\b", re.MULTILINE
)
_JSON_OBJECT = re.compile(rb'\s*\[?\s*\{\s*"')
_EDN_MAP = re.compile(rb"(?:[\s,]|;[^\n]*\n)*[\[(]?(?:[\s,]|;[^\n]*\n)*(?:#[\w.]+\s*)?\{[\s,]*:[a-z]")
_EMPTY_LIST = re.compile(rb"\s*[\[(]\s*[\])]\s*\Z")


def recognized(head: bytes) -> Format | None:
    """Return the format of a text by its beginning, None if it is none of ours."""
    if _OWN_HEADER.match(head):
        return OWN
    if _JSON_OBJECT.match(head) or _EMPTY_LIST.match(head):
        return JSON
    if _EDN_MAP.match(head):
        return EDN
    if _LOG_LINE.search(head):
        return LOG
    return None
