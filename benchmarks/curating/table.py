"""What the contenders curate: sales in seven columns, and as many more as are asked for; a file a partition."""

import os
from pathlib import Path

import duckdb

TYPES = {
    "order_id": "BIGINT",
    "sold_at": "TIMESTAMP",
    "store": "VARCHAR",
    "amount": "DECIMAL(12,2)",
    "quantity": "BIGINT",
    "sku": "VARCHAR",
    "note": "VARCHAR",
}
_MOMENT = "TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * (random() * 86400)::BIGINT"
_SECOND = f"strftime({_MOMENT}, '%Y-%m-%d %H:%M:%S')"
MORE = (
    ("DECIMAL(12,2)", "(random() * 900)::DECIMAL(12,2)"),
    ("BIGINT", "(random() * 1000000)::BIGINT"),
    ("VARCHAR", "'value ' || (random() * 1000)::INT"),
    ("DATE", "DATE '2026-01-01' + (random() * 365)::INT"),
    ("TIMESTAMP", _SECOND),
    ("DOUBLE", "round(random() * 1000, 3)"),
)
"""Type and value of the columns behind these, in turn; the variable `MORE_COLUMNS` says how many there are."""
STORES = 500
REFERENCE = "reference/acme/stores/1/stores.csv"


def types() -> dict[str, str]:
    """The columns and DuckDB's types of them."""
    return TYPES | {name: MORE[number % len(MORE)][0] for number, name in enumerate(_more())}


def bytes_a_row() -> int:
    """Of the CSV, roughly."""
    return 109 + 11 * len(_more())


def _more() -> list[str]:
    return [f"more{number}" for number in range(int(os.environ.get("MORE_COLUMNS", "0")))]


def generate(folder: Path, rows: int, partitions: int) -> int:
    """Writes one file a partition and the reference table; returns the bytes of the files."""
    more = "".join(f", {MORE[number % len(MORE)][1]} AS {name}" for number, name in enumerate(_more()))
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.42)")
        (folder / REFERENCE).parent.mkdir(parents=True)
        connection.execute(
            f"COPY (SELECT 'store ' || i AS store, 'region ' || i % 12 AS region FROM range({STORES + 1}) t(i)) "
            f"TO '{folder / REFERENCE}' (HEADER)"
        )
        for number in range(partitions):
            target = folder / partition_key(number)
            target.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"""COPY (SELECT i + {number * rows} AS order_id, {_SECOND} AS sold_at,
                        'store ' || (random() * {STORES})::INT AS store,
                        (random() * 900 - 20)::DECIMAL(12,2) AS amount, (random() * 100)::INT AS quantity,
                        'SKU' || lpad((random() * 50000)::INT::VARCHAR, 6, '0') AS sku,
                        CASE WHEN random() < 0.2 THEN 'note, with "quotes" and a comma and a bit of text'
                             ELSE 'a plain note that is about as long as people write' END AS note{more}
                    FROM range({rows // partitions}) t(i)) TO '{target}' (HEADER)"""
            )
    return sum(file.stat().st_size for file in (folder / "raw").rglob("*.csv"))


def partition_key(number: int) -> str:
    return f"raw/acme_sales/dt=day{number:03d}/sales-00000000.csv"
