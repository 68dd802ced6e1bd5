"""Which styles of a workbook show a number as a date or a duration: all that values need of them."""

import re
from collections.abc import Callable, Mapping

from lakeferry.formats.xlsx.parts import Attributes, BrokenError, Elements, LimitError

NUMBER, MOMENT, DURATION = 0, 1, 2
MAX_NUMBER_FORMATS = 65_536
"""Excel takes a few hundred."""
_BUILT_IN = {
    **dict.fromkeys((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)), MOMENT),
    46: DURATION,
}
"""Numbers of formats that every workbook has (ECMA-376 part 1, 18.8.30); 27 to 36 and 50 to 58 are dates in Asia."""
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_NO_LETTERS = re.compile(r'"[^"]*"?|\\.|[_*].|\[[^\]]*\]?', re.DOTALL)
"""Text in quotes, characters that stand for themselves, blanks as wide as one, filling, colours and conditions."""
_LETTERS = re.compile("[dmhys]", re.IGNORECASE)


class Styles(Elements):
    """The kind of each cell style.

    Attributes:
        kinds: Of each of `cellXfs`.
    """

    root = frozenset({"styleSheet"})

    def __init__(self) -> None:
        super().__init__()
        self.kinds = bytearray()
        self._formats = dict(_BUILT_IN)
        self._is_of_cells = False

    def starts(self) -> Mapping[str, Callable[[Attributes], object]]:
        return {"numFmt": self._format, "cellXfs": self._begin_styles, "xf": self._style}

    def ends(self) -> Mapping[str, Callable[[], object]]:
        return {"cellXfs": self._end_styles}

    def _format(self, attributes: Attributes) -> None:
        number = _number(attributes)
        if number is None:
            return
        if len(self._formats) > MAX_NUMBER_FORMATS:
            raise LimitError(f"it has more than {MAX_NUMBER_FORMATS:,} number formats, where Excel has a few hundred")
        self._formats[number] = kind_of(attributes.get("formatCode", ""))

    def _begin_styles(self, _: Attributes) -> None:
        self._is_of_cells = True

    def _end_styles(self) -> None:
        self._is_of_cells = False

    def _style(self, attributes: Attributes) -> None:
        if self._is_of_cells:
            self.kinds.append(self._formats.get(_number(attributes) or 0, NUMBER))


def kind_of(code: str) -> int:
    """What a number format shows numbers as, by its part for positive ones."""
    code = _NO_LETTERS.sub(_kept, code)
    code = code.partition(";")[0]
    if _ELAPSED.search(code):
        return DURATION
    return MOMENT if _LETTERS.search(code) else NUMBER


def _kept(match: re.Match[str]) -> str:
    return match[0] if _ELAPSED.fullmatch(match[0]) else ""


def _number(attributes: Attributes) -> int | None:
    text = attributes.get("numFmtId")
    if text is None:
        return None
    if len(text) > 10 or not (text.isascii() and text.isdigit()):
        raise BrokenError(f"it has a number format {text[:20]!r}")
    return int(text)
