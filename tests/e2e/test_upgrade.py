"""New code meets what the version before left: its lake, ledger, letters and promises, and its executions in flight.

`tools/keep_lake.py` made the lakes, on each version's own code. One that is there stays, for as long as an upgrade from
its version is promised.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import ledger_view, sql
from local.aws import WITHOUT_LOOPBACK, LocalAws
from local.partners import SftpPartner
from local.sla import check_sla
from tests.e2e.conftest import World
from tools.keep_lake import PASSWORD, deliver

ROOT = Path(__file__).parent.parent.parent
LAKES = sorted((ROOT / "tests" / "data" / "lakes").glob("*.tar.xz"))
KILLED = {"fetched": "FETCHED", "validated": "VALIDATED", "landed": "UPLOADED"}
"""Feeds whose run was killed, and how far each one's file had come."""
CURATED = {f"{feed}_20261103.csv": ["CURATED"] for feed in KILLED}


class Upgraded(World):
    """An earlier version's lake under today's template, with today's state machine or its own."""

    def move(self) -> None:
        """Aims its feeds at this test's server, as a person would whose partner moved; and puts their secrets."""
        feeds = self.aws.resource("dynamodb").Table(self.aws.resources["FeedsTable"])
        for document in feeds.scan()["Items"]:
            document["server"] |= {"port": self.partner.port, "host_keys": [self.partner.host_key]}
            feeds.put_item(Item=document)
            self.aws.client("secretsmanager").create_secret(
                Name=document["server"]["secret"], SecretString=json.dumps({"password": PASSWORD})
            )

    def run(self, **wanted: Any) -> dict[str, Any]:
        return self.aws.wait(self.aws.start_execution({"trigger": "test", **wanted}), 240)

    def statuses(self) -> dict[str, list[str]]:
        """Of each file's versions, in the order of their keys."""
        found: dict[str, list[str]] = {}
        for entry in ledger_view.files(self.aws):
            found.setdefault(entry["path"].rsplit("/", 1)[-1], []).append(entry["status"])
        return found

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Its curated rows, a day and an order."""
        answer = sql.query(self.aws, f"select cast(dt as varchar), order_id from {table} order by all")
        return [tuple(row) for row in answer.rows]


def upgraded(package: Path, folder: Path, *, own_machine: bool) -> Iterator[Upgraded]:
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    template = ROOT / "template.yaml"
    if own_machine:
        template = folder / "template.yaml"
        definition = "DefinitionUri: statemachine/ingest.asl.json"
        text = (ROOT / "template.yaml").read_text("utf-8")
        assert definition in text
        template.write_text(text.replace(definition, f"DefinitionUri: {folder / 'ingest.asl.json'}"))
        for name in ("functions", "glue", "lakeformation.yaml", "monitoring.yaml", "queries.yaml"):
            (folder / name).symlink_to(ROOT / name)
    with (
        SftpPartner(folder / "partner", username="lake", password=PASSWORD) as partner,
        LocalAws(
            template=template,
            folder=folder / "lake",
            parameters={"DeniedNetworks": WITHOUT_LOOPBACK},
            time_scale=0.01,
        ) as aws,
    ):
        yield Upgraded(aws, partner, folder / "partner")


@pytest.fixture(params=LAKES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Upgraded]:
    yield from upgraded(request.param, tmp_path, own_machine=False)


@pytest.fixture(params=LAKES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def in_flight(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Upgraded]:
    yield from upgraded(request.param, tmp_path, own_machine=True)


@pytest.mark.timeout(600)
def test_what_an_earlier_version_began_is_ended_once_by_this_one(earlier: Upgraded) -> None:
    before = earlier.statuses()
    assert before["orders_20261101.csv"] == before["stock_20261102.csv"] == ["CURATED"]
    assert before["orders_20261102.csv.gz"] == ["FAILED"]
    assert {feed: before[f"{feed}_20261103.csv"] for feed in KILLED} == {
        feed: [status] for feed, status in KILLED.items()
    }
    assert earlier.rows("globex_stock") == [("2026-11-02", 1), ("2026-11-02", 2)]
    earlier.move()

    assert earlier.run()["status"] == "SUCCEEDED"
    assert earlier.statuses() == {**before, **CURATED}
    for feed in KILLED:
        assert earlier.rows(f"globex_{feed}") == [("2026-11-03", order) for order in (0, 1, 2)]

    # a corrected file replaces the one that failed, and yesterday's letters are understood
    deliver(earlier.root, "acme/orders_20261102.csv.gz")
    answer = earlier.reprocess(all=True)
    assert answer["executions"], answer
    for run in answer["executions"]:
        earlier.aws.wait(run, 240)
    assert earlier.run()["status"] == "SUCCEEDED"
    assert "CURATED" in earlier.statuses()["orders_20261102.csv.gz"]
    assert earlier.rows("acme_orders") == [(f"2026-11-0{day}", order) for day in (1, 2) for order in (0, 1, 2)]
    assert check_sla(earlier.aws)["open"] > 0, "the promises that were open are"
    assert earlier.run()["status"] == "SUCCEEDED"
    for feed in KILLED:
        assert len(earlier.rows(f"globex_{feed}")) == 3, "nothing is taken twice"
    assert len(earlier.rows("globex_stock")) == 2


@pytest.mark.timeout(600)
def test_an_execution_in_flight_goes_on_with_its_own_definition_and_these_functions(in_flight: Upgraded) -> None:
    """Step Functions keeps an execution's definition; the functions it calls are new from one call to the next."""
    in_flight.move()
    deliver(in_flight.root, "acme/orders_20261103.csv")
    deliver(in_flight.root, "acme/orders_20261104.csv.gz", truncate=True)

    assert in_flight.run()["status"] == "SUCCEEDED"
    found = in_flight.statuses()
    wanted = {**CURATED, "orders_20261103.csv": ["CURATED"]}
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["orders_20261104.csv.gz"] == ["FAILED"]
    assert [mail.subject for mail in in_flight.aws.mails() if "orders_20261104.csv.gz" in mail.subject]
    letters = [letter for letter in ledger_view.dead_letters(in_flight.aws) if letter["kind"] == "file"]
    assert any("orders_20261104.csv.gz" in json.dumps(letter) for letter in letters)
