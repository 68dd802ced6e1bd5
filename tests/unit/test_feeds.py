"""Feed documents: what is accepted, and what a wrong one is told."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import document as documents
from lakeferry.feeds import load_feed, parse_feed, put_feed
from lakeferry.feeds.problems import document_problems
from tests.conftest import feed_document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def test_defaults_are_filled_in() -> None:
    feed = parse_feed(feed_document())
    assert feed.feed_id == "acme/daily_sales"
    assert (feed.server.port, feed.server.max_connections, feed.files.size.min_bytes) == (22, 4, 1)
    assert feed.decode is None
    assert feed.enabled


def _with(path: str, value: Any) -> dict[str, Any]:
    document = feed_document()
    *parents, last = path.split(".")
    target = document
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = value
    return document


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (_with("tenant", "Acme"), "$.tenant"),
        (_with("tenant", "with_underscore"), "$.tenant"),
        (_with("server.protocol", "scp"), "$.server.protocol"),
        (_with("server.host_keys", []), "$.server.host_keys"),
        (_with("server.port", 0), "$.server.port"),
        (_with("server.secret", "lakeferry/globex/theirs"), "$.server.secret"),
        (_with("server.timezone", "Mars/Olympus"), "$.server.timezone"),
        (_with("server", {"protocol": "ftp", "host": "h", "username": "u"}), "$.server.allow_plaintext"),
        (_with("files.pattern", "a_{date:%Y}_{date:%m}.csv"), "$.files.pattern"),
        (_with("files.pattern", "a_{name}.csv"), "$.files.pattern"),
        (_with("files.pattern", "sub/*.csv"), "$.files.pattern"),
        (_with("files.after", {"action": "move"}), "$.files.after"),
        (_with("files.size", {"min_bytes": 9, "max_bytes": 3}), "$.files.size"),
        (_with("checks.rows", {"min": 9, "max": 3}), "$.checks.rows"),
        (_with("checks.columns", [{"name": "a", "type": "money"}]), "$.checks.columns[0].type"),
        (
            _with("checks.columns", [{"name": "a", "type": "string"}, {"name": "A", "type": "string"}]),
            "$.checks.columns",
        ),
        (
            _with("transform", {"rules": [{"name": "filter", "expression": "true", "action": "drop"}]}),
            "$.transform.rules",
        ),
        (_with("format.encoding", "klingon"), "$.format.encoding"),
        (_with("surprise", 1), "$: "),
    ],
)
def test_a_wrong_document_is_told_where_it_is_wrong(document: dict[str, Any], path: str) -> None:
    with pytest.raises(FeedInvalidError) as caught:
        parse_feed(document)
    assert path in str(caught.value)
    assert "acme" in str(caught.value).lower() or "with_underscore" in str(caught.value)


def test_every_problem_is_told_at_once() -> None:
    document = _with("server.port", 0) | {"dataset": "Sales!"}
    with pytest.raises(FeedInvalidError, match=r"\$\.dataset.*\$\.server\.port"):
        parse_feed(document)


def test_a_document_survives_the_table(feeds_table: "Table") -> None:
    document = _with("server.connect_timeout_seconds", 2.5)
    put_feed(feeds_table, document)
    item: Any = feeds_table.get_item(Key={"tenant": "acme", "feed": "daily_sales"})["Item"]
    assert isinstance(item["server"]["connect_timeout_seconds"], Decimal)
    assert load_feed(feeds_table, "acme", "daily_sales") == parse_feed(document)


def test_a_wrong_document_does_not_get_into_the_table(feeds_table: "Table") -> None:
    with pytest.raises(FeedInvalidError):
        put_feed(feeds_table, _with("tenant", "NO"))
    assert feeds_table.scan()["Count"] == 0


def test_a_feed_that_is_not_there_is_named(feeds_table: "Table") -> None:
    with pytest.raises(FeedInvalidError, match="acme/nothing has no document in table feeds"):
        load_feed(feeds_table, "acme", "nothing")


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("ROC", "the Glue job does not know the time zone ROC; write Asia/Taipei"),
        ("America/Coyhaique", "the Glue job does not know the time zone America/Coyhaique; write America/Punta_Arenas"),
        ("localtime", "the Glue job does not know the time zone localtime; write UTC"),
        ("America/NewYork", "is not a time zone of the IANA database; did you mean America/New_York?"),
        ("SystemV/AST4", "'SystemV/AST4' is not a time zone of the IANA database"),
    ],
)
@pytest.mark.parametrize("where", ["server", "column", "sla"])
def test_a_time_zone_is_one_that_functions_and_the_job_know(zone: str, told: str, where: str) -> None:
    document = feed_document()
    if where == "server":
        document["server"] = {**document["server"], "protocol": "ftps", "timezone": zone}
        del document["server"]["host_keys"]
    elif where == "sla":
        document["sla"] = {"expected_by": "06:30", "timezone": zone}
    else:
        document["checks"]["columns"].append({"name": "at", "type": "timestamp", "timezone": zone})
    with pytest.raises(FeedInvalidError) as refused:
        parse_feed(document)
    assert told in str(refused.value)


def test_what_a_document_says_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of many batches reads its feed for each; what is wrong is told each time."""
    checked = []

    def check(document: Any) -> Any:
        checked.append(document)
        return document_problems(document)

    monkeypatch.setattr(documents, "document_problems", check)
    monkeypatch.setattr(documents, "_sound", set())
    first = parse_feed(feed_document())
    assert parse_feed(feed_document()) == first
    assert len(checked) == 1
    for _ in range(2):
        with pytest.raises(FeedInvalidError, match=r"\$\.dataset"):
            parse_feed(feed_document(dataset="Sales"))
    assert len(checked) == 3
    changed = feed_document()
    changed["server"] |= {"port": 2222}
    assert parse_feed(changed).server.port == 2222
    assert len(checked) == 4


def test_few_documents_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_SOUND", 3)
    monkeypatch.setattr(documents, "_sound", set())
    for number in range(10):
        assert parse_feed(feed_document(dataset=f"sales_{number}")).dataset == f"sales_{number}"
        assert len(documents._sound) <= 3
