"""The crawler runs for what is new only; a crawl that fails is told and keeps no rows back; SQL over it all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import glue, ledger_view
from local.sla import check_sla, export_sla
from local.sql import query
from local.template import load
from tests.conftest import ROOT
from tests.e2e.conftest import World

MESSAGE = "Insufficient Lake Formation permission(s) on s3://lake/raw/"


@pytest.fixture
def failing_crawls() -> Iterator[None]:
    crawl = glue.hooks.crawl

    def fail(name: str) -> None:
        raise PermissionError(MESSAGE)

    glue.hooks.crawl = fail
    yield
    glue.hooks.crawl = crawl


def entered(world: World, run: str) -> list[str]:
    return [
        event.state for event in world.aws.events if event.run == run and event.kind == "entered" and not event.item
    ]


@pytest.mark.timeout(600)
def test_a_new_feed_is_crawled_and_its_next_files_are_not(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    first = tenant.start()
    assert world.aws.wait(first)["status"] == "SUCCEEDED"
    assert "Start crawler" in entered(world, first)
    tenant.deliver("sales_20261102_a.csv")
    second = tenant.start()
    assert world.aws.wait(second)["status"] == "SUCCEEDED"
    states = entered(world, second)
    assert "Run Glue job" in states
    assert "Start crawler" not in states
    # the day's partition is there all the same
    found = query(world.aws, f"SELECT dt, count(*) FROM raw_{tenant.name}_sales GROUP BY dt ORDER BY dt")
    assert found.rows == [("2026-11-01", 4), ("2026-11-02", 4)]


@pytest.mark.timeout(600)
def test_a_failed_crawl_is_told_with_its_message_and_the_rows_are_curated(world: World, failing_crawls: None) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    run = tenant.start()
    end = world.aws.wait(run)
    assert (end["status"], end["error"]) == ("FAILED", "CrawlFailedError")
    assert "-raw is READY" in end["cause"]
    assert "last crawl: FAILED" in end["cause"]
    assert MESSAGE in end["cause"]
    assert len(tenant.curated()) == 3
    (letter,) = [found for found in ledger_view.dead_letters(world.aws) if found["run"] == run]
    assert (letter["kind"], letter["error"]) == ("run", "CrawlFailedError")
    assert any(mail.attributes["event"] == "run_failed" and MESSAGE in mail.message for mail in world.aws.mails())


@pytest.mark.timeout(600)
def test_the_named_queries_answer_over_the_catalog(world: World) -> None:
    tenant = world.tenant(
        transform={"filter": "amount > 0", "rules": []}, sla={"expected_by": "00:00", "timezone": "UTC"}
    )
    tenant.configure()
    for day in range(1, 4):
        tenant.deliver(f"sales_2026110{day}_a.csv", rows=day)
    tenant.deliver("sales_20261103_b.csv.gz", truncate=True)
    assert tenant.run()["status"] == "SUCCEEDED"
    answers = dict(_named_queries(world))
    mine = {
        name: [row for row in answer.rows if tenant.feed_id in row or tenant.name in row]
        for name, answer in answers.items()
    }
    counts = [dict(zip(answers["Daily counts"].columns, row, strict=True)) for row in mine["Daily counts"]]
    assert [(row["dt"], row["files"], row["failed"], row["rows_curated"]) for row in counts] == [
        ("2026-11-03", 2, 1, 3),
        ("2026-11-02", 1, 0, 2),
        ("2026-11-01", 1, 0, 1),
    ]
    assert mine["Fallout by rule"] == [(tenant.name, "sales", f"2026-11-0{day}", "filter", 1) for day in (3, 2, 1)]
    assert (tenant.name, "sales", "2026-11-03", "order_id", 3, 0, 0.0, "1", "3") in mine["Quality"]
    ((feed_id, path, *_),) = mine["Failed files"]
    assert (feed_id, path.rsplit("/", 1)[-1]) == (tenant.feed_id, "sales_20261103_b.csv.gz")
    # the three landed within one run: each day later they were a day earlier, so none is late
    assert mine["Later than usual"] == []
    _late(world, tenant.feed_id)
    assert mine["Late files"] == []
    check_sla(world.aws, since=datetime.now(UTC) - timedelta(days=2))
    assert export_sla(world.aws) > 0
    late = [row for row in dict(_named_queries(world))["Late files"].rows if row[0] == tenant.feed_id]
    assert {row[3] for row in late} == {"BREACHED"}
    assert len(late) == 2


def _late(world: World, feed_id: str) -> None:
    """One more day, whose file landed two hours later than usual."""
    from lakeferry.ledger.exports import LEDGER

    entries = [
        {
            "feed_id": feed_id,
            "file_id": f"/{day}#1#1",
            "status": "CURATED",
            "dt": f"2026-12-{day:02d}",
            "uploaded_at": f"2026-12-{day:02d}T{8 if day == 9 else 6:02d}:15:00.000Z",
            "updated_at": f"2026-12-{day:02d}T09:00:00.000Z",
        }
        for day in range(1, 10)
    ]
    for entry in entries:  # the days of the test before are long past
        entry["feed_id"] = f"{feed_id}_usual"
    world.aws.client("s3").put_object(
        Bucket=world.aws.resources["LakeBucket"], Key=LEDGER.key("2026-12-09", "late"), Body=LEDGER.lines(entries)
    )
    late = dict(_named_queries(world))["Later than usual"]
    assert [(row[0], row[1], row[3]) for row in late.rows if row[0] == f"{feed_id}_usual"] == [
        (f"{feed_id}_usual", "2026-12-09", 120)
    ]


def _named_queries(world: World) -> Iterator[tuple[str, Any]]:
    for found in load(ROOT / "queries.yaml")["Resources"].values():
        if found["Type"] == "AWS::Athena::NamedQuery":
            yield found["Properties"]["Name"], query(world.aws, found["Properties"]["QueryString"])
