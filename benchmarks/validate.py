#!/usr/bin/env python3
"""Validate's pass over a gzipped CSV of 12 typed columns, beside gunzip, readers and validators; one core each.

    PYTHONPATH=functions:. python benchmarks/validate.py [--size 500] [--rounds 3] [--sample 20000]

Every contender runs in a process of its own on the same core, one after the other, round by round; a ratio is the
median of the rounds' ratios, in seconds of CPU: other work on the machine counts little. frictionless and jsonschema
get a sample of the rows, unpacked, and are compared by seconds a row; all others the same file. What is not
installed (requirements/bench.txt) is left out.

    508 MB of text, 4,100,000 rows, 12 typed columns, gzip; sample of 20,000 rows
    Lakeferry, whole pass          2.57 s    197.9 MB/s  x   1.00  peak  279.5 MB
    Lakeferry, 0.1 % bad rows      3.25 s    156.4 MB/s  x   1.29  peak  254.2 MB
    gunzip                         2.01 s    252.9 MB/s  x   0.79  peak   16.4 MB
    DuckDB, typed reader           2.55 s    199.6 MB/s  x   1.01  peak  202.6 MB
    Polars, typed reader           4.41 s    115.1 MB/s  x   1.73  peak  838.6 MB
    pandera on pandas              8.73 s     58.2 MB/s  x   3.39  peak 1578.6 MB  target MISSED
    pandera on Polars              5.18 s     98.2 MB/s  x   2.01  peak 1408.7 MB
    frictionless                 128.06 s      4.0 MB/s  x  50.18  peak   73.1 MB
    jsonschema, row by row       329.03 s      1.5 MB/s  x 128.67  peak   26.3 MB

(2026-11-24, 2 shared cores at load 0.7, Python 3.11. Our memory with pandas and numpy loaded, as they were then;
without them, as now, 200 and 209 MB.)

`--size 100 --only written`, those that do a whole, from the same gzip to text that is typed and written again:

    112 MB of text, 900,000 rows, 12 typed columns, gzip; sample of 10 rows
    Lakeferry, whole pass          0.92 s    120.6 MB/s  x   1.00  peak  150.6 MB
    Lakeferry, 0.1 % bad rows      1.27 s     87.8 MB/s  x   1.22  peak  181.5 MB
    DuckDB, read and written       1.77 s     62.9 MB/s  x   1.95  peak  174.6 MB
    DuckDB, checked, written       1.94 s     57.5 MB/s  x   1.95  peak  175.1 MB
    Polars, read and written       2.52 s     44.2 MB/s  x   2.73  peak  268.3 MB

(2026-11-30, at load 20 to 25.)
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

COLUMNS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "int64", "required": True, "unique": True},
    {"name": "line_no", "type": "int64", "min": 0, "max": 9},
    {"name": "store", "type": "string", "required": True, "max_length": 40},
    {"name": "sku", "type": "string", "pattern": "SKU-[0-9]{5}"},
    {"name": "qty", "type": "int64", "min": 0, "max": 100},
    {"name": "price", "type": "decimal(12,2)", "min": 0},
    {"name": "discount", "type": "float64", "min": 0, "max": 1},
    {"name": "paid", "type": "bool"},
    {"name": "sold_on", "type": "date", "min": "2020-01-01"},
    {"name": "sold_at", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
    {"name": "status", "type": "string", "values": ["new", "paid", "sent"]},
    {"name": "note", "type": "string", "max_length": 100},
]
NAMES = [column["name"] for column in COLUMNS]
STORES = ("Zurich Airport", "Basel SBB", "Bern", "Geneva")
BAD = [("line_no", "x"), ("qty", "-1"), ("price", "1.005"), ("sold_at", "yesterday"), ("status", "lost")]
CORE = min(os.sched_getaffinity(0))


# -- the files


def deliver(folder: Path, megabytes: float) -> tuple[int, int]:
    """Writes clean.csv.gz, bad.csv.gz (0.1 % bad rows, scattered) and clean.csv; rows, and bad ones."""
    seed = random.Random(1)
    tails = [
        f"{STORES[i % 4]},SKU-{seed.randrange(99999):05d},{seed.randrange(100)},{seed.randrange(10000) / 100:.2f},"
        f"{seed.random():.4f},{'true' if i % 3 else 'false'},2026-11-{i % 28 + 1:02d},"
        f"2026-11-{i % 28 + 1:02d} {i % 24:02d}:{i % 60:02d}:{seed.randrange(60):02d},{('new', 'paid', 'sent')[i % 3]},"
        f"some words that fill row {seed.randrange(10**6)} up\n"
        for i in range(100_000)
    ]
    header, row, size = ",".join(NAMES) + "\n", 0, int(megabytes * 1e6)
    choice, bad_rows = random.Random(2), 0
    with (
        gzip.open(folder / "clean.csv.gz", "wb", 6) as clean,
        gzip.open(folder / "bad.csv.gz", "wb", 6) as bad,
        (folder / "clean.csv").open("wb") as plain,
    ):
        written = 0
        text, spoilt = [header], [header]
        while written < size:
            lines = [f"{10**9 + row + i},{(row + i) % 9},{tail}" for i, tail in enumerate(tails[: max(1, size // 120)])]
            text += lines
            for line in lines:
                is_bad = choice.random() < 0.001
                spoilt.append(_spoil(line, choice) if is_bad else line)
                bad_rows += is_bad
            row += len(lines)
            data = "".join(text).encode()
            written += len(data)
            clean.write(data)
            plain.write(data)
            bad.write("".join(spoilt).encode())
            text, spoilt = [], []
    return row, bad_rows


def _spoil(line: str, choice: random.Random) -> str:
    name, value = choice.choice(BAD)
    fields = line.split(",")
    fields[NAMES.index(name)] = value
    return ",".join(fields)


def sample_of(folder: Path, rows: int) -> int:
    """Writes sample.csv with the first rows; how many there are."""
    with gzip.open(folder / "clean.csv.gz", "rt") as source, (folder / "sample.csv").open("w") as target:
        lines = list(itertools.islice(source, rows + 1))
        target.writelines(lines)
    return len(lines) - 1


# -- contenders; each runs in a child and returns the rows it took for good


def lakeferry(path: Path) -> int:
    """The whole pass, its output thrown away as it comes."""
    for name in ("pandas", "numpy"):
        # pyarrow takes them up where they are, which they are not in the function: 40 MB
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    from lakeferry.checks import BadRows
    from lakeferry.feeds import parse_feed
    from lakeferry.inspect import inspect

    feed = parse_feed(
        {
            "tenant": "acme",
            "feed": "sales",
            "server": {
                "protocol": "sftp",
                "host": "p",
                "username": "u",
                "host_keys": ["ssh-ed25519 AAAA"],
                "secret": "lakeferry/acme/x",
            },
            "files": {"directory": "/", "pattern": "*"},
            "format": {"type": "csv"},
            "checks": {"columns": COLUMNS},
            "dataset": "sales",
        }
    )
    with path.open("rb") as source, open(os.devnull, "wb", buffering=0) as nothing:
        bad_rows = BadRows(path.name, feed.checks.bad_rows, nothing.write)
        report = inspect(feed, path.name, source, lambda _: nothing, bad_rows=bad_rows)
    return report.outputs[0].rows_landed


def gunzip(path: Path) -> int:
    """The command, into nothing."""
    subprocess.run(["gunzip", "-c", str(path)], stdout=subprocess.DEVNULL, check=True)
    return 0


_SQL = {
    "int64": "BIGINT",
    "string": "VARCHAR",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


def duckdb_reader(path: Path) -> int:
    """Typed, every column looked at, nothing kept."""
    import duckdb

    types = {column["name"]: _SQL.get(column["type"], column["type"]) for column in COLUMNS}
    counts = ", ".join(f"count({name})" for name in NAMES)
    found = duckdb.connect(config={"threads": 1}).execute(
        f"SELECT {counts} FROM read_csv('{path}', header=true, auto_detect=false, delim=',', columns={types})"
    )
    row = found.fetchone()
    return int(row[0]) if row else 0


def _duckdb_copy(path: Path, where: str) -> int:
    import duckdb

    types = {column["name"]: _SQL.get(column["type"], column["type"]) for column in COLUMNS}
    rows = f"SELECT * FROM read_csv('{path}', header=true, auto_detect=false, delim=',', columns={types}) {where}"
    copy = f"COPY ({rows}) TO '{os.devnull}' (FORMAT csv, HEADER, USE_TMP_FILE false)"
    row = duckdb.connect(config={"threads": 1}).execute(copy).fetchone()
    return int(row[0]) if row else 0


def duckdb_pass(path: Path) -> int:
    """Unpacked, read typed, and written as text again: the bare whole, nothing checked but types."""
    return _duckdb_copy(path, "")


def duckdb_checked(path: Path) -> int:
    """The same, with the checks of single rows; not whether a value is unique, for which it would read twice."""
    kept = []
    for column in COLUMNS:
        name, quoted = column["name"], "'{}'".format
        literal = quoted if column["type"] == "date" else str
        if column.get("required"):
            kept.append(f"{name} IS NOT NULL")
        if "min" in column:
            kept.append(f"{name} >= {literal(column['min'])}")
        if "max" in column:
            kept.append(f"{name} <= {literal(column['max'])}")
        if "pattern" in column:
            kept.append(f"regexp_full_match({name}, {quoted(column['pattern'])})")
        if "values" in column:
            kept.append(f"{name} IN ({', '.join(map(quoted, column['values']))})")
        if "max_length" in column:
            kept.append(f"length({name}) <= {column['max_length']}")
    return _duckdb_copy(path, "WHERE " + " AND ".join(kept))


def polars_pass(path: Path) -> int:
    """Unpacked, read typed, and written as text again, the whole table in memory."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    frame = pl.read_csv(path, schema=_polars_schema())
    with open(os.devnull, "wb") as nothing:
        frame.write_csv(nothing)
    return int(frame.height)


def polars_reader(path: Path) -> int:
    """Typed, the whole table in memory: it reads gzip in no other way."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    return int(pl.read_csv(path, schema=_polars_schema()).height)


def _polars_schema() -> dict[str, Any]:
    import polars as pl

    kinds = {
        "int64": pl.Int64,
        "float64": pl.Float64,
        "bool": pl.Boolean,
        "date": pl.Date,
        "timestamp": pl.Datetime("us"),
    }
    return {
        column["name"]: kinds.get(column["type"], pl.Decimal(12, 2) if "decimal" in column["type"] else pl.String)
        for column in COLUMNS
    }


def _pandera_columns(pa: Any, types: dict[str, Any]) -> dict[str, Any]:  # either of two modules
    """The columns of a schema, for both of pandera's backends."""
    columns = {}
    for column in COLUMNS:
        checks = []
        if "min" in column and column["type"] != "date":
            checks.append(pa.Check.ge(column["min"]))
        if "max" in column:
            checks.append(pa.Check.le(column["max"]))
        if "pattern" in column:
            checks.append(pa.Check.str_matches(f"^{column['pattern']}$"))
        if "values" in column:
            checks.append(pa.Check.isin(column["values"]))
        if "max_length" in column:
            checks.append(pa.Check.str_length(max_value=column["max_length"]))
        columns[column["name"]] = pa.Column(
            types[column["name"]], checks, nullable=not column.get("required"), unique=column.get("unique", False)
        )
    return columns


def pandera_polars(path: Path) -> int:
    """Polars' typed reader, and pandera's checks."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    import pandera.polars as pa
    import polars as pl

    frame = pl.read_csv(path, schema=_polars_schema())
    return int(pa.DataFrameSchema(_pandera_columns(pa, _polars_schema())).validate(frame, lazy=True).height)


def pandera_pandas(path: Path) -> int:
    """pandas' reader, decimals as floats, and pandera's checks."""
    import pandas as pd
    import pandera.pandas as pa

    kinds = {"int64": "int64", "float64": "float64", "decimal(12,2)": "float64", "bool": "bool", "string": "str"}
    types = {column["name"]: kinds.get(column["type"], "datetime64[us]") for column in COLUMNS}
    dates = [name for name, kind in types.items() if kind.startswith("datetime")]
    frame = pd.read_csv(path, dtype={name: kind for name, kind in types.items() if name not in dates})
    for name in dates:
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    return len(pa.DataFrameSchema(_pandera_columns(pa, types)).validate(frame, lazy=True))


def frictionless_validate(path: Path) -> int:
    """Its own types and constraints."""
    from frictionless import Resource, Schema, validate

    kinds = {"int64": "integer", "float64": "number", "bool": "boolean", "date": "date", "timestamp": "datetime"}
    fields = []
    for column in COLUMNS:
        field: dict[str, Any] = {
            "name": column["name"],
            "type": kinds.get(column["type"], "number" if "decimal" in column["type"] else "string"),
        }
        if "format" in column:
            field["format"] = column["format"]
        names = {
            "required": "required",
            "unique": "unique",
            "min": "minimum",
            "max": "maximum",
            "pattern": "pattern",
            "values": "enum",
            "max_length": "maxLength",
        }
        field["constraints"] = {names[key]: value for key, value in column.items() if key in names}
        fields.append(field)
    # absolute paths are unsafe for it
    os.chdir(path.parent)
    report = validate(Resource(path=path.name, schema=Schema.from_descriptor({"fields": fields})))
    if not report.valid:
        raise SystemExit(f"frictionless finds {report.flatten(['rowNumber', 'fieldName', 'note'])[:3]}")
    return int(report.tasks[0].stats["rows"])


def jsonschema_rows(path: Path) -> int:
    """csv.DictReader, values converted, one validation a row."""
    from jsonschema import Draft202012Validator

    convert: dict[str, Callable[[str], Any]] = {
        "int64": int,
        "float64": float,
        "decimal(12,2)": lambda text: float(Decimal(text)),
        "bool": lambda text: {"true": True, "false": False}[text],
    }
    kinds = {"int64": "integer", "float64": "number", "decimal(12,2)": "number", "bool": "boolean"}
    names = {"min": "minimum", "max": "maximum", "pattern": "pattern", "values": "enum", "max_length": "maxLength"}
    properties = {
        column["name"]: {"type": kinds.get(column["type"], "string")}
        | {
            names[key]: value
            for key, value in column.items()
            if key in names and not (key == "min" and column["type"] == "date")
        }
        for column in COLUMNS
    }
    validator = Draft202012Validator({"type": "object", "required": ["order_id", "store"], "properties": properties})
    seen: set[int] = set()
    good = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            typed = {column["name"]: convert.get(column["type"], str)(row[column["name"]]) for column in COLUMNS}
            datetime.strptime(row["sold_on"], "%Y-%m-%d")
            datetime.strptime(row["sold_at"], "%Y-%m-%d %H:%M:%S")
            if not any(validator.iter_errors(typed)) and typed["order_id"] not in seen:
                good += 1
            seen.add(typed["order_id"])
    return good


CONTENDERS: dict[str, tuple[Callable[[Path], int], str]] = {
    "Lakeferry, whole pass": (lakeferry, "clean.csv.gz"),
    "Lakeferry, 0.1 % bad rows": (lakeferry, "bad.csv.gz"),
    "gunzip": (gunzip, "clean.csv.gz"),
    "DuckDB, typed reader": (duckdb_reader, "clean.csv.gz"),
    "Polars, typed reader": (polars_reader, "clean.csv.gz"),
    "DuckDB, read and written": (duckdb_pass, "clean.csv.gz"),
    "DuckDB, checked, written": (duckdb_checked, "clean.csv.gz"),
    "Polars, read and written": (polars_pass, "clean.csv.gz"),
    "pandera on pandas": (pandera_pandas, "clean.csv.gz"),
    "pandera on Polars": (pandera_polars, "clean.csv.gz"),
    "frictionless": (frictionless_validate, "sample.csv"),
    "jsonschema, row by row": (jsonschema_rows, "sample.csv"),
}


# -- running them


def child(name: str, folder: Path) -> None:
    """Runs one contender and tells seconds of CPU, rows and peak memory."""
    os.sched_setaffinity(0, {CORE})
    function, file = CONTENDERS[name]
    # libraries are imported before the clock starts, by a pass over very little
    warm = folder / f"warm-{file}"
    try:
        function(warm)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    before = spent()
    rows = function(folder / file)
    # a child's time is told in ticks, and may be none
    seconds = max(spent() - before, 1e-4)
    # ru_maxrss would have the parent's from before exec
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps({"seconds": seconds, "rows": rows, "peak": peak}))


def spent() -> float:
    """Seconds of CPU of this process and its children, in user and system mode."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Runs a contender in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"missing": (done.stderr.strip().splitlines() or ["?"])[-1][:100]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> int:
    """Prints the table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=500, help="megabytes of text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="contenders whose names have this in them")
    parser.add_argument("--sample", type=int, default=20_000, help="rows for the slow validators")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.folder)
        return 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        rows, bad_rows = deliver(folder, options.size)
        sampled = sample_of(folder, options.sample)
        with gzip.open(folder / "clean.csv.gz", "rb") as source:
            head = b"".join(source.readline() for _ in range(50))
        for file in ("clean.csv.gz", "bad.csv.gz"):
            (folder / f"warm-{file}").write_bytes(gzip.compress(head))
        (folder / "warm-sample.csv").write_bytes(head)
        size = (folder / "clean.csv").stat().st_size
        print(f"{size / 1e6:.0f} MB of text, {rows:,} rows, 12 typed columns, gzip; sample of {sampled:,} rows")
        found: dict[str, list[dict[str, Any]]] = {
            contender: [] for contender in CONTENDERS if options.only in contender or contender.startswith("Lakeferry")
        }
        for _ in range(options.rounds):
            for contender, results in found.items():
                results.append(measure(contender, folder))
    return report(found, size, rows, bad_rows, sampled)


def report(found: dict[str, list[dict[str, Any]]], size: int, rows: int, bad_rows: int, sampled: int) -> int:
    """One line a contender: its rate, its speed as a multiple of the whole pass's, its memory."""
    ours = found["Lakeferry, whole pass"]
    missed = 0
    for contender, results in found.items():
        if any("missing" in result for result in results):
            print(f"{contender:26} not measured: {results[0].get('missing')}")
            continue
        if any(result["rows"] != rows_of(contender, rows, bad_rows, sampled) for result in results):
            print(f"{contender:26} took {results[0]['rows']} rows for good, which is wrong")
            missed += 1
            continue
        share = sampled / rows if CONTENDERS[contender][1] == "sample.csv" else 1.0
        seconds = statistics.median(result["seconds"] for result in results) / share
        # how many times as fast as it the whole pass is
        ratio = statistics.median(
            theirs["seconds"] / share / our["seconds"] for theirs, our in zip(results, ours, strict=True)
        )
        peak = max(result["peak"] for result in results) / 1e6
        rate = f"{seconds:8.2f} s {size / 1e6 / seconds:8.1f} MB/s"
        target = TARGETS.get(contender)
        is_met = target is None or target(ratio)
        missed += not is_met
        print(f"{contender:26} {rate}  x{ratio:7.2f}  peak {peak:6.1f} MB{'' if is_met else '  target MISSED'}")
    return int(missed > 0)


def rows_of(contender: str, rows: int, bad_rows: int, sampled: int) -> int:
    """How many good rows a contender has to find."""
    if contender == "gunzip":
        return 0
    file = CONTENDERS[contender][1]
    return sampled if file == "sample.csv" else rows - bad_rows if file == "bad.csv.gz" else rows


TARGETS: dict[str, Callable[[float], bool]] = {
    "gunzip": lambda ratio: ratio >= 0.7,
    "Lakeferry, 0.1 % bad rows": lambda ratio: ratio <= 1.3,
    "DuckDB, typed reader": lambda ratio: ratio >= 0.8,
    "Polars, typed reader": lambda ratio: ratio >= 0.8,
    "pandera on pandas": lambda ratio: ratio >= 5,
    "frictionless": lambda ratio: ratio >= 50,
    "jsonschema, row by row": lambda ratio: ratio >= 50,
}
"""How many times as fast as each the whole pass must be; of the file with bad rows, how much slower it may be."""


if __name__ == "__main__":
    sys.exit(main())
