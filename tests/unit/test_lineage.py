"""OpenLineage's run events: as its own schemas have them, from the outbox, and whatever the endpoint does."""

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from emit import handler
from emit.bus import Bus
from emit.channel import Channel
from emit.core import RefusedError
from emit.known import Documents
from emit.lineage import delivery, wiring
from emit.lineage.waiting import WAITING, Waiting
from lakeferry.aws.secrets import secrets_of
from lakeferry.errors import ChannelUnavailableError
from lakeferry.events.cards import CARDS
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from tests.conftest import ROOT, feed_document
from tests.contract.policies import allowed
from tests.contract.rendered import render
from tests.servers.webhooks import Chat, chat
from tests.unit.test_emit import World, everything

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SPEC = ROOT / "tests/data/openlineage"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:lakeferry-ingest"
HOST = "file://files.acme.example"
LAKE, WORK, DATABASE = "lake", "work", "lakeferry"


class Stack(World):
    """A stack whose outbox goes to the bus and to lineage."""

    url = "lake"
    secret = ""
    denied = ""

    def __init__(self, feeds: "Table", ledger: Ledger, sla_table: "Table") -> None:
        super().__init__(feeds, ledger, sla_table)
        self.s3, self.glue, self.manager = boto3.client("s3"), boto3.client("glue"), boto3.client("secretsmanager")
        for bucket in (LAKE, WORK):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.glue.create_database(DatabaseInput={"Name": DATABASE})

    @property
    def clients(self) -> Any:
        """As `handler` has them."""
        settings = SimpleNamespace(
            openlineage_url=self.url,
            openlineage_secret=self.secret,
            state_machine=MACHINE,
            lake_bucket=LAKE,
            work_bucket=WORK,
            database=DATABASE,
            denied_networks=self.denied,
            event_bus="default",
            ledger_table=self.table.name,
            sla_table=self.sla.name,
        )
        tables = {self.table.name: self.table, self.sla.name: self.sla}
        return SimpleNamespace(
            settings=settings,
            s3=self.s3,
            glue=self.glue,
            ledger=self.ledger,
            feeds=self.feeds,
            sla=self.promises,
            events=self.events,
            secrets=secrets_of(self.manager, ""),
            table=tables.__getitem__,
        )

    def make_table(self) -> None:
        columns: list[Any] = [{"Name": "order_id", "Type": "bigint"}, {"Name": "net", "Type": "double"}]
        self.glue.create_table(
            DatabaseName=DATABASE, TableInput={"Name": "sales", "StorageDescriptor": {"Columns": columns}}
        )

    def channels(self, events: Any) -> list[Channel]:
        known = Documents(self.feeds, self.promises)
        return [Bus(events, "default", "lakeferry"), wiring.channel(self.clients, known)]

    def objects(self, bucket: str = LAKE, prefix: str = "lineage/") -> dict[str, list[dict[str, Any]]]:
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {
            found["Key"]: [
                json.loads(line)
                for line in self.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().splitlines()
            ]
            for found in listed
        }

    def lineage(self, bucket: str = LAKE) -> list[dict[str, Any]]:
        return [event for events in self.objects(bucket).values() for event in events]

    def of_jobs(self, kind: str, state: str = "") -> list[dict[str, Any]]:
        """Events of jobs of a kind."""
        return [
            event
            for event in self.lineage()
            if event["job"]["name"].endswith(f".{kind}") and state in {"", event["eventType"]}
        ]


@pytest.fixture
def stack(feeds_table: "Table", ledger: Ledger, sla_table: "Table", monkeypatch: pytest.MonkeyPatch) -> Stack:
    found = Stack(feeds_table, ledger, sla_table)
    monkeypatch.setattr(handler, "clients", lambda: found.clients)
    return found


def schemas() -> Registry[Any]:
    found = [json.loads(path.read_text("utf-8")) for path in sorted(SPEC.rglob("*.json"))]
    return Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in found)


def validator(url: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": url}, registry=schemas(), format_checker=FormatChecker())


def facets(value: Any) -> Iterator[dict[str, Any]]:
    """Each facet, wherever it is."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for item in value.values():
            yield from facets(item)
    elif isinstance(value, list):
        for item in value:
            yield from facets(item)


def test_each_event_is_as_openlineages_own_schemas_say(stack: Stack) -> None:
    everything(stack)
    stack.make_table()
    stack.emit()
    assert stack.left() == 0
    events = stack.lineage()
    assert {event["eventType"] for event in events} == {"START", "COMPLETE", "FAIL"}
    whole = validator("https://openlineage.io/spec/2-0-2/OpenLineage.json")
    used = set()
    for event in events:
        whole.validate(event)
        uuid.UUID(event["run"]["runId"])
        for facet in facets(event):
            # a schema that is not kept here would be asked for over the network, and fails
            validator(facet["_schemaURL"]).validate(facet)
            used.add(urlsplit(facet["_schemaURL"]).path.rsplit("/", 1)[-1])
    assert used == {path.name for path in (SPEC / "facets").iterdir()}, "no schema is kept that nothing is checked by"
    broken = json.loads(json.dumps(events[0]))
    del broken["run"]["runId"]
    assert list(whole.iter_errors(broken)), "the schemas see what is wrong"


def test_every_run_starts_and_ends_once_and_belongs_to_its_execution(stack: Stack) -> None:
    everything(stack)
    stack.emit()
    runs: dict[str, list[str]] = {}
    for event in stack.lineage():
        runs.setdefault(event["run"]["runId"], []).append(event["eventType"])
        assert event["job"]["namespace"] == MACHINE
        job = event["run"]["facets"]["parent"]["job"]
        assert (job["namespace"], job["name"]) == (MACHINE, "ingest")
    assert sorted(map(tuple, runs.values())) == [
        *[("START", "COMPLETE")] * 4,  # three files, and a partition
        *[("START", "FAIL")] * 2,
    ]
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in stack.lineage()}) == 1


def test_a_landed_file_is_read_from_its_partner_and_written_into_the_raw_zone(stack: Stack) -> None:
    put_feed(stack.feeds, feed_document())
    item = stack.land("a.csv")
    stack.table.update_item(
        Key={"feed_id": item.feed_id, "file_id": item.file_id},
        UpdateExpression="SET raw_keys = :keys, #columns = :columns, bytes_raw = :bytes, claimed_at = :at",
        ExpressionAttributeNames={"#columns": "columns"},
        ExpressionAttributeValues={
            ":keys": ["raw/acme_daily_sales/dt=2026-11-24/a.csv"],
            ":columns": ["order_id", "note"],
            ":bytes": 77,
            ":at": "2026-11-24T05:59:00.000Z",
        },
    )
    stack.emit()
    start, complete = stack.of_jobs("land")
    assert start["eventTime"] == "2026-11-24T05:59:00.000Z"
    assert complete["job"]["name"] == "acme.daily_sales.land"
    (read,) = complete["inputs"]
    assert (read["namespace"], read["name"]) == (HOST, "/outgoing/a.csv")
    assert read["inputFacets"]["inputStatistics"]["size"] == 5
    (written,) = complete["outputs"]
    assert (written["namespace"], written["name"]) == ("s3://lake", "raw/acme_daily_sales/dt=2026-11-24/a.csv")
    counted = written["outputFacets"]["outputStatistics"]
    assert (counted["rowCount"], counted["size"]) == (2, 77)
    fields = [(one["name"], one["type"]) for one in written["facets"]["schema"]["fields"]]
    assert fields == [("order_id", "int64"), ("note", "string")]
    (table,) = written["facets"]["symlinks"]["identifiers"]
    assert table == {
        "namespace": "arn:aws:glue:eu-west-1:123456789012",
        "name": "table/lakeferry/raw_acme_daily_sales",
        "type": "TABLE",
    }


def test_a_files_members_have_their_own_counts_and_a_great_archive_is_its_day(stack: Stack) -> None:
    put_feed(stack.feeds, feed_document())
    members = [{"key": f"raw/k{n}", "rows": n, "bytes": 10 * n} for n in range(1, 4)]
    for name, change in (("few.zip", "SET outputs = :more"), ("many.zip", "SET outputs_key = :more REMOVE raw_keys")):
        item = stack.land(name)
        stack.table.update_item(
            Key={"feed_id": item.feed_id, "file_id": item.file_id},
            UpdateExpression=change,
            ExpressionAttributeValues={":more": members if name == "few.zip" else "outputs/x.json"},
        )
    stack.emit()
    written = {event["inputs"][0]["name"]: event["outputs"] for event in stack.of_jobs("land", "COMPLETE")}
    few = [(one["name"], one["outputFacets"]["outputStatistics"]["rowCount"]) for one in written["/outgoing/few.zip"]]
    assert few == [("raw/k1", 1), ("raw/k2", 2), ("raw/k3", 3)]
    assert [one["name"] for one in written["/outgoing/many.zip"]] == ["raw/acme_daily_sales/dt=2026-11-24"]


def test_a_curated_partition_is_made_of_its_raw_objects(stack: Stack) -> None:
    put_feed(stack.feeds, feed_document())
    stack.make_table()
    landed = [stack.land(f"{n}.csv") for n in range(2)]
    for n, item in enumerate(landed):
        stack.table.update_item(
            Key={"feed_id": item.feed_id, "file_id": item.file_id},
            UpdateExpression="SET raw_keys = :keys, #partition = :partition",
            ExpressionAttributeNames={"#partition": "partition"},
            ExpressionAttributeValues={":keys": [f"raw/{n}.csv"], ":partition": "acme/daily_sales/2026-11-24"},
        )
    stack.curate(*landed)
    stack.emit()
    start, complete = stack.of_jobs("curate")
    assert [(one["namespace"], one["name"]) for one in complete["inputs"]] == [
        ("s3://lake", "raw/0.csv"),
        ("s3://lake", "raw/1.csv"),
    ]
    assert start["inputs"] == complete["inputs"]
    (written,) = complete["outputs"]
    assert written["name"] == "curated/sales/tenant=acme/feed=daily_sales/dt=2026-11-24"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 4
    assert [one["name"] for one in written["facets"]["schema"]["fields"]] == ["order_id", "net"]
    assert written["facets"]["symlinks"]["identifiers"][0]["name"] == "table/lakeferry/sales"
    # what the raw zone was written as, it is read as: that joins the two
    outputs = {one["name"] for event in stack.of_jobs("land", "COMPLETE") for one in event["outputs"]}
    assert {one["name"] for one in complete["inputs"]} <= outputs


def test_what_fails_ends_with_its_error(stack: Stack) -> None:
    put_feed(stack.feeds, feed_document())
    stack.fail("/outgoing/x.csv#1#1", path="/outgoing/x.csv", size=1, dt="2026-11-24", status="FAILED")
    stack.fail("!feed", failing_since="2026-11-24T05:00:00.000Z")
    stack.emit()
    (of_file,), (of_feed,) = stack.of_jobs("land", "FAIL"), stack.of_jobs("poll", "FAIL")
    said = of_file["run"]["facets"]["errorMessage"]
    assert said["message"] == "X: " + "y" * 2000
    assert said["programmingLanguage"] == "Python"
    assert [one["name"] for one in of_file["inputs"]] == ["/outgoing/x.csv"]
    assert [(one["namespace"], one["name"]) for one in of_feed["inputs"]] == [(HOST, "/outgoing")]
    assert "outputs" not in of_file or of_file["outputs"] == []


def test_what_is_no_run_or_not_there_any_more_tells_nothing_and_keeps_nobody_back(stack: Stack) -> None:
    """Promises; a feed that is gone; an item that lacks what lineage tells."""
    everything(stack)
    stack.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    stack.fail("/outgoing/odd.csv#1#1", status="FAILED")
    stack.emit()
    assert stack.left() == 0
    assert stack.of_jobs("curate") == [], "which table it was is not known any more"
    assert all(event["inputs"] == [] for event in stack.of_jobs("land"))
    assert {card.what for card in CARDS} - {"file_landed", "partition_curated", "file_failed", "feed_failed"} == {
        "feed_late",
        "dataset_day_complete",
    }


def test_a_file_that_was_replaced_meanwhile_tells_nothing(stack: Stack) -> None:
    item = stack.land("a.csv")
    stack.table.update_item(
        Key={"feed_id": item.feed_id, "file_id": item.file_id},
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": "SUPERSEDED"},
    )
    stack.emit()
    assert (stack.lineage(), stack.left()) == ([], 0)


# -- nothing is lost


def clear(stack: Stack) -> None:
    for table in (stack.table, stack.sla):
        keys = [key["AttributeName"] for key in table.key_schema]
        with table.batch_writer() as batch:
            for item in table.scan()["Items"]:
                batch.delete_item(Key={key: item[key] for key in keys})
    for key in stack.objects():
        stack.s3.delete_object(Bucket=LAKE, Key=key)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_call_loses_no_run_and_what_comes_twice_is_the_same_run(stack: Stack, when: str) -> None:
    put_feed(stack.feeds, feed_document())

    def happen() -> set[tuple[str, str]]:
        stack.land("a.csv")
        stack.fail("!feed", failing_since="2026-11-24T05:00:00.000Z")
        return {("acme.daily_sales.land", "COMPLETE"), ("acme.daily_sales.poll", "FAIL")}

    wanted = happen()
    calls = len(stack.emit())
    for at in range(1, calls + 1):
        clear(stack)
        happen()
        assert stack.emit(at, when)[-1] == "killed", at
        stack.emit()
        ends = [event for event in stack.lineage() if event["eventType"] != "START"]
        assert {(event["job"]["name"], event["eventType"]) for event in ends} == wanted, at
        assert len({event["run"]["runId"] for event in ends}) == len(wanted), at
        assert stack.left() == 0, at


def test_what_cannot_be_written_stays_in_the_outbox(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    put_feed(stack.feeds, feed_document())
    stack.land("a.csv")
    put = stack.s3.put_object

    def refuse(**given: Any) -> Any:
        raise ConnectionError("S3 is gone")

    monkeypatch.setattr(stack.s3, "put_object", refuse)
    with pytest.raises(ConnectionError):
        stack.emit()
    assert stack.left() == 1
    monkeypatch.setattr(stack.s3, "put_object", put)
    stack.emit()
    assert (stack.left(), len(stack.of_jobs("land"))) == (0, 2)


# -- the endpoint


class Posting(Stack):
    """A stack with an endpoint."""

    def run(self) -> dict[str, int]:
        context = SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r"
        )  # fmt: skip
        answer: dict[str, int] = handler.handler({}, context)
        return answer


@pytest.fixture
def endpoint(
    feeds_table: "Table", ledger: Ledger, sla_table: "Table", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Posting, Chat]]:
    found = Posting(feeds_table, ledger, sla_table)
    found.denied = ""
    monkeypatch.setattr(handler, "clients", lambda: found.clients)
    put_feed(feeds_table, feed_document())
    with chat(tmp_path / "endpoint") as service:
        monkeypatch.setattr("lakeferry.channels.webhook._trust", lambda: _trusting(service.trust))
        found.url = service.url("")
        yield found, service


def _trusting(authority: Path) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(authority))


def test_events_are_posted_where_openlineage_has_them_and_are_gone_then(endpoint: tuple[Posting, Chat]) -> None:
    stack, service = endpoint
    stack.land("a.csv")
    assert stack.run() == {"items": 1, "events": 1, "lineage": 1, "lineage_posted": 2, "lineage_waiting": 0}
    assert [one.path for one in service.posted] == ["/api/v1/lineage"] * 2
    assert [one.body["eventType"] for one in service.posted] == ["START", "COMPLETE"]
    assert stack.objects(WORK) == {}
    assert stack.objects() == {}
    assert "Authorization" not in service.posted[0].headers
    stack.url = service.url("/elsewhere")
    stack.land("b.csv")
    stack.run()
    assert service.posted[-1].path == "/elsewhere"


def test_a_key_is_read_from_its_secret_and_never_told(
    endpoint: tuple[Posting, Chat], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    stack, service = endpoint
    stack.secret = "openlineage"
    stack.manager.create_secret(Name="openlineage", SecretString=json.dumps({"api_key": "k3y-of-the-endpoint"}))
    stack.land("a.csv")
    service.answers.append((500, "who is Bearer k3y-of-the-endpoint?"))
    assert stack.run()["lineage_waiting"] == 1
    stack.run()
    assert service.posted[-1].headers["Authorization"] == "Bearer k3y-of-the-endpoint"
    assert "k3y-of-the-endpoint" not in capsys.readouterr().out + caplog.text
    assert "[hidden]" in caplog.text


@pytest.mark.parametrize("value", [None, "no JSON", json.dumps({"key": "x"})])
def test_a_secret_that_is_not_there_is_an_endpoint_that_is_not(
    endpoint: tuple[Posting, Chat], value: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    stack, service = endpoint
    stack.secret = "openlineage"
    if value is not None:
        stack.manager.create_secret(Name="openlineage", SecretString=value)
    stack.land("a.csv")
    came = stack.run()
    assert (came["events"], came["lineage_waiting"], service.posted) == (1, 1, [])
    assert "of OpenLineageSecret" in caplog.text


def down(status: int) -> Any:
    return (status, "no")


@pytest.mark.parametrize("answer", [500, 503, 429, 401, 403, 404, 302])
def test_an_endpoint_that_does_not_answer_keeps_nothing_back_and_loses_nothing(
    endpoint: tuple[Posting, Chat], answer: int
) -> None:
    stack, service = endpoint
    for name in ("a.csv", "b.csv"):
        stack.land(name)
    service.answers += [down(answer)] * 2
    assert stack.run()["lineage_waiting"] == 1, "the two are one object"
    assert stack.left() == 0, "the outbox is empty, and the bus has had its events"
    assert len(service.posted) == 1, "it is not asked for each event that waits"
    stack.land("c.csv")
    came = stack.run()
    assert (came["events"], came["lineage_waiting"]) == (1, 2)
    assert stack.run()["lineage_waiting"] == 0
    names = {event.body["inputs"][0]["name"] for event in service.posted if event.body["eventType"] == "COMPLETE"}
    assert names == {"/outgoing/a.csv", "/outgoing/b.csv", "/outgoing/c.csv"}


def test_nobody_at_all_at_the_url_is_the_same(endpoint: tuple[Posting, Chat]) -> None:
    stack, _ = endpoint
    stack.url = "https://localhost:9"
    stack.land("a.csv")
    assert stack.run()["lineage_waiting"] == 1
    stack.denied = "127.0.0.0/8,::1/128"
    assert stack.run()["lineage_waiting"] == 1, "an address that the stack denies is not called"


@pytest.mark.parametrize("status", sorted(delivery.OF_THE_EVENT))
def test_an_event_that_is_refused_is_set_aside_and_fails_the_call_once_all_others_are_posted(
    endpoint: tuple[Posting, Chat], status: int
) -> None:
    stack, service = endpoint
    for name in ("a.csv", "b.csv"):
        stack.land(name)
    service.answers.append((status, "no such facet"))
    with pytest.raises(RefusedError, match="refused 1 events, which are under lineage/refused/"):
        stack.run()
    ((key, (event,)),) = stack.objects(WORK).items()
    assert key.startswith("lineage/refused/")
    assert event == service.posted[0].body
    assert len(service.posted) == 4
    assert stack.run()["lineage_waiting"] == 0


def test_posting_ends_with_its_time_and_the_oldest_go_first(stack: Stack) -> None:
    waiting = Waiting(stack.s3, WORK)
    for day in (3, 1, 2):
        waiting.put([{"eventTime": f"2026-11-0{day}T00:00:00Z", "n": day}])
    now, posted = [0.0], []

    def post(event: bytes) -> None:
        posted.append(json.loads(event)["n"])
        now[0] += 20

    came = delivery.deliver(waiting, post, 30, lambda: now[0])
    assert (posted, came) == ([1, 2], delivery.Delivered(2, 1, 0))
    assert [key.startswith(WAITING) for key in stack.objects(WORK)] == [True]


def test_what_is_half_posted_is_posted_again_whole(stack: Stack) -> None:
    waiting = Waiting(stack.s3, WORK)
    waiting.put([{"eventTime": "2026-11-01T00:00:00Z", "n": n} for n in range(3)])
    posted: list[int] = []

    def post(event: bytes) -> None:
        posted.append(json.loads(event)["n"])
        if len(posted) == 2:
            raise ChannelUnavailableError("gone")

    assert delivery.deliver(waiting, post, 30).waiting == 1
    assert delivery.deliver(waiting, post, 30) == delivery.Delivered(3, 0, 0)
    assert posted == [0, 1, 0, 1, 2]


# -- where it is not wanted


def test_a_stack_without_it_loads_nothing_of_it(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.url = ""
    loaded = {
        name for name in sys.modules if name.partition(".")[0] == "openlineage" or name.startswith("emit.lineage")
    }
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    stack.land("a.csv")
    context = SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r")
    assert handler.handler({}, context) == {"items": 1, "events": 1}
    assert not [name for name in sys.modules if name.startswith(("openlineage", "emit.lineage"))]
    assert (stack.objects(), stack.objects(WORK)) == ({}, {})


def test_the_role_may_what_the_parameter_needs_and_no_more() -> None:
    def actions(**parameters: str) -> dict[str, bool]:
        found = render(**parameters)
        policies, arns = found.policies("EmitFunctionRole"), found.arns
        asked = {
            "kept": ("s3:PutObject", f"{arns['LakeBucket']}/lineage/x"),
            "waits": ("s3:GetObject", f"{arns['WorkBucket']}/lineage/waiting/x"),
            "files": ("dynamodb:Query", f"{arns['LedgerTable']}/index/by_partition"),
            "secret": (
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:openlineage-AbCdEf",
            ),
        }
        return {name: allowed(policies, *one) for name, one in asked.items()}

    nothing = dict.fromkeys(("kept", "waits", "files", "secret"), False)
    assert actions() == nothing
    assert actions(OpenLineageUrl="lake") == nothing | {"kept": True, "files": True}
    url = "https://marquez.example"
    assert actions(OpenLineageUrl=url) == nothing | {"waits": True, "files": True}
    assert actions(OpenLineageUrl=url, OpenLineageSecret="openlineage") == nothing | {
        "waits": True,
        "files": True,
        "secret": True,
    }
