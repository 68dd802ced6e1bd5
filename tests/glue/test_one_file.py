"""A file that cannot be curated is named and set aside by itself: the rest of its day is there, and stays there."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from lakeferry.ledger.asides import CURATE, Aside
from tests.conftest import OTHER_RUN
from tests.glue.conftest import SmallLake

pytestmark = pytest.mark.spark

DAY = "raw/acme_daily_sales/dt=2026-01-05"
HEADER = "order_id,amount\n"


def the_aside(lake: SmallLake) -> Aside:
    (aside,) = lake.job()._ledger.asides.of(CURATE)
    return aside


def states(lake: SmallLake, *names: str) -> list[tuple[str, str | None]]:
    found = [lake.entry(name) for name in names]
    return [(entry["status"], entry.get("pending")) for entry in found]


def land_parquet(lake: SmallLake, name: str, columns: dict[str, Any], *, broken: bool = False) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    content = sink.getvalue()
    if broken:
        content = content[:8] + bytes(byte ^ 0xFF for byte in content[8:-40]) + content[-40:]
    rows = len(next(iter(columns.values())))
    lake.land(name, "", rows=rows, columns=list(columns))
    (lake.folder / f"{DAY}/{name}").write_bytes(content)


def test_an_object_that_spark_cannot_read_is_left_out_and_named(
    lake: SmallLake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.put_feed(format={"type": "parquet"}, checks={}, transform={})
    for number in range(4):
        land_parquet(lake, f"{number}.parquet", {"id": [number]}, broken=number == 2)
    curate.main(lake.arguments())
    assert lake.rows("id") == [(0,), (1,), (3,)]
    assert states(lake, "1.parquet", "2.parquet") == [("CURATED", None), ("UPLOADED", "aside")]
    aside = the_aside(lake)
    assert (aside.error, aside.partitions, aside.files) == ("FileNotCuratedError", 0, 1)
    said = (
        "dt=2026-01-05: /outgoing/2.parquet: its object in the raw zone is damaged, or no Parquet. Reprocess the file"
    )
    assert aside.cause.startswith(said)
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["left_out"] == {"acme/daily_sales dt=2026-01-05": "/outgoing/2.parquet"}
    assert report["failed"] == {}
    # the next file of the day has it tried again, and it fails as before
    land_parquet(lake, "4.parquet", {"id": [4]})
    curate.main(lake.arguments(OTHER_RUN))
    assert [row[0] for row in lake.rows("id")] == [0, 1, 3, 4]
    assert states(lake, "2.parquet") == [("UPLOADED", "aside")]
    # delivered again as it should be, the feed is done with
    lake.ledger.delete_item(Key={"feed_id": "acme/daily_sales", "file_id": lake.entry("2.parquet")["file_id"]})
    land_parquet(lake, "2.parquet", {"id": [2]})
    curate.main(lake.arguments(OTHER_RUN))
    assert [row[0] for row in lake.rows("id")] == [0, 1, 2, 3, 4]
    assert lake.job()._ledger.asides.of(CURATE) == []


@pytest.mark.parametrize("trouble", ["count", "missing"])
def test_a_file_that_does_not_balance_or_is_not_there_takes_no_other_along(lake: SmallLake, trouble: str) -> None:
    lake.land("a.csv", HEADER + "1,10.00\n")
    key = lake.land("b.csv", HEADER + "2,20.00\n", rows=9 if trouble == "count" else None)
    if trouble == "missing":
        (lake.folder / key).unlink()
    curate.main(lake.arguments())
    assert lake.rows("order_id") == [(1,)]
    assert states(lake, "a.csv", "b.csv") == [("CURATED", None), ("UPLOADED", "aside")]
    said = {"count": "9 rows landed, Spark read 1", "missing": "is in the ledger but"}[trouble]
    assert "/outgoing/b.csv" in the_aside(lake).cause
    assert said in the_aside(lake).cause


def test_a_file_whose_rows_people_read_keeps_the_generation_there_was(lake: SmallLake) -> None:
    lake.land("a.csv", HEADER + "1,10.00\n")
    key = lake.land("b.csv", HEADER + "2,20.00\n")
    curate.main(lake.arguments())
    before = lake.locations()
    (lake.folder / key).write_text(HEADER)  # its row is gone from the raw zone
    lake.land("c.csv", HEADER + "3,30.00\n")
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.locations() == before
    assert lake.rows("order_id") == [(1,), (2,)]
    aside = the_aside(lake)
    assert (aside.error, aside.partitions) == ("FileNotCuratedError", 1)
    assert "/outgoing/b.csv cannot be curated" in aside.cause
    assert "Its rows were curated before, so the partition stays as it was" in aside.cause
    assert states(lake, "a.csv", "b.csv", "c.csv") == [("CURATED", None), ("CURATED", None), ("UPLOADED", "aside")]


def test_a_broken_version_of_a_file_whose_rows_people_read_keeps_them(lake: SmallLake) -> None:
    lake.land("a.csv", HEADER + "1,10.00\n")
    lake.land("b.csv", HEADER + "2,20.00\n")
    curate.main(lake.arguments())
    old = lake.entry("b.csv")
    lake.land("b.csv", HEADER + "2,22.00\n9,9.00\n", rows=7)
    (new,) = [item for item in lake.ledger.scan()["Items"] if item.get("rows_landed") == 7]
    lake.ledger.put_item(Item={**old, "status": "SUPERSEDED", "superseded_by": new["file_id"]})
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.rows("order_id, amount")[1][0] == 2
    assert str(lake.rows("amount")[1][0]) == "20.00"
    assert "stays as it was" in the_aside(lake).cause


def test_a_file_whose_column_has_another_type_than_those_before_it_is_left_out(lake: SmallLake) -> None:
    lake.put_feed(format={"type": "parquet"}, checks={}, transform={})
    for number in range(3):
        land_parquet(lake, f"{number}.parquet", {"id": [number], "tags": [["a"]]})
    land_parquet(lake, "odd.parquet", {"id": [3], "tags": [True]})
    curate.main(lake.arguments())
    assert [row[0] for row in lake.rows("id")] == [0, 1, 2]
    assert "/outgoing/odd.parquet: a column has one type in some files of the day" in the_aside(lake).cause


@pytest.mark.parametrize("kind", ["gone", "broken"])
def test_the_only_file_of_a_day_that_cannot_be_read_fails_nobodys_run(lake: SmallLake, kind: str) -> None:
    lake.put_feed(format={"type": "parquet"}, checks={}, transform={})
    land_parquet(lake, "a.parquet", {"id": [1]}, broken=kind == "broken")
    if kind == "gone":
        (lake.folder / f"{DAY}/a.parquet").unlink()
    curate.main(lake.arguments())
    assert states(lake, "a.parquet") == [("UPLOADED", "aside")]
    aside = the_aside(lake)
    assert (aside.error, aside.partitions) == ("FileNotCuratedError", 1)
    assert "/outgoing/a.parquet" in aside.cause


def lack(lake: SmallLake, name: str, change: dict[str, Any]) -> None:
    """As a write that went wrong, or a hand in the ledger, leaves an item."""
    item = {**lake.entry(name), **change}
    lake.ledger.put_item(Item={key: value for key, value in item.items() if value is not None})


@pytest.mark.parametrize("what", ["columns", "uploaded_at"])
def test_a_file_that_the_ledger_does_not_tell_enough_of_takes_no_other_along(lake: SmallLake, what: str) -> None:
    lake.land("a.csv", HEADER + "1,10.00\n")
    lake.land("b.csv", HEADER + "2,20.00\n")
    lack(lake, "b.csv", {what: None})
    curate.main(lake.arguments())
    assert lake.rows("order_id") == [(1,)]
    assert states(lake, "a.csv", "b.csv") == [("CURATED", None), ("UPLOADED", "aside")]
    aside = the_aside(lake)
    assert (aside.error, aside.files) == ("FileNotCuratedError", 1)
    assert "/outgoing/b.csv" in aside.cause
    assert aside.cause.endswith("Reprocess the file")


def test_the_only_file_of_a_day_of_which_nothing_is_known_fails_nobodys_run(lake: SmallLake) -> None:
    lake.land("a.csv", HEADER + "1,10.00\n")
    lake.land("g.csv", HEADER + "3,30.00\n", dt="2026-01-06")
    lack(lake, "a.csv", {"columns": None})
    curate.main(lake.arguments())
    assert lake.rows("order_id") == [(3,)]
    assert states(lake, "a.csv") == [("UPLOADED", "aside")]
    assert "does not tell its columns" in the_aside(lake).cause


def test_one_of_which_nothing_is_known_any_more_and_whose_rows_people_read_keeps_them(lake: SmallLake) -> None:
    lake.land("a.csv", HEADER + "1,10.00\n")
    curate.main(lake.arguments())
    before = lake.locations()
    lack(lake, "a.csv", {"rows_landed": None})
    lake.land("c.csv", HEADER + "3,30.00\n")
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.locations() == before
    assert "/outgoing/a.csv cannot be curated" in the_aside(lake).cause
    assert "Its rows were curated before" in the_aside(lake).cause
    assert states(lake, "a.csv", "c.csv") == [("CURATED", None), ("UPLOADED", "aside")]
