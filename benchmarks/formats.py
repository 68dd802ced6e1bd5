#!/usr/bin/env python3
"""Rate and peak memory of the pass over the same rows in each format, checks of four columns included.

    PYTHONPATH=functions:. python benchmarks/formats.py [--size 200000]

Each format runs in a process of its own; CPU seconds of one thread, since machines are shared. The peak is of the
whole process (Python, Arrow and the format's library take 80 to 100 MB of it); of a tenth of the rows it
is told too, since it must not grow with them once blocks are full.

    200,000 rows of 5 columns
    jsonl           31.2 MB    234,256 rows/s     36.6 MB/s  peak  129.0 MB, of a tenth  111.2 MB
    json            33.0 MB    117,418 rows/s     19.4 MB/s  peak  102.8 MB, of a tenth   93.3 MB
    xml             38.0 MB     70,895 rows/s     13.5 MB/s  peak   89.8 MB, of a tenth   88.7 MB
    fixed_width     21.6 MB    407,849 rows/s     44.0 MB/s  peak  133.1 MB, of a tenth  100.1 MB
    xlsx             5.6 MB      8,442 rows/s      0.2 MB/s  peak  109.6 MB, of a tenth   93.2 MB
    parquet          1.8 MB    889,903 rows/s      7.9 MB/s  peak  123.9 MB, of a tenth  105.8 MB

(2026-11-24, 2 shared cores at load 18, Python 3.11, pyarrow 26.0, msgspec 0.22, openpyxl 3.1.)
"""

import argparse
import io
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lakeferry.checks import BadRows
from lakeferry.feeds import parse_feed
from lakeferry.inspect import inspect

COLUMNS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "int64", "required": True, "start": 1, "length": 12},
    {"name": "store", "type": "string", "max_length": 40, "start": 13, "length": 24},
    {"name": "amount", "type": "decimal(12,2)", "min": 0, "start": 37, "length": 12},
    {"name": "sold_at", "type": "timestamp", "start": 49, "length": 19},
    {"name": "note", "type": "string", "start": 68, "length": 40},
]
NAMES = [str(column["name"]) for column in COLUMNS]
MEMORY_LIMIT_MB = 400


def rows(size: int) -> Iterator[tuple[int, str, str, str, str]]:
    """The rows that every format has."""
    for number in range(size):
        amount = f"{number % 9000}.{number % 100:02d}"
        yield number, f"Zurich Airport {number % 500}", amount, f"2026-11-01 10:{number % 60:02d}:00", "x" * 40


def as_jsonl(path: Path, size: int) -> None:
    """One object a line."""
    with path.open("w") as file:
        file.writelines(_json(row) + "\n" for row in rows(size))


def as_json(path: Path, size: int) -> None:
    """An array at data.items, a record in several lines."""
    with path.open("w") as file:
        file.write('{"page": 1, "data": {"items": [\n')
        file.writelines(("" if row[0] == 0 else ",\n") + _json(row).replace(", ", ",\n  ") for row in rows(size))
        file.write("\n]}}\n")


def _json(row: tuple[int, str, str, str, str]) -> str:
    number, store, amount, sold_at, note = row
    return f'{{"order_id": {number}, "store": "{store}", "amount": {amount}, "sold_at": "{sold_at}", "note": "{note}"}}'


def as_xml(path: Path, size: int) -> None:
    """An element a column."""
    with path.open("w") as file:
        file.write("<orders>\n")
        for row in rows(size):
            inner = "".join(f"<{name}>{value}</{name}>" for name, value in zip(NAMES, row, strict=True))
            file.write(f"<order>{inner}</order>\n")
        file.write("</orders>\n")


def as_fixed_width(path: Path, size: int) -> None:
    """107 characters a line."""
    with path.open("w") as file:
        for number, store, amount, sold_at, note in rows(size):
            file.write(f"{number:012d}{store:24}{amount:12}{sold_at}{note:40}\n")


def as_xlsx(path: Path, size: int) -> None:
    """Numbers and texts as cells."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Orders")
    sheet.append(NAMES)
    for number, store, amount, sold_at, note in rows(size):
        sheet.append([number, store, float(amount), sold_at, note])
    book.save(path)


def as_parquet(path: Path, size: int) -> None:
    """Typed, in row groups of 50,000."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = dict(zip(NAMES, map(list, zip(*rows(size), strict=True)), strict=True))
    table: Any = pa.table(columns)
    typed = {
        "order_id": table["order_id"],
        "store": table["store"],
        "amount": table["amount"].cast(pa.decimal128(12, 2)),
        "sold_at": pc.strptime(table["sold_at"], "%Y-%m-%d %H:%M:%S", "us"),
        "note": table["note"],
    }
    pq.write_table(pa.table(typed), path, row_group_size=50_000)


FORMATS: dict[str, tuple[Callable[[Path, int], None], dict[str, Any]]] = {
    "jsonl": (as_jsonl, {}),
    "json": (as_json, {"records": "data.items"}),
    "xml": (as_xml, {"records": "/orders/order"}),
    "fixed_width": (as_fixed_width, {"record_length": 107}),
    "xlsx": (as_xlsx, {}),
    "parquet": (as_parquet, {}),
}


class _Nothing(io.RawIOBase):
    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def passed(form: str, path: Path) -> int:
    """Passes a file through; rows that landed."""
    columns = [
        {key: value for key, value in column.items() if form == "fixed_width" or key not in {"start", "length"}}
        for column in COLUMNS
    ]
    feed = parse_feed(
        {
            "tenant": "bench",
            "feed": "formats",
            "server": {"protocol": "ftp", "host": "h", "username": "u", "allow_plaintext": True},
            "files": {"directory": "/", "pattern": "*"},
            "format": {"type": form, **FORMATS[form][1]},
            "checks": {"columns": columns},
            "dataset": "bench",
        }
    )
    bad_rows = BadRows(path.name, feed.checks.bad_rows, lambda _: None)
    with path.open("rb") as source:
        report = inspect(feed, path.name, source, lambda _: _Nothing(), bad_rows=bad_rows)
    return report.outputs[0].rows_landed


def _measure(form: str, path: Path) -> tuple[int, float, float]:
    begun = time.process_time()
    landed = passed(form, path)
    seconds = time.process_time() - begun
    # `ru_maxrss` is handed on from the process that forked this one; VmHWM begins with this program
    status = Path("/proc/self/status").read_text()
    return landed, seconds, int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _deliver(form: str, path: Path, size: int) -> None:
    FORMATS[form][0](path, size)


def main() -> int:
    """Prints one line a format; 1 if rows are missing or a pass takes more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=200_000, help="rows")
    size = parser.parse_args().size
    holds = True
    print(f"{size:,} rows of {len(COLUMNS)} columns")
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            found = []
            for count in (size // 10, size):
                path = Path(folder) / f"{count}.{form}"
                # each step in a process of its own: making a file takes more memory than reading it
                with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                    pool.apply(_deliver, (form, path, count))
                    found.append((path.stat().st_size, *pool.apply(_measure, (form, path))))
                path.unlink()
            (_, _, _, before), (bytes_in, landed, seconds, peak) = found
            print(
                f"{form:12} {bytes_in / 1e6:7.1f} MB  {landed / seconds:9,.0f} rows/s  "
                f"{bytes_in / 1e6 / seconds:7.1f} MB/s  peak {peak:6.1f} MB, of a tenth {before:6.1f} MB"
            )
            holds &= landed == size and peak < MEMORY_LIMIT_MB
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
