"""What is told of a quote in the wrong place, and of delimiters that end a line for nothing: with the setting."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lakeferry.checks.badrows import Problem
from lakeferry.errors import FileRejectedError
from lakeferry.formats.rejections import rejected

_AROUND = 40
_BLANKS = b" \t"


def stray_quote(
    name: str, block: bytes, begin: int, quote: int, *, record: int, line: int, delimiter: bytes
) -> FileRejectedError:
    """A quote neither opens a value nor closes one.

    Args:
        block: Text that has it.
        begin: Where the record begins, or one before it.
        quote: Where it stands.
        record, line: Numbers of the record that begins at `begin`, and of its line.
    """
    line += block.count(b"\n", begin, quote)
    place = f"in or after record {record} a quote stands inside an unquoted value"
    found = repr(block[max(begin, quote - _AROUND) : quote + _AROUND].decode(errors="replace"))
    before = block[begin:quote]
    opens = before.rstrip(_BLANKS)[-1:] in (b"", b"\n", delimiter)
    if opens and before[-1:] in (b" ", b"\t") and before[-1:] != delimiter:
        return rejected(
            name,
            f"{place}, behind blanks, in line {line}: {found}",
            "RFC 4180 has no blanks around values: set format.skip_initial_space to true, or ask the partner.",
        )
    return rejected(
        name,
        f"{place}, or text after a closing quote, in line {line}: {found}",
        "Such values must be quoted and their quotes doubled (RFC 4180), or set format.escape. If the file quotes "
        "nothing, set format.quote to a character it never has.",
    )


def tell_of_trailing(
    bad: Mapping[int, list[Problem]], texts: Sequence[bytes], columns: Sequence[str], delimiter: bytes
) -> None:
    """Names the setting where records have a field too many, or too few, by a delimiter at the end of lines.

    Args:
        bad: What is wrong with each bad record, in order.
        texts: Each one's text.
    """
    has_blank_name = columns[-1:] == ("",)
    for problems, text in zip(bad.values(), texts, strict=True):
        first = problems[0]
        is_empty = text.rstrip(b"\n").endswith(delimiter)
        if first.rule == "fields" and (is_empty or has_blank_name):
            what = "the last of them empty" if is_empty else "and the header's last name is blank"
            problems[0] = replace(
                first, detail=f"{first.detail}, {what}: format.trailing_delimiter: allow takes such lines"
            )
