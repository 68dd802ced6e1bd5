"""What a text is: its format, encoding, delimiter and header, guessed from its first bytes."""

import csv
import io
import re
from collections import Counter
from typing import Any
from xml.etree.ElementTree import ParseError, XMLPullParser

from lakeferry.decode.contents import begins_office
from lakeferry.formats import CARDS

_DELIMITERS = (",", ";", "\t", "|", "^", "~")
_LINES = 300
_NUMBER = re.compile(r"[-+(]?[\d.,' ]*\d[\d.,' ]*[-)]?%?|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")


def format_of(name: str, start: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """`format` of the feed document, and what of it is a guess: setting → why.

    Args:
        name: Without the suffixes of what it was wrapped in.
        start: The first decoded bytes.
    """
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    if start.startswith(b"PAR1"):
        return {"type": "parquet"}, {}
    if begins_office(start) or (start.startswith(b"PK") and suffix in CARDS["xlsx"].suffixes):
        return {"type": "xlsx"}, {"type": "the first sheet is read; set sheet for another one"}
    encoding, why = _encoding(start)
    text = start.decode(encoding, "replace").removeprefix("\ufeff")
    told = {} if encoding == "utf-8" else {"encoding": encoding}
    guessed = {"encoding": why} if why else {}
    head = text.lstrip()[:1]
    if head == "<":
        records = _xml_records(start)
        return {"type": "xml", "records": records}, {"records": "the element that is there most often"}
    if head in ("{", "["):
        return _json(text) | told, guessed
    form, more = _csv(text)
    return form | told, guessed | more


def _encoding(start: bytes) -> tuple[str, str]:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", ""
    even, odd = start[:2000:2], start[1:2000:2]
    for zeros, letters, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(zeros) > 3 and not zeros.strip(b"\0") and b"\0" not in letters:
            return name, "every other byte is 0"
    for cut in range(4):  # the end may be in the middle of a character
        try:
            start[: len(start) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8", ""
    return (
        "cp1252",
        "it is not UTF-8; of older encodings this is the usual one: compare a name with an umlaut or accent",
    )


def _json(text: str) -> dict[str, Any]:
    first = text.lstrip().split("\n", 1)[0].strip()
    is_alone = first == text.strip()
    holds = re.match(r'\{\s*"[^"\\.]+"\s*:\s*\[\s*\{', first) is not None
    if first.startswith("{") and first.endswith("}") and not (is_alone and holds):
        return {"type": "jsonl"}
    if first.startswith("{") and (found := re.search(r'"([^"\\.]+)"\s*:\s*\[\s*\{', text)):
        return {"type": "json", "records": found[1]}
    return {"type": "json"}


def _xml_records(start: bytes) -> str:
    parser: Any = XMLPullParser(["start", "end"])
    path, seen = list[str](), Counter[str]()
    try:
        parser.feed(start)
        for event, element in parser.read_events():
            tag = str(element.tag).rpartition("}")[2]
            if event == "start":
                path.append(tag)
                if len(path) > 1:
                    seen["/" + "/".join(path)] += 1
            else:
                path.pop()
    except ParseError:
        pass
    # of those that are there most often the outermost: fields are there as often as their records
    most = max(seen.values(), default=0)
    often = [name for name, count in seen.items() if count * 2 > most] or ["/root/record"]
    return min(often, key=lambda name: name.count("/"))


def _csv(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    delimiter, why = ",", {}
    lines = text.splitlines(keepends=True)
    whole = lines[:_LINES]
    best = 0.0
    for sign in _DELIMITERS:
        counts = Counter(len(row) for row in _rows(whole, sign) if row)
        width, often = max(counts.items(), key=lambda one: one[1], default=(1, 0))
        score = 0.0 if width < 2 else often / max(1, sum(counts.values())) + width / 10_000
        if score > best + 0.001:
            best, delimiter = score, sign
    if not best:
        why["delimiter"] = "each line is one value, whichever is tried"
    rows = [row for row in _rows(whole, delimiter) if row]
    header = bool(rows) and _is_header(rows)
    form: dict[str, Any] = {"type": "csv", "delimiter": delimiter, "header": header}
    if len(rows) < 2 or not any(map(_is_value, rows[0] + (rows[1] if len(rows) > 1 else []))):
        why["header"] = "the first line has names as far as can be told" if header else "the first line has values"
    return form, why


def _rows(lines: list[str], sign: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO("".join(lines)), delimiter=sign))
    except csv.Error:
        return [line.rstrip("\r\n").split(sign) for line in lines]


def _is_header(rows: list[list[str]]) -> bool:
    names = [name.strip() for name in rows[0]]
    folded = {name.lower() for name in names}
    return all(names) and len(folded) == len(names) and not any(map(_is_value, names))


def _is_value(text: str) -> bool:
    """Whether it is a number or a date, which no column is called."""
    return _NUMBER.fullmatch(text.strip()) is not None
