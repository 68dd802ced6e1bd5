#!/usr/bin/env python3
"""Files that are weapons: small, and gigabytes or minutes to a reader that builds all that they stand for.

    PYTHONPATH=functions:. python benchmarks/bombs.py [--only xlsx]

Each is made here, and passes through in a process of its own: its bytes, CPU seconds of one thread, and the
peak of the whole process (Python, Arrow and the format's library take 80 to 100 MB of it). 1 if one takes more than
half of what the function Validate has, or ends in another way than it should.

    limit 884 MB
    xlsx: 2,000,000 styles                                   15,652 bytes    3.5 s  peak   84.6 MB  lands
    xlsx: 10,000,000 fonts                                  103,040 bytes    0.1 s  peak   82.5 MB  refused
    xlsx: 1,000,000 shared texts                             42,314 bytes    4.7 s  peak   88.9 MB  lands
    xlsx: 15,000,000 cells in a row                          59,206 bytes    0.2 s  peak   82.6 MB  refused
    xlsx: row 99,999,999,999                                    849 bytes    0.1 s  peak   82.5 MB  refused
    xlsx: a text of 60,000,000 characters                    59,211 bytes    0.1 s  peak   83.7 MB  refused
    xlsx: elements 9,000,000 deep                            27,096 bytes    0.1 s  peak   82.4 MB  refused
    parquet: a text of 262,144 bytes, 65,536 times              404 bytes    4.7 s  peak  348.5 MB  refused
    parquet: a list of 100,000,000 values                       290 bytes    0.1 s  peak   89.6 MB  refused
    csv: a header of 3,000,000 columns                   25,888,894 bytes    0.2 s  peak  135.9 MB  refused
    csv: a header of 2,000,000 lines                      2,000,005 bytes    1.3 s  peak   98.7 MB  refused
    csv: a header of 80,000 columns                         548,894 bytes    0.1 s  peak   98.1 MB  refused
    csv: 2,000,000 rows too short                         4,000,004 bytes    2.5 s  peak  148.2 MB  refused
    csv: 1,500,000 rows of a wrong type                   3,000,002 bytes    2.2 s  peak  148.8 MB  refused
    csv: 2,000,000 lines in a value, and a bad row        2,000,013 bytes    1.2 s  peak  175.9 MB  refused
    csv: a quote that is never closed                    60,000,007 bytes    0.5 s  peak  165.4 MB  refused
    fixed_width: 1,200,000 short lines, 200 columns       2,400,000 bytes    2.8 s  peak  129.8 MB  refused
    jsonl: 100,000 empty objects, 200 columns               300,000 bytes    0.5 s  peak  102.3 MB  lands
    jsonl: 1,200,000 lines that are no JSON               2,400,008 bytes    2.0 s  peak  187.7 MB  refused
    jsonl: an object of 600,000 keys                      7,088,898 bytes    2.5 s  peak  352.6 MB  refused
    jsonl: 2,700,000 empty objects in a list              8,100,011 bytes    1.2 s  peak  320.0 MB  lands
    jsonl: 4,000,000 brackets                             4,000,006 bytes    0.1 s  peak  117.3 MB  refused
    jsonl: numbers with huge exponents                    7,400,000 bytes    0.6 s  peak  106.3 MB  lands
    xml: 1,900,000 elements of one name                   7,600,014 bytes    4.1 s  peak  134.0 MB  lands
    xml: 600,000 elements of as many names                5,888,904 bytes    0.1 s  peak   92.2 MB  refused
    xml: 700,000 attributes of one element                8,288,901 bytes    0.1 s  peak   92.7 MB  refused
    xml: elements 200,000 deep                              600,006 bytes    0.1 s  peak   87.0 MB  refused
    xml: a comment of 60,000,000 bytes                   60,000,007 bytes    0.1 s  peak   92.6 MB  refused

(2026-11-29, 2 shared cores at load 8, Python 3.11, pyarrow 26.0, expat 2.5.)
"""

import argparse
import io
import multiprocessing
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakeferry.checks import BadRows
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import parse_feed
from lakeferry.inspect import inspect

FUNCTION_MB = 1769
"""Of ValidateFunction in template.yaml."""
LIMIT_MB = FUNCTION_MB / 2
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@dataclass(frozen=True)
class Bomb:
    """One file.

    Attributes:
        form: Its `format.type`, and what begins its name.
        make: Writes it.
        told: Part of what its partner is told; empty where it lands.
        settings, columns: Of the feed.
    """

    form: str
    what: str
    make: Callable[[Path], None]
    told: str
    settings: dict[str, Any] = field(default_factory=dict)
    columns: Sequence[dict[str, Any]] = ()

    @property
    def name(self) -> str:
        return f"{self.form}: {self.what}"


def _repeated(*pieces: tuple[bytes, int]) -> Callable[[Path], None]:
    """Texts, each so many times."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            for text, times in pieces:
                many = max(1, 2**20 // max(1, len(text)))
                for _ in range(times // many):
                    file.write(text * many)
                file.write(text * (times % many))

    return make


def _numbered(before: bytes, each: bytes, count: int, after: bytes) -> Callable[[Path], None]:
    """A text with numbers in it, from 0."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(before)
            file.writelines(each % number for number in range(count))
            file.write(after)

    return make


def _workbook(part: str, *pieces: tuple[str, int]) -> Callable[[Path], None]:
    """A workbook of one cell, with one of its parts made of texts, each so many times."""
    parts = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="S" r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        f'<Relationship Id="s" Type="{_OFFICE}/worksheet" Target="sheet.xml"/></Relationships>',
        "xl/sheet.xml": f'<worksheet xmlns="{_MAIN}"><sheetData><row><c t="str"><v>a</v></c></row></sheetData>'
        "</worksheet>",
    }
    root = {"xl/sheet.xml": "worksheet", "xl/styles.xml": "styleSheet", "xl/sharedStrings.xml": "sst"}[part]

    def text() -> Iterator[bytes]:
        yield f'<{root} xmlns="{_MAIN}">'.encode()
        for piece, times in pieces:
            many = max(1, 2**20 // len(piece))
            for _ in range(times // many):
                yield piece.encode() * many
            yield piece.encode() * (times % many)
        yield f"</{root}>".encode()

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, content in parts.items():
                if name != part:
                    archive.writestr(name, content)
            with archive.open(part, "w") as file:
                for piece in text():
                    file.write(piece)

    return make


_ROWS = "<sheetData>", 1
_END = "</sheetData>", 1


def _parquet(values: Callable[[Any], Any], **settings: Any) -> Callable[[Path], None]:
    """One column `a`, made of Arrow."""

    def make(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"a": values(pa)})
        pq.write_table(table, path, compression="zstd", store_schema=False, **settings)

    return make


def _one_text(arrow: Any) -> Any:
    return arrow.DictionaryArray.from_arrays(arrow.array([0] * 65_536, arrow.int32()), arrow.array(["x" * 262_144]))


def _one_list(arrow: Any) -> Any:
    count = 100_000_000
    return arrow.ListArray.from_arrays(arrow.array([0, count], arrow.int32()), arrow.nulls(count, arrow.int32()))


_FIELDS = [{"name": f"c{at}", "type": "string", "start": at + 1, "length": 1} for at in range(200)]
_COLUMNS = [{"name": f"c{at}", "type": "int64"} for at in range(200)]
_ORDERS = {"records": "/r/x"}

BOMBS = (
    Bomb(
        "xlsx",
        "2,000,000 styles",
        _workbook("xl/styles.xml", ("<cellXfs>", 1), ("<xf/>", 2_000_000), ("</cellXfs>", 1)),
        "",
    ),
    Bomb(
        "xlsx",
        "10,000,000 fonts",
        _workbook("xl/styles.xml", ("<fonts>", 1), ("<font/>", 10_000_000), ("</fonts>", 1)),
        "a decompression bomb",
    ),
    Bomb("xlsx", "1,000,000 shared texts", _workbook("xl/sharedStrings.xml", ("<si><t>x</t></si>", 1_000_000)), ""),
    Bomb(
        "xlsx",
        "15,000,000 cells in a row",
        _workbook("xl/sheet.xml", _ROWS, ("<row>", 1), ("<c/>", 15_000_000), ("</row>", 1), _END),
        "more than 16,384 cells",
    ),
    Bomb(
        "xlsx",
        "row 99,999,999,999",
        _workbook("xl/sheet.xml", _ROWS, ('<row r="99999999999"/>', 1), _END),
        "no sheet has more than 1,048,576",
    ),
    Bomb(
        "xlsx",
        "a text of 60,000,000 characters",
        _workbook("xl/sheet.xml", _ROWS, ('<row><c t="str"><v>', 1), ("x", 60_000_000), ("</v></c></row>", 1), _END),
        "a text of more than 1,048,576 characters",
    ),
    Bomb(
        "xlsx",
        "elements 9,000,000 deep",
        _workbook("xl/sheet.xml", ("<a>", 9_000_000)),
        "nested more than 64 levels deep",
    ),
    Bomb(
        "parquet",
        "a text of 262,144 bytes, 65,536 times",
        _parquet(_one_text, dictionary_pagesize_limit=2**30),
        "decompression bomb",
        columns=[{"name": "a", "type": "string", "required": True}],
    ),
    Bomb("parquet", "a list of 100,000,000 values", _parquet(_one_list), "decompression bomb"),
    Bomb(
        "csv",
        "a header of 3,000,000 columns",
        _numbered(b"c", b",c%d", 3_000_000, b"\n1\n"),
        "a header has at most 1048576",
    ),
    Bomb(
        "csv",
        "a header of 2,000,000 lines",
        _repeated((b'"', 1), (b"\n", 2_000_000), (b'",b\n', 1)),
        "a header has at most 1048576",
    ),
    Bomb(
        "csv",
        "a header of 80,000 columns",
        _numbered(b"c", b",c%d", 80_000, b"\n1\n"),
        "its header names 80001 columns",
    ),
    Bomb(
        "csv",
        "2,000,000 rows too short",
        _repeated((b"a,b\n", 1), (b"x\n", 2_000_000)),
        "more than 100000 rows are bad",
    ),
    Bomb(
        "csv",
        "1,500,000 rows of a wrong type",
        _repeated((b"a\n", 1), (b"x\n", 1_500_000)),
        "more than 100000 rows are bad",
        columns=[{"name": "a", "type": "int64"}],
    ),
    Bomb(
        "csv",
        "2,000,000 lines in a value, and a bad row",
        _repeated((b'a,b\n1,"', 1), (b"\n", 2_000_000), (b'"\nx,1\n', 1)),
        "1 of 2 rows are bad",
        columns=[{"name": "a", "type": "int64"}],
    ),
    Bomb(
        "csv",
        "a quote that is never closed",
        _repeated((b'a,b\n1,"', 1), (b"x", 60_000_000)),
        "is longer than 33554432 bytes",
    ),
    Bomb(
        "fixed_width",
        "1,200,000 short lines, 200 columns",
        _repeated((b"x\n", 1_200_000)),
        "more than 100000 rows are bad",
        columns=_FIELDS,
    ),
    Bomb("jsonl", "100,000 empty objects, 200 columns", _repeated((b"{}\n", 100_000)), "", columns=_COLUMNS),
    Bomb(
        "jsonl",
        "1,200,000 lines that are no JSON",
        _repeated((b'{"a":1}\n', 1), (b"x\n", 1_200_000)),
        "more than 100000 rows are bad",
    ),
    Bomb(
        "jsonl",
        "an object of 600,000 keys",
        _numbered(b'{"k":1', b',"k%d":1', 600_000, b"}\n"),
        "the keys of its records are longer than 65536 bytes",
    ),
    Bomb(
        "jsonl", "2,700,000 empty objects in a list", _repeated((b'{"a":[', 1), (b"{},", 2_700_000), (b"{}]}\n", 1)), ""
    ),
    Bomb("jsonl", "4,000,000 brackets", _repeated((b'{"a":', 1), (b"[", 4_000_000), (b"\n", 1)), "1 of 1 rows are bad"),
    Bomb(
        "jsonl",
        "numbers with huge exponents",
        _repeated((b'{"a":1e999999999,"b":1.5e-999999999}\n', 200_000)),
        "",
        columns=[{"name": "b", "type": "string"}],
    ),
    Bomb(
        "xml",
        "1,900,000 elements of one name",
        _repeated((b"<r><x>", 1), (b"<a/>", 1_900_000), (b"</x></r>", 1)),
        "",
        _ORDERS,
    ),
    Bomb(
        "xml",
        "600,000 elements of as many names",
        _numbered(b"<r><x>", b"<a%d/>", 600_000, b"</x></r>"),
        "more than 20000 different members",
        _ORDERS,
    ),
    Bomb(
        "xml",
        "700,000 attributes of one element",
        _numbered(b"<r><x", b' a%d="1"', 700_000, b"/></r>"),
        "a tag or a comment that is longer than 2097152",
        _ORDERS,
    ),
    Bomb(
        "xml",
        "elements 200,000 deep",
        _repeated((b"<r><x>", 1), (b"<a>", 200_000)),
        "nested more than 64 levels deep",
        _ORDERS,
    ),
    Bomb(
        "xml",
        "a comment of 60,000,000 bytes",
        _repeated((b"<r><!--", 1), (b"x", 60_000_000)),
        "a tag or a comment that is longer than 2097152",
        _ORDERS,
    ),
)


class _Nothing(io.RawIOBase):
    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def passed(bomb: Bomb, path: Path) -> str:
    """What its partner is told; empty where it lands."""
    feed = parse_feed(
        {
            "tenant": "bench",
            "feed": "bombs",
            "server": {"protocol": "ftp", "host": "h", "username": "u", "allow_plaintext": True},
            "files": {"directory": "/", "pattern": "*"},
            "format": {"type": bomb.form, **bomb.settings},
            "checks": {
                "bad_rows": {"max_rows": 100_000},
                **({"columns": list(bomb.columns)} if bomb.columns else {}),
            },
            "dataset": "bench",
            "decode": [],
        }
    )
    bad_rows = BadRows(path.name, feed.checks.bad_rows, lambda _: None)
    with path.open("rb") as source:
        try:
            inspect(feed, path.name, source, lambda _: _Nothing(), bad_rows=bad_rows)
        except FileRejectedError as error:
            return str(error)
    return ""


def _measure(number: int, path: Path) -> tuple[str, float, float]:
    begun = time.process_time()
    told = passed(BOMBS[number], path)
    seconds = time.process_time() - begun
    # `ru_maxrss` is handed on from the process that forked this one; VmHWM begins with this program
    status = Path("/proc/self/status").read_text()
    return told, seconds, int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _make(number: int, path: Path) -> None:
    BOMBS[number].make(path)


def measured(number: int, path: Path, timeout: float = 600) -> tuple[str, float, float]:
    """What is told, CPU seconds and peak in MB, each step in a process of its own: making takes more than reading.

    Raises:
        multiprocessing.TimeoutError: it does not end.
    """
    found = None
    # who makes may be forked from one that has imported all; a peak that counts is that of a new process
    maker = multiprocessing.get_context("forkserver")
    maker.set_forkserver_preload([__name__])
    for context, step in ((maker, _make), (multiprocessing.get_context("spawn"), _measure)):
        with context.Pool(1, maxtasksperchild=1) as pool:
            found = pool.apply_async(step, (number, path)).get(timeout)
    assert found is not None
    return found


def main() -> int:
    """Prints one line a bomb; 1 if one does harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="those whose name begins so")
    only = parser.parse_args().only
    holds = True
    print(f"limit {LIMIT_MB:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        for number, bomb in enumerate(BOMBS):
            if not bomb.name.startswith(only):
                continue
            path = Path(folder) / f"bomb.{bomb.form}"
            told, seconds, peak = measured(number, path)
            is_right = (bomb.told in told) and bool(told) == bool(bomb.told)
            print(
                f"{bomb.name:50} {path.stat().st_size:>12,} bytes {seconds:6.1f} s  peak {peak:6.1f} MB  "
                f"{'refused' if told else 'lands'}{'' if is_right else f', NOT AS IT SHOULD: {told[:200]}'}"
            )
            holds &= is_right and peak < LIMIT_MB
            path.unlink()
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
