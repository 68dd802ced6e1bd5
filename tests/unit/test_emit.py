"""What happened is told at least once, whatever is killed when; to its tenant alone; as the schemas say."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from jsonschema import Draft202012Validator

from emit.bus import Bus
from emit.channel import Channel
from emit.core import RefusedError, emit
from emit.known import Documents
from lakeferry.events import cards
from lakeferry.events.cards import CARDS
from lakeferry.feeds import parse_feed, put_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.outbox import Outbox, tell
from lakeferry.models import FileItem
from lakeferry.sla.calendar import due_times
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import BREACHED, LATE, MET, Verdict
from tests.conftest import ROOT, RUN, feed_document
from worklist import FileCounts, LandedFile, mark_curated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SCHEMAS = ROOT / "functions/lakeferry/events/schemas"
SLA = {"expected_by": "06:30", "timezone": "UTC"}
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone."""


class Killing:
    """Passes calls on, and ends at one of them, before or after it has its effect."""

    def __init__(self, inner: Any, calls: list[str], at: int | None, when: str) -> None:
        self._inner, self._calls, self._at, self._when = inner, calls, at, when

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(**arguments: Any) -> Any:
            self._calls.append(name)
            is_here = len(self._calls) == self._at
            if is_here and self._when == "before":
                raise Killed
            answer = found(**arguments)
            if is_here:
                raise Killed
            return answer

        return call


class World:
    """A stack's tables, a bus, and whatever was put there."""

    def __init__(self, feeds: "Table", ledger: Ledger, sla: "Table") -> None:
        self.feeds, self.ledger, self.sla = feeds, ledger, sla
        self.table = boto3.resource("dynamodb").Table("ledger")
        self.promises = SlaTable(sla)
        self.told: list[dict[str, Any]] = []
        self.events = boto3.client("events")
        self.events.meta.events.register("provide-client-params.events.PutEvents", self._note)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.told += params["Entries"]

    def emit(self, at: int | None = None, when: str = "before") -> list[str]:
        """Tells what there is; the calls that were made."""
        calls: list[str] = []
        table, sla, events = self._passed_on(calls, at, when)
        outboxes = Outbox(table, ("feed_id", "file_id")), Outbox(sla, ("feed_id", "due"))
        try:
            emit(*outboxes, Documents(self.feeds, self.promises), self.channels(events))
        except Killed:
            calls.append("killed")
        return calls

    def channels(self, events: Any) -> list[Channel]:
        return [Bus(events, "default", "lakeferry")]

    def _passed_on(self, *arguments: Any) -> list[Any]:
        return [Killing(one, *arguments) for one in (self.table, self.sla, self.events)]

    def details(self) -> list[dict[str, Any]]:
        return [json.loads(entry["Detail"]) for entry in self.told]

    def ids(self) -> set[str]:
        return {detail["id"] for detail in self.details()}

    def of(self, detail_type: str) -> list[dict[str, Any]]:
        return [json.loads(entry["Detail"]) for entry in self.told if entry["DetailType"] == detail_type]

    def left(self) -> int:
        return sum(1 for table in (self.table, self.sla) for item in table.scan()["Items"] if "outbox" in item)

    def land(self, name: str, tenant: str = "acme", feed: str = "daily_sales") -> FileItem:
        item = FileItem(tenant, feed, RUN, f"/outgoing/{name}", 5, 1)
        entry: dict[str, Any] = {
            "feed_id": item.feed_id, "file_id": item.file_id, "path": item.path, "size": 5, "mtime": 1, "run": RUN,
            "status": "VALIDATED", "dt": "2026-11-24", "rows_landed": 2, "rows_rejected": 1,
        }  # fmt: skip
        self.table.put_item(Item=entry)
        self.ledger.land(item, {"raw_keys": [f"raw/{name}-{n}" for n in range(12)], "partition": "p"}, superseded=[])
        return item

    def curate(self, *items: FileItem) -> None:
        for item in items:
            entry = self.ledger.get(item.feed_id, item.file_id)
            assert entry is not None
            file = LandedFile(item.feed_id, item.file_id, item.path, (), (), 2, entry["uploaded_at"])
            assert mark_curated(self.table, RUN, [FileCounts(file, 2)], "spark") == 1

    def fail(self, file_id: str, **more: Any) -> None:
        """As the state machine writes it."""
        at = "2026-11-24T06:00:00.000Z"
        what = "feed_failed" if file_id == "!feed" else "file_failed"
        item = {"feed_id": "acme/daily_sales", "file_id": file_id, "failed_at": at, "failed_run": RUN, "error": "X"}
        self.table.put_item(Item={**item, "cause": "y" * 4000, "stage": "Poll server", **tell(what, at), **more})

    def promise(self, feed: str, verdict: Verdict, tenant: str = "acme", day: date = DAY, **document: Any) -> None:
        whole = feed_document(**{"tenant": tenant, "feed": feed, "sla": SLA} | document)
        whole["server"]["secret"] = f"lakeferry/{tenant}/{feed}"
        put_feed(self.feeds, whole)
        sla = parse_feed(whole).sla
        assert sla is not None
        around = datetime.combine(day, datetime.min.time(), UTC)
        (due,) = due_times(sla, around, around + timedelta(hours=23))
        item = self.promises.expect(f"{tenant}/{feed}", sla, due, verdict)
        if item.status != verdict.status:
            self.promises.settle(item, verdict)


@pytest.fixture
def outside(feeds_table: "Table", ledger: Ledger, sla_table: "Table") -> World:
    return World(feeds_table, ledger, sla_table)


def everything(world: World) -> None:
    """One of each."""
    world.promise("daily_sales", Verdict(MET, 1, NOW))
    world.promise("late", Verdict(BREACHED, missing=("stock_*.csv",)), dataset="stock")
    landed = [world.land(f"{n}.csv") for n in range(3)]
    world.curate(*landed[:2])
    world.fail("/outgoing/x.csv#1#1", path="/outgoing/x.csv", size=1, dt="2026-11-24", retryable=True, status="FAILED")
    world.fail("!feed", failing_since="2026-11-24T05:00:00.000Z", failed_polls=2)


def test_each_detail_type_is_told_once_as_its_schema_says_and_forgotten(outside: World) -> None:
    everything(outside)
    outside.emit()
    told = {entry["DetailType"]: json.loads(entry["Detail"]) for entry in outside.told}
    assert set(told) == {card.detail_type for card in CARDS}
    for card in CARDS:
        schema = json.loads((SCHEMAS / card.schema).read_text())
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(told[card.detail_type])
        assert schema["title"] == card.detail_type
    assert {entry["Source"] for entry in outside.told} == {"lakeferry"}
    assert len(outside.of("File Landed")) == 3
    assert len(outside.of("Partition Curated")) == 1, "one a partition, however many files"
    assert told["File Landed"]["key_count"] == 12
    assert told["Partition Curated"]["prefix"] == "curated/sales/tenant=acme/feed=daily_sales/dt=2026-11-24/"
    assert outside.left() == 0
    outside.told.clear()
    assert outside.emit() == ["query", "query"]
    assert outside.told == []


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_call_loses_nothing_and_what_comes_twice_has_the_same_id(
    outside: World, feeds_table: "Table", when: str
) -> None:
    everything(outside)
    calls = len(outside.emit())
    expected = len(outside.ids())
    assert calls > 15
    for at in range(1, calls + 1):
        for table in (outside.table, outside.sla):
            with table.batch_writer() as batch:
                keys = [key["AttributeName"] for key in table.key_schema]
                for item in table.scan()["Items"]:
                    batch.delete_item(Key={key: item[key] for key in keys})
        everything(outside)
        outside.told.clear()
        assert outside.emit(at, when)[-1] == "killed", at
        outside.emit()
        assert len(outside.ids()) == expected, at
        assert outside.left() == 0, at


def test_what_happens_again_while_it_is_told_is_told_too(outside: World) -> None:
    item = outside.land("a.csv")
    (found,) = Outbox(outside.table, ("feed_id", "file_id"))
    outside.curate(item)  # meanwhile
    Outbox(outside.table, ("feed_id", "file_id")).told(found, [card.what for card in cards.OF_LEDGER])
    assert outside.left() == 1
    outside.emit()
    assert [entry["DetailType"] for entry in outside.told] == ["File Landed", "Partition Curated"]


def test_what_the_bus_refuses_is_told_the_next_time(outside: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.land("a.csv")
    outside.land("b.csv")

    def refuse(Entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {"Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}

    events = boto3.client("events")
    monkeypatch.setattr(events, "put_events", refuse)
    bus = Bus(events, "default", "lakeferry")
    outboxes = Outbox(outside.table, ("feed_id", "file_id")), Outbox(outside.sla, ("feed_id", "due"))
    with pytest.raises(RefusedError, match=r"1 events, such as: File Landed: ThrottlingException slow"):
        emit(*outboxes, Documents(outside.feeds, outside.promises), [bus])
    assert outside.left() == 1
    outside.emit()
    assert outside.left() == 0


def test_a_day_is_complete_with_the_last_promise_of_the_tenants_own_feeds(outside: World) -> None:
    outside.promise("daily_sales", Verdict(MET, 1, NOW))
    outside.promise("returns", Verdict(BREACHED, missing=("r_*.csv",)))
    outside.promise("sales", Verdict(BREACHED, missing=("x",)), tenant="globex")  # shares the dataset
    outside.promise("stock", Verdict(BREACHED, missing=("x",)), dataset="stock")  # another one
    outside.emit()
    assert outside.of("Dataset Day Complete") == []
    outside.promise("returns", Verdict(LATE, 1, NOW + timedelta(hours=2), 9000))
    outside.emit()
    (day,) = outside.of("Dataset Day Complete")
    assert (day["tenant"], day["dataset"], day["date"]) == ("acme", "sales", "2026-11-24")
    assert (day["feeds"], day["on_time"]) == (["daily_sales", "returns"], False)
    assert day["completed_at"] == "2026-11-24T09:00:00.000Z"
    assert "globex" not in json.dumps(day)


def test_an_event_tells_nothing_of_another_tenant(outside: World) -> None:
    for tenant in ("acme", "globex"):
        outside.promise("daily_sales", Verdict(MET, 1, NOW), tenant=tenant)
        item = outside.land(f"{tenant}_secret.csv", tenant)
        outside.curate(item)
    outside.emit()
    assert len(outside.details()) == 6
    for detail in outside.details():
        other = {"acme": "globex", "globex": "acme"}[detail["tenant"]]
        assert other not in json.dumps(detail)


def test_a_feed_that_is_gone_or_broken_keeps_no_event_back(outside: World) -> None:
    outside.curate(outside.land("a.csv", feed="gone"))
    outside.feeds.put_item(Item={"tenant": "acme", "feed": "broken", "server": "?"})
    outside.curate(outside.land("b.csv", feed="broken"))
    outside.promise("daily_sales", Verdict(MET, 1, NOW))
    outside.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    outside.emit()
    assert [detail["dataset"] for detail in outside.of("File Landed")] == [None, None]
    assert outside.of("Dataset Day Complete") == []
    assert outside.left() == 0


def test_an_item_that_lacks_what_an_event_tells_keeps_no_other_back(outside: World) -> None:
    outside.fail("/outgoing/x.csv#1#1", status="FAILED")  # no path
    outside.land("a.csv")
    outside.emit()
    assert [entry["DetailType"] for entry in outside.told] == ["File Landed"]
    assert outside.left() == 0


def sample_rule() -> Mapping[str, Any]:
    class Loader(yaml.SafeLoader):
        """With CloudFormation's short tags."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: node.value)
    text = (ROOT / "docs" / "events.md").read_text()
    loaded: dict[str, Any] = yaml.load(text.partition("```yaml\n")[2].partition("```")[0], Loader)
    resources: dict[str, Any] = loaded["Resources"]
    return resources


def test_the_documents_rule_starts_somebodys_workflow_on_their_day_and_no_other(outside: World) -> None:
    """moto starts no workflow: a queue stands where the target is."""
    resources = sample_rule()
    rule = resources["SalesDayComplete"]["Properties"]
    assert ":workflow/" in rule["Targets"][0]["Arn"]
    statement = resources["StartWorkflowRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    assert (statement["Action"], statement["Resource"]) == ("glue:NotifyEvent", rule["Targets"][0]["Arn"])
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="workflow")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    outside.events.put_rule(Name="sales", EventPattern=json.dumps(rule["EventPattern"]))
    outside.events.put_targets(Rule="sales", Targets=[{"Id": "Workflow", "Arn": arn}])
    everything(outside)
    outside.promise("daily_sales", Verdict(MET, 1, NOW), tenant="globex")
    outside.emit()
    assert len(outside.of("Dataset Day Complete")) == 2
    (message,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    started = json.loads(message["Body"])
    assert (started["source"], started["detail"]["tenant"]) == ("lakeferry", "acme")


def test_the_page_has_each_detail_type_and_each_key() -> None:
    text = (ROOT / "docs" / "events.md").read_text()
    common = {"version", "id", "time", "stack", "tenant"}
    headings = re.findall(r"^## ([A-Z]\w+(?: [A-Z]\w+)+)$", text, re.MULTILINE)
    assert sorted(headings) == sorted(card.detail_type for card in CARDS)
    for card in CARDS:
        section = text.partition(f"\n## {card.detail_type}\n")[2].partition("\n## ")[0]
        schema = json.loads((SCHEMAS / card.schema).read_text())
        assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(schema["properties"]) - common
        assert card.schema in section
    assert {path.name for path in SCHEMAS.iterdir()} == {card.schema for card in CARDS}


def test_the_state_machine_notes_what_failed_in_the_same_write() -> None:
    text = (ROOT / "statemachine" / "ingest.asl.json").read_text()
    for what, record in (("file_failed", "unfinished = :open"), ("feed_failed", "failed_polls")):
        assert f"outbox = :tell, tell_{what} = :at" in text, record
    assert text.count('":tell": {"S": "tell"}') == 2
    assert tell("x", "now") == {"outbox": "tell", "tell_x": "now"}
