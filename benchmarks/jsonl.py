#!/usr/bin/env python3
"""JSON Lines against a JSON Schema: the whole pass beside Python's jsonschema, and parsing alone, in one run.

    PYTHONPATH=functions:. python benchmarks/jsonl.py [--size 200000]

Every contender reads the same records, in turns, each in a process of its own; the median of three counts, in CPU
seconds of one thread, since machines are shared.
`lakeferry` is the pass as State "Validate files" runs it: strict JSON, repeated keys, the schema, the quarantine, and
the output with its SHA-256; once more with three typed columns, which the others do not check. Ratios are to
jsonschema's rate. DuckDB and Polars read the same records typed and write them as JSON Lines again; they check types
and nothing else, so they find no bad ones.

    40,000 records, 8.4 MB; 3 rounds, median
    jsonschema                     5,266 records/s  x   1.0  peak   27.0 MB  40 bad
    lakeferry                     88,154 records/s  x  16.7  peak  114.2 MB  40 bad
    lakeferry, typed columns      73,946 records/s  x  14.0  peak  159.5 MB  40 bad
    jsonschema-rs                104,592 records/s  x  19.9  peak   29.0 MB  40 bad
    DuckDB, read and written     277,881 records/s  x  52.8  peak   91.7 MB  0 bad
    Polars, read and written      87,155 records/s  x  16.6  peak   93.7 MB  0 bad
    json.loads alone             106,148 records/s  x  20.2  peak   21.2 MB  0 bad
    SHA-256 alone              5,063,848 records/s  x 961.7  peak   21.2 MB  0 bad

(2026-11-30, --size 40000, 2 shared cores at load 23 to 28, which halves the rates and keeps their ratios; Python 3.11,
jsonschema 4.26, jsonschema-rs 0.61, msgspec 0.22, DuckDB 2.0, Polars 2.1.)
"""

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SCHEMA = {
    "type": "object",
    "required": ["order_id", "store", "amount", "sold_at"],
    "properties": {
        "order_id": {"type": "integer", "minimum": 1},
        "store": {"type": "string", "minLength": 1, "maxLength": 40},
        "amount": {"type": "number", "minimum": 0, "maximum": 100000},
        "currency": {"enum": ["EUR", "CHF", "USD"]},
        "sold_at": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} "},
        "customer": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "integer"}, "segment": {"type": ["string", "null"]}},
        },
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}},
            },
        },
    },
}
COLUMNS = [
    {"name": "order_id", "type": "int64", "required": True},
    {"name": "amount", "type": "decimal(12,2)", "min": 0},
    {"name": "sold_at", "type": "timestamp"},
]
ROUNDS = 3


def deliver(path: Path, rows: int) -> None:
    """Writes so many records; one in a thousand breaks the schema."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            record = {
                "order_id": number + 1,
                "store": f"Zurich Airport {number % 500}",
                "amount": -1 if number % 1000 == 999 else number % 9000 + number % 100 / 100,
                "currency": ("EUR", "CHF", "USD")[number % 3],
                "sold_at": f"2026-11-01 10:{number % 60:02d}:00",
                "customer": {"id": number % 5000, "segment": None if number % 2 else "web"},
                "lines": [{"sku": f"sku-{number % 300}", "quantity": number % 5 + 1}],
            }
            file.write(json.dumps(record) + "\n")


def with_lakeferry(path: Path) -> int:
    """The whole pass; bad rows."""
    return _pass(path, {})


def with_typed_columns(path: Path) -> int:
    """The whole pass, and declared columns; bad rows."""
    return _pass(path, {"columns": COLUMNS})


def _pass(path: Path, checks: dict[str, Any]) -> int:
    from lakeferry.checks import BadRows
    from lakeferry.feeds import parse_feed
    from lakeferry.inspect import inspect

    feed = parse_feed(
        {
            "tenant": "bench",
            "feed": "jsonl",
            "server": {"protocol": "ftp", "host": "h", "username": "u", "allow_plaintext": True},
            "files": {"directory": "/", "pattern": "*"},
            "format": {"type": "jsonl"},
            "checks": {**checks, "json_schema": SCHEMA, "bad_rows": {"max_ratio": 0.1}},
            "dataset": "bench",
        }
    )
    bad_rows = BadRows(path.name, feed.checks.bad_rows, lambda _: None)
    with path.open("rb") as source:
        inspect(feed, path.name, source, lambda _: _Nothing(), bad_rows=bad_rows)
    return bad_rows.count


class _Nothing(io.RawIOBase):
    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]


def with_jsonschema_rs(path: Path) -> int:
    """json module and the compiled validator; bad records."""
    import jsonschema_rs

    is_valid = jsonschema_rs.validator_for(SCHEMA).is_valid
    return sum(not is_valid(record) for record in _records(path))


def with_jsonschema(path: Path) -> int:
    """json module and Python's jsonschema; bad records."""
    from jsonschema import Draft202012Validator

    is_valid = Draft202012Validator(SCHEMA).is_valid
    return sum(not is_valid(record) for record in _records(path))


def with_duckdb(path: Path) -> int:
    """DuckDB: read typed, and written as JSON Lines again; nothing checked but types."""
    import duckdb

    types = {
        "order_id": "BIGINT",
        "store": "VARCHAR",
        "amount": "DECIMAL(12,2)",
        "currency": "VARCHAR",
        "sold_at": "TIMESTAMP",
        "customer": "STRUCT(id BIGINT, segment VARCHAR)",
        "lines": "STRUCT(sku VARCHAR, quantity BIGINT)[]",
    }
    rows = f"SELECT * FROM read_json('{path}', format='newline_delimited', columns={types})"
    copy = f"COPY ({rows}) TO '{os.devnull}' (FORMAT json, USE_TMP_FILE false)"
    duckdb.connect(config={"threads": 1}).execute(copy)
    return 0


def with_polars(path: Path) -> int:
    """Polars: read typed, and written as JSON Lines again; nothing checked but types."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    customer = pl.Struct({"id": pl.Int64, "segment": pl.String})
    lines = pl.List(pl.Struct({"sku": pl.String, "quantity": pl.Int64}))
    texts = dict.fromkeys(("store", "currency", "sold_at"), pl.String)
    schema = {"order_id": pl.Int64, "amount": pl.Float64, **texts, "customer": customer, "lines": lines}
    with open(os.devnull, "wb") as nothing:
        pl.read_ndjson(path, schema=schema).write_ndjson(nothing)
    return 0


def with_json_alone(path: Path) -> int:
    """json module, nothing checked."""
    return sum(not record for record in _records(path))


def with_sha256_alone(path: Path) -> int:
    """Reading and hashing, nothing parsed."""
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return 0


def _records(path: Path) -> Iterator[object]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


CONTENDERS: dict[str, Callable[[Path], int]] = {
    "jsonschema": with_jsonschema,
    "lakeferry": with_lakeferry,
    "lakeferry, typed columns": with_typed_columns,
    "jsonschema-rs": with_jsonschema_rs,
    "DuckDB, read and written": with_duckdb,
    "Polars, read and written": with_polars,
    "json.loads alone": with_json_alone,
    "SHA-256 alone": with_sha256_alone,
}


def measured(name: str, path: Path) -> tuple[float, int, float] | None:
    """CPU seconds, bad records, peak memory in MB, of a process of its own; None where it is not on this machine."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        try:
            return pool.apply(_measure, (name, path))
        except ImportError:
            return None


def _measure(name: str, path: Path) -> tuple[float, int, float]:
    contender = CONTENDERS[name]
    warm = path.with_suffix(".warm")
    contender(warm)
    begun = time.process_time()
    bad = contender(path)
    return time.process_time() - begun, bad, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> int:
    """Prints one line a contender; 1 if two disagree on the bad records, or the pass is not 10 times as fast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=200_000, help="records")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.jsonl"
        deliver(path, size)
        deliver(path.with_suffix(".warm"), 1)
        print(f"{size:,} records, {path.stat().st_size / 1e6:.1f} MB; {ROUNDS} rounds, median")
        rates: dict[str, float] = {}
        found: dict[str, int] = {}
        turns = [{name: measured(name, path) for name in CONTENDERS} for _ in range(ROUNDS)]
        for name in CONTENDERS:
            rounds = [one for turn in turns if (one := turn[name])]
            if not rounds:
                print(f"{name:24} not on this machine (requirements/bench.txt)")
                continue
            seconds = statistics.median(item[0] for item in rounds)
            rates[name], found[name] = size / seconds, rounds[0][1]
            print(
                f"{name:24} {rates[name]:11,.0f} records/s  x{rates[name] / rates['jsonschema']:6.1f}  "
                f"peak {max(item[2] for item in rounds):6.1f} MB  {found[name]} bad"
            )
    checked = {found[name] for name in ("jsonschema", "lakeferry", "lakeferry, typed columns", "jsonschema-rs")}
    holds = len(checked) == 1 and (size < 10_000 or rates["lakeferry"] >= 10 * rates["jsonschema"])
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
