"""What is wrong with a line that is no JSON, in words: a decoder says where it gave up, and not what stands there."""

import re

_AT = re.compile(r"\(byte ([0-9]+)\)$")
_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WORDS = {
    b"N": "has NaN, which JSON has not: it writes null",
    b"I": "has Infinity, which JSON has not: it writes null",
    b"'": "has single quotes, where JSON has double ones",
    b"T": "has True, as Python writes it: JSON writes true",
    b"F": "has False, as Python writes it: JSON writes false",
    b"/": "has a comment, which JSON has not",
    b"\xef": "has a byte order mark in the middle of the file",
    b"\0": "has a NUL character, which no text has",
    b"\r": "has a line break within a value, where JSON writes \\n",
}


def mistake(line: bytes, error: Exception) -> str:
    """Says of a record why it is not JSON.

    Args:
        line: The record.
        error: The decoder's.
    """
    said = str(error)
    place = _AT.search(said)
    at = int(place[1]) if place else len(line)
    found = line[at : at + 1]
    what = None
    if "trailing comma" in said:
        what = "has a comma before a closing bracket"
    elif "trailing characters" in said:
        at -= 1  # it has looked at one of them
        rest = {b",": ": a comma, as in an array", b"{": ": a second object"}.get(line[at:].lstrip()[:1], "")
        what = f"has trailing characters{rest}"
    elif "keys must be strings" in said:
        what = _WORDS[b"'"] if found == b"'" else "has a key without quotes"
    elif "truncated" in said:
        what = "has half of a character (\\ud800 to \\udfff)" if _HALF.search(line) else "ends before its last bracket"
    elif "invalid character" in said:
        what = _WORDS.get(found)
        if what is None and found < b" ":
            what = f"has the control character 0x{found.hex()}"
    if what is None:
        return f"is not JSON ({said})"
    return f"is not JSON: it {what}" + (f", at byte {at}" if place else "")
