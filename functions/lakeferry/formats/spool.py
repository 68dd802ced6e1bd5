"""A file on disk for formats that are read from their end: Parquet and XLSX have their table of contents there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from lakeferry.formats.rejections import AGAIN, ERROR_PAGE, rejected
from lakeferry.formats.sniffing import known

MAX_SPOOL_BYTES = 3 * 1024 * 1024 * 1024
"""Of the 4 GiB that the function has under /tmp (`EphemeralStorage` in template.yaml)."""


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "ignore")
    return bool(text) and all(sign.isprintable() or sign in "\t\r\n" for sign in text)


class Spool:
    """Takes a file's bytes in pieces; gone when nobody holds it any more."""

    def __init__(self, name: str, magics: tuple[bytes, ...], what: str, remedy: str) -> None:
        """Args:
        magics: How such a file begins.
        what: What such a file is called.
        remedy: What to do when it is something else.
        """
        self._name, self._magics, self._what, self._remedy = name, magics, what, remedy
        self.file: IO[bytes] = tempfile.TemporaryFile(prefix="lakeferry-")  # noqa: SIM115
        self._beginning = b""
        self._checked = False
        self.size = 0

    def __del__(self) -> None:
        # what is left in its buffer cannot be written where the disk is full
        with suppress(OSError):
            self.file.close()

    def write(self, data: bytes) -> None:
        """Takes the next bytes.

        Raises:
            FileRejectedError: it begins as something else, or is bigger than what can be kept.
        """
        if not self._checked:
            self._beginning += data[:512]
            self._checked = len(self._beginning) >= max(map(len, self._magics))
            if self._checked:
                self._check_beginning()
        self.size += len(data)
        if self.size > MAX_SPOOL_BYTES:
            raise self._too_big(f"is bigger than {MAX_SPOOL_BYTES} bytes")
        with self._on_disk():
            self.file.write(data)

    def rewind(self) -> IO[bytes]:
        """The whole file, to be read from its beginning.

        Raises:
            FileRejectedError: it is empty, or begins as something else.
        """
        if not self.size:
            raise rejected(self._name, "it is empty", AGAIN)
        if not self._checked:
            self._check_beginning()
        with self._on_disk():
            self.file.flush()
        self.file.seek(0)
        return self.file

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._too_big(f"cannot be kept on the function's disk ({error})") from error

    def _check_beginning(self) -> None:
        if self._beginning.startswith(self._magics):
            return
        start = self._beginning.lstrip()[:60]
        what = remedy = kind = ""
        if start.startswith(b"<"):
            what, remedy = "but HTML or XML", f"{ERROR_PAGE} "
        elif start.startswith(b"\xd0\xcf\x11\xe0"):
            what, remedy = "but an old .xls, or has a password", "Ask the partner for .xlsx without a password. "
        elif (found := known(self._beginning)) is not None:
            what, remedy = f"but {found[0]}", f"{found[1]} "
        elif start[:1] in (b"{", b"["):
            kind = ", which seems to be JSON"
        elif start and _is_text(start):
            kind = ", which is text, such as CSV"
        raise rejected(
            self._name,
            f"it is no {self._what} {what}{' ' if what else ''}(it begins with {start!r}{kind})",
            f"{remedy}{self._remedy}",
        )

    def _too_big(self, what: str) -> Exception:
        return rejected(
            self._name,
            f"it {what}; {self._what} is read from its end, so all of it must be there at once",
            "Ask the partner for smaller files, or for CSV or JSON Lines, which have no such limit.",
        )
