"""Records of a fixed length without line ends, as mainframes write them, → one record a line.

So what reads lines reads these as well.
"""

from itertools import pairwise

from lakeferry.encodings import text_decoder
from lakeferry.formats.rejections import rejected


class Unbroken:
    """Takes decoded bytes in pieces of any size and gives UTF-8 with a line end behind each whole record."""

    def __init__(self, name: str, encoding: str, length: int) -> None:
        """
        Args:
            name: What messages call the file.
            length: Characters of a record.
        """
        self._name, self._length = name, length
        self._decoder = text_decoder(encoding)
        self._rest = ""
        self._records = 0

    def take(self, data: bytes, *, final: bool) -> bytes:
        """The records that are whole by now, and with `final` what is left.

        Raises:
            FileRejectedError: a record has a line end in it.
            UnicodeError: the bytes are not of the encoding.
        """
        text = self._rest + self._decoder.decode(data, final)
        if not self._records:
            text = text.removeprefix("\ufeff")
        whole = len(text) // self._length
        ends = [index * self._length for index in range(whole + 1)]
        records = [text[start:end] for start, end in pairwise(ends)]
        self._rest = text[ends[-1] :]
        lines = "\n".join([*records, ""])
        if "\r" in lines or lines.count("\n") != whole:
            broken = next(index for index, record in enumerate(records) if "\n" in record or "\r" in record)
            raise rejected(
                self._name,
                f"record {self._records + broken + 1} has a line end in it, and the feed says that there are none",
                "Leave format.line_ends out, or correct format.record_length.",
            )
        self._records += whole
        if final:
            lines, self._rest = lines + self._rest, ""
        return lines.encode()
