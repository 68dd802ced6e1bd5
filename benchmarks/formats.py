#!/usr/bin/env python3
"""Rate and peak memory of the pass over the same rows in each format, checks of four columns included.

    PYTHONPATH=functions:. python benchmarks/formats.py [--size 200000]

Each format runs in a process of its own; CPU seconds of one thread, since machines are shared. The peak is of the
whole process (Python, Arrow and the format's library take 80 to 100 MB of it); of a tenth of the rows it
is told too, since it must not grow with them once blocks are full. Beside Parquet and workbooks stand those that read
the same file and write its rows again, nothing checked; ratios are of CPU seconds in one round.

    200,000 rows of 5 columns
    jsonl           31.2 MB    234,256 rows/s     36.6 MB/s  peak  129.0 MB, of a tenth  111.2 MB
    json            33.0 MB    117,418 rows/s     19.4 MB/s  peak  102.8 MB, of a tenth   93.3 MB
    xml             38.0 MB     70,895 rows/s     13.5 MB/s  peak   89.8 MB, of a tenth   88.7 MB
    fixed_width     21.6 MB    407,849 rows/s     44.0 MB/s  peak  133.1 MB, of a tenth  100.1 MB
    xlsx             5.6 MB      8,442 rows/s      0.2 MB/s  peak  109.6 MB, of a tenth   93.2 MB
    parquet          1.8 MB    889,903 rows/s      7.9 MB/s  peak  123.9 MB, of a tenth  105.8 MB

(2026-11-24, 2 shared cores at load 18, Python 3.11, pyarrow 26.0, msgspec 0.22, openpyxl 3.1.)

    8,000 rows of 5 columns, load 18.0
    xlsx             0.2 MB     18,310 rows/s      0.5 MB/s  peak  137.6 MB, of a tenth  132.7 MB
      xlsx, openpyxl                    rows/s       7,872  its time over ours 2.23 (1.85–2.33)  peak 98.2 MB
      xlsx, calamine                    rows/s     105,469  its time over ours 0.15 (0.13–0.19)  peak 93.9 MB
    40,000 rows of 5 columns, load 27.7
    parquet          0.4 MB  1,949,819 rows/s     17.7 MB/s  peak  159.8 MB, of a tenth  147.6 MB
      parquet, pyarrow                  rows/s   1,258,617  its time over ours 1.55 (1.31–1.63)  peak 131.6 MB
      parquet, DuckDB                   rows/s     757,671  its time over ours 2.57 (1.89–2.72)  peak 140.0 MB

(2026-11-30, with numpy and pandas on the machine, DuckDB 2.0, calamine 0.9.)
"""

import argparse
import csv
import io
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measuring.rounds import spread
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


def by_pyarrow(path: Path) -> int:
    """Parquet read and written again, a row group at a time."""
    import pyarrow.parquet as pq

    source = pq.ParquetFile(path)
    with open(os.devnull, "wb") as nothing, pq.ParquetWriter(nothing, source.schema_arrow) as writer:
        for number in range(source.num_row_groups):
            writer.write_table(source.read_row_group(number, use_threads=False))
    return source.metadata.num_rows


def by_duckdb(path: Path) -> int:
    """Parquet read and written again."""
    import duckdb

    copy = f"COPY (SELECT * FROM read_parquet('{path}')) TO '{os.devnull}' (FORMAT parquet, USE_TMP_FILE false)"
    row = duckdb.connect(config={"threads": 1}).execute(copy).fetchone()
    return int(row[0]) if row else 0


def by_openpyxl(path: Path) -> int:
    """A workbook's cells, written as CSV."""
    import openpyxl

    rows = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True)
    return _written(rows)


def by_calamine(path: Path) -> int:
    """The same by a reader in Rust, the whole sheet in memory."""
    import python_calamine  # type: ignore[import-not-found,unused-ignore]

    return _written(python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows())


def _written(rows: Iterable[Iterable[object]]) -> int:
    with open(os.devnull, "w") as nothing:
        writer, count = csv.writer(nothing), -1  # a header
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


PEERS: dict[str, dict[str, Callable[[Path], int]]] = {
    "xlsx": {"openpyxl": by_openpyxl, "calamine": by_calamine},
    "parquet": {"pyarrow": by_pyarrow, "DuckDB": by_duckdb},
}
"""What reads a format typed and writes the same rows, nothing checked."""


def _measure(form: str, path: Path, peer: str = "") -> tuple[int, float, float] | None:
    """Rows, CPU seconds, peak memory in MB; None where the peer is not on this machine."""
    work = PEERS[form][peer] if peer else partial(passed, form)
    try:
        work(path.with_name(f"warm.{form}"))  # what is imported, a warm function has behind it
    except ImportError:
        return None
    begun = time.process_time()
    landed = work(path)
    seconds = time.process_time() - begun
    # `ru_maxrss` is handed on from the process that forked this one; VmHWM begins with this program
    status = Path("/proc/self/status").read_text()
    return landed, seconds, int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _deliver(form: str, files: Mapping[Path, int]) -> None:
    for path, size in files.items():
        FORMATS[form][0](path, size)


def _alone(work: Callable[..., Any], *given: Any) -> Any:
    """In a process of its own: making a file takes more memory than reading it."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.apply(work, given)


def measured(form: str, folder: Path, size: int, rounds: int) -> bool:
    """Prints a format's line, and one for each that does the same beside it; whether all rows landed in bounds."""
    warm, small, path = (folder / f"{name}.{form}" for name in ("warm", "small", "full"))
    _alone(_deliver, form, {warm: 5, small: size // 10, path: size})
    _, _, before = _alone(_measure, form, small)
    turns: dict[str, list[Any]] = {name: [] for name in ("", *PEERS.get(form, {}))}
    for _ in range(rounds):
        for name, found in turns.items():
            found.append(_alone(_measure, form, path, name))
    ours = turns.pop("")
    (landed, _, _), seconds = ours[0], statistics.median(one[1] for one in ours)
    peak, megabytes = max(one[2] for one in ours), path.stat().st_size / 1e6
    print(
        f"{form:12} {megabytes:7.1f} MB  {landed / seconds:9,.0f} rows/s  {megabytes / seconds:7.1f} MB/s  "
        f"peak {peak:6.1f} MB, of a tenth {before:6.1f} MB"
    )
    holds: bool = landed == size and peak < MEMORY_LIMIT_MB
    for name, found in turns.items():
        if None in found:
            print(f"  {f'{form}, {name}':32}  rows: not on this machine (requirements/bench.txt)")
            continue
        times = spread([theirs[1] / our[1] for theirs, our in zip(found, ours, strict=True)])
        rate = size / statistics.median(one[1] for one in found)
        print(f"  {f'{form}, {name}':32}  rows/s {rate:11,.0f}  its time over ours {times}  peak {found[0][2]:.1f} MB")
        holds &= {one[0] for one in found} == {size}
    return holds


def main() -> int:
    """Prints the lines; 1 if rows are missing or a pass takes more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=200_000, help="rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", default=",".join(FORMATS))
    options = parser.parse_args()
    print(f"{options.size:,} rows of {len(COLUMNS)} columns, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        wanted = options.formats.split(",")
        holds = [measured(form, Path(folder), options.size, options.rounds) for form in wanted]
    return int(not all(holds))


if __name__ == "__main__":
    sys.exit(main())
