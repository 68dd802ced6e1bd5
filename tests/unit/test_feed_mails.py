"""Success mails of feeds that ask for their own: who gets one, what it says, and that it fits."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from lakeferry.errors import BalanceError, FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.ledger.asides import Asides
from reconcile.core import reconcile
from reconcile.mail_list import FeedMails, write_mails
from tests.conftest import RUN, feed_document
from tests.unit.conftest import SETTINGS
from tests.unit.pipeline import CSV, Pipeline

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ASKS = feed_document(notify={"emails": ["data@acme.example"], "success": "feed"})


def entry(name: str = "sales_20261124.csv", feed_id: str = "acme/daily_sales", **changes: Any) -> dict[str, Any]:
    return {
        **{"feed_id": feed_id, "path": f"/outgoing/{name}", "dt": "2026-11-24", "status": "CURATED"},
        **{"rows_curated": 1000, "rows_rejected": 0},
    } | changes


def written(s3: "S3Client", entries: list[dict[str, Any]], *documents: dict[str, Any]) -> list[dict[str, Any]]:
    asides = Asides(boto3.resource("dynamodb").Table("ledger"))
    mails = FeedMails(documents, asides, "lake", RUN)
    for one in entries:
        mails.add(one)
    told = write_mails(mails, s3, "work", RUN)
    found: list[dict[str, Any]] = json.loads(s3.get_object(Bucket=told["bucket"], Key=told["key"])["Body"].read())
    assert len(found) == told["count"]
    return found


def tenant_of(mail: dict[str, Any]) -> str:
    return str(mail["attributes"]["tenant"]["StringValue"])


def test_a_feed_that_asks_gets_a_mail_with_files_rows_reports_and_partitions(s3: "S3Client") -> None:
    entries = [
        entry(),
        entry("sales_20261123.csv", dt="2026-11-23", rows_curated=234, rows_dropped={"filter": 2, "none": 0}),
        entry("bad_20261124.csv", rows_rejected=3, report_key="fallout/acme_daily_sales/bad.report.txt"),
        entry("broken_20261124.csv", status="FAILED"),
        entry(feed_id="acme/other"),
    ]
    (mail,) = written(s3, entries, ASKS)
    assert {name: found["StringValue"] for name, found in mail["attributes"].items()} == {
        **{"event": "feed_succeeded", "severity": "info"},
        **{"tenant": "acme", "feed": "daily_sales", "feed_id": "acme/daily_sales"},
    }
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: 3 files are in the lake"
    what, why, then, do, report, link = mail["message"].split("\n\n")
    assert what == (
        "WHAT  3 files are in the lake for acme/daily_sales, 2,234 rows in all.\n"
        "- sales_20261124.csv: 1,000 rows\n"
        "- sales_20261123.csv: 234 rows (2 dropped by filter)\n"
        "- bad_20261124.csv: 1,000 rows (3 bad rows left out)"
    )
    assert why.endswith("Partitions:\n- dt=2026-11-23: 1 file\n- dt=2026-11-24: 2 files")
    assert then.endswith("1 other file failed; see the separate mail.")
    assert do.endswith("\n- s3://lake/fallout/acme_daily_sales/bad.report.txt")
    assert report.startswith("REPORT  Once the run has ended: https://")
    assert report.endswith("--tenant acme --open --stack lakeferry")
    assert link.endswith(f"/executions/details/{RUN}")
    assert "acme/other" not in mail["message"]


def test_one_file_is_named_and_leaves_nothing_to_do(s3: "S3Client") -> None:
    (mail,) = written(s3, [entry()], ASKS)
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: sales_20261124.csv is in the lake"
    assert "\n\nDO  Nothing.\n\n" in mail["message"]
    assert "failed" not in mail["message"]


@pytest.mark.parametrize("notify", [None, {"emails": ["data@acme.example"]}, {"success": "run"}])
def test_a_feed_that_does_not_ask_gets_none(s3: "S3Client", notify: dict[str, Any] | None) -> None:
    assert written(s3, [entry()], feed_document(**({} if notify is None else {"notify": notify}))) == []


@pytest.mark.parametrize("status", ["FAILED", "DUPLICATE", "RELEASED", "CLAIMED"])
def test_a_feed_of_which_nothing_landed_gets_none(s3: "S3Client", status: str) -> None:
    assert written(s3, [entry(status=status), entry(feed_id="acme/other")], ASKS) == []


def test_feeds_of_two_tenants_never_read_of_each_other(s3: "S3Client") -> None:
    other = ASKS | {"tenant": "globex"}
    mails = written(s3, [entry(), entry("stock_20261124.csv", "globex/daily_sales")], ASKS, other)
    assert [tenant_of(mail) for mail in mails] == ["acme", "globex"]
    for mail in mails:
        assert ("globex" in json.dumps(mail)) is ("stock" in json.dumps(mail)) is (tenant_of(mail) == "globex")


def test_ten_thousand_files_are_a_mail_that_sns_and_the_state_machine_take(s3: "S3Client") -> None:
    entries = [
        entry(
            chr(0x1F69A) * 140 + f"\n{number}.csv",
            dt=f"{1000 + number}-11-24",
            rows_rejected=1,
            report_key="fallout/" + "k" * 1000,
        )
        for number in range(9_000)
    ]
    (mail,) = written(s3, entries, ASKS)
    assert len(json.dumps(mail).encode()) < 256 * 1024 // 2
    assert "\n- and 8960 more files; the ledger has all" in mail["message"]
    assert mail["message"].count("s3://lake/") == 40
    (mail,) = written(s3, entries[:1], ASKS)
    assert len(mail["subject"]) == 100
    assert mail["subject"].isascii()
    assert mail["subject"].isprintable()


def test_the_runs_summary_stays_and_the_list_is_told_with_it(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    with pytest.raises(BalanceError):  # nobody is told of success before the run adds up
        reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN, [ASKS])
    assert pipeline.s3.list_objects_v2(Bucket="work", Prefix="runs/run-1/mails").get("Contents", []) == []
    pipeline.ledger.advance(item, status="CURATED", rows_curated=2, rows_dropped={}, remove=("pending",))
    result = reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN, [ASKS])
    assert result["mails"] == {"bucket": "work", "key": "runs/run-1/mails.json", "count": 2}
    assert pipeline.summary()["subject"] == "[Lakeferry] 1 file of 1 feed is in the lake"
    # the function called once more, after its answer got lost: the same object, not a second mail
    assert reconcile(pipeline.ledger, pipeline.s3, pipeline.queue, SETTINGS, RUN, [ASKS]) == result


def test_the_setting_is_run_by_default_and_nothing_else_but_feed() -> None:
    assert parse_feed(feed_document()).notify.success == "run"
    notify = parse_feed(ASKS).notify
    assert (notify.success, notify.emails) == ("feed", ("data@acme.example",))
    with pytest.raises(FeedInvalidError, match=r"\$\.notify\.success"):
        parse_feed(feed_document(notify={"success": "file"}))
