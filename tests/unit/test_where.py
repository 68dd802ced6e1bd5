"""Where the rows of a lake on this machine are: each once, whatever generations of a day are there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.calling import Call
from cli.lake import LakeStack
from cli.output import Output
from cli.run.outcome import tell_where

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a lake whose catalog names those generations of days."""

    def write(*, current: dict[str, str], others: dict[str, str]) -> None:
        root = tmp_path / "o'hare" / "curated" / "sales" / "tenant=acme" / "feed=daily"
        for day, generation in [*current.items(), *others.items()]:
            folder = root / f"dt={day}" / generation / "region=north"
            folder.mkdir(parents=True)
            duckdb.sql("select 1 as order_id").write_parquet(str(folder / "part-0.parquet"))
        places = [f"s3://lake/curated/sales/tenant=acme/feed=daily/dt={day}/{one}/" for day, one in current.items()]
        table: dict[str, Any] = {
            "table": {"Name": "sales"},
            "partitions": [{"StorageDescriptor": {"Location": place}} for place in places],
        }
        kept = tmp_path / "o'hare" / ".lakeferry" / "catalog.json"
        kept.parent.mkdir()
        kept.write_text(json.dumps({"lakeferry": [table, {"table": {"Name": "other"}, "partitions": []}]}))

    return write


def told(folder: Path) -> str:
    (one,) = tell_where(Call(Output(as_json=False)), LakeStack(folder, None), ["sales"])  # type: ignore[arg-type]
    return one["sql"]


@pytest.mark.parametrize("days", [["2026-11-24"], ["2026-11-24", "2026-11-25"]])
def test_a_day_that_was_rebuilt_is_read_once(tmp_path: Path, write: Write, days: list[str]) -> None:
    write(current=dict.fromkeys(days, "second"), others={"2026-11-24": "first"})
    rows = duckdb.sql(told(tmp_path / "o'hare")).fetchall()
    assert sorted(row[0] for row in rows) == [1] * len(days)
    assert len(rows) == len(days)


def test_where_every_generation_is_current_the_whole_folder_is_named(tmp_path: Path, write: Write) -> None:
    write(current={"2026-11-24": "first", "2026-11-25": "first"}, others={})
    sql = told(tmp_path / "o'hare")
    assert "curated/sales/**/*.parquet'" in sql
    assert len(duckdb.sql(sql).fetchall()) == 2


def test_without_a_catalog_the_folder_is_named(tmp_path: Path, write: Write) -> None:
    write(current={"2026-11-24": "first"}, others={})
    (tmp_path / "o'hare" / ".lakeferry" / "catalog.json").unlink()
    assert len(duckdb.sql(told(tmp_path / "o'hare")).fetchall()) == 1
