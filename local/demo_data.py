"""Files two partners deliver, with what must come out of them counted while they are written."""

import gzip
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

ROWS = 5_000


@dataclass
class Expected:
    """What the lake must show, known from the making of the files.

    Attributes:
        files: Remote names that must be ingested.
        broken: Remote names that must fail.
        ignored: Remote names no feed asks for.
        kept: Rows in the curated zone by dataset.
        dropped: Rows that rules drop by dataset.
        sales: Sum of the kept amounts.
    """

    files: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=lambda: {"sales": 0, "stock": 0})
    dropped: dict[str, int] = field(default_factory=lambda: {"sales": 0, "stock": 0})
    sales: Decimal = Decimal(0)


def deliver(sftp: Path, ftp: Path, today: date) -> Expected:
    """Writes both partners' folders; everything looks days old."""
    expected, dice = Expected(), random.Random(2026)  # noqa: S311  (data, not secrets)
    outgoing, export = sftp / "outgoing", ftp / "export"
    outgoing.mkdir(parents=True)
    export.mkdir(parents=True)
    for days_ago in (2, 1):
        day = today - timedelta(days=days_ago)
        for part in ("morning", "evening"):
            _put(
                outgoing / f"sales_{day:%Y%m%d}_{part}.csv.gz",
                gzip.compress(_sales(day, dice, expected), mtime=0),
                expected.files,
            )
        _put(export / f"stock-{day:%Y-%m-%d}.csv", _stock(day, dice, expected), expected.files)
    whole = gzip.compress(_sales(today, dice, Expected()), mtime=0)
    _put(outgoing / f"sales_{today:%Y%m%d}_morning.csv.gz", whole[: len(whole) // 2], expected.broken)
    _put(outgoing / "README.txt", b"Not data.\n", expected.ignored)
    _put(outgoing / f"sales_{today:%Y%m%d}_evening.csv.gz.part", whole[:100], expected.ignored)
    return expected


SAMPLES = ("sales_20241122_0100.csv.gz", "sales_20241122_0200.csv.gz")
SAMPLED_AT = 1_732_240_812


def deliver_samples(sftp: Path) -> None:
    """The two files that events/*.json name: always the same bytes, of the same time."""
    for hour, name in enumerate(SAMPLES, 1):
        rows = [f"{hour}00{number},Bern,{number}.50,2024-11-22 0{hour}:00:0{number}" for number in range(1, 4)]
        text = "\r\n".join(["order_id,store,amount,sold_at", *rows]) + "\r\n"
        path = sftp / "outgoing" / name
        path.write_bytes(gzip.compress(text.encode(), 0, mtime=0))  # stored, so that no zlib packs it otherwise
        os.utime(path, (SAMPLED_AT, SAMPLED_AT))


@contextmanager
def being_written(ftp: Path, today: date, expected: Expected) -> Iterator[None]:
    """A file that the FTP partner is still writing, row by row, as long as the block runs."""
    path = ftp / "export" / f"stock-{today:%Y-%m-%d}.csv"
    expected.ignored.append(path.name)
    ended = threading.Event()

    def write() -> None:
        with path.open("w", encoding="utf-8", buffering=1) as file:
            file.write("sku;warehouse;on_hand;counted_on\n")
            number = 0
            while not ended.wait(0.2):
                file.write(f"SKU-{number:06};north;{number};{today:%d.%m.%Y}\n")
                number += 1

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        ended.set()
        writing.join()


def _put(path: Path, data: bytes, names: list[str]) -> None:
    path.write_bytes(data)
    moment = time.time() - 3 * 86400
    os.utime(path, (moment, moment))
    names.append(path.name)


def _sales(day: date, dice: random.Random, expected: Expected) -> bytes:
    lines = ["order_id,store,amount,sold_at"]
    for _ in range(ROWS):
        amount = Decimal(dice.randint(-2_000, 30_000)) / 100
        store = dice.choice(["Berlin", "Bern", '"Vienna, West"', "Zürich", ""])
        moment = f"{day} {dice.randint(7, 21):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}"
        lines.append(f"{dice.randint(1, 10**9)},{store},{amount},{moment}")
        keep = amount > 0 and store != ""
        expected.kept["sales"] += keep
        expected.dropped["sales"] += not keep
        expected.sales += amount if keep else 0
    return ("\r\n".join(lines) + "\r\n").encode()


def _stock(day: date, dice: random.Random, expected: Expected) -> bytes:
    lines = ["sku;warehouse;on_hand;counted_on"]
    for number in range(ROWS):
        on_hand = dice.randint(-20, 400)
        lines.append(f"SKU-{number:06};{dice.choice(['north', 'south'])};{on_hand};{day:%d.%m.%Y}")
        expected.kept["stock"] += on_hand >= 0
        expected.dropped["stock"] += on_hand < 0
    return ("\n".join(lines) + "\n").encode()
