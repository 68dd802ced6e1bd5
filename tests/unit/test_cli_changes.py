"""Feeds changed by the command line: shown, asked for, kept as they were, and taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
import yaml

from cli.__main__ import main
from cli.feeds.differences import differences
from cli.problems import DONE, FAILED, NOTHING_MATCHED, WRONG_USE
from lakeferry.ledger.documents import KEPT, Documents
from tests.conftest import feed_document
from tests.unit.cli_world import deployed

FEED = "acme/daily_sales"


@pytest.fixture
def tables(aws: None) -> dict[str, Any]:
    made = deployed()
    return {name: boto3.resource("dynamodb").Table(made[name]) for name in ("FeedsTable", "LedgerTable")}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(**changes: Any) -> str:
        path = tmp_path / "feed.yaml"
        path.write_text(yaml.safe_dump(feed_document(**changes)))
        return str(path)

    return write


def stored(tables: dict[str, Any]) -> list[dict[str, Any]]:
    return list(tables["FeedsTable"].scan()["Items"])


def test_put_shows_what_changes_and_refuses_where_nobody_can_be_asked(
    tables: dict[str, Any], write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["feeds", "put", write()]) == DONE, "a new feed changes nothing that is there"
    assert main(["feeds", "put", write()]) == DONE
    assert "is as it is stored" in capsys.readouterr().out
    path = write(dataset="sales_too")
    assert main(["feeds", "diff", path]) == DONE
    assert main(["feeds", "put", path]) == WRONG_USE
    said = capsys.readouterr()
    assert said.out.count('  ~ dataset: "sales" -> "sales_too"\n') == 2
    assert "add --yes" in said.err
    assert stored(tables)[0]["dataset"] == "sales"
    assert main(["feeds", "put", path, "--yes"]) == DONE
    assert stored(tables)[0]["dataset"] == "sales_too"


@pytest.mark.parametrize(("answer", "code", "dataset"), [(True, DONE, "sales_too"), (False, FAILED, "sales")])
def test_on_a_terminal_put_asks(
    tables: dict[str, Any],
    write: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    code: int,
    dataset: str,
) -> None:
    main(["feeds", "put", write()])

    def confirm(question: str, *, abort: bool) -> None:
        assert (question, abort) == ("Put 1 feed?", True)
        if not answer:
            raise typer.Abort

    monkeypatch.setattr("cli.asking.typer.confirm", confirm)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(["feeds", "put", write(dataset="sales_too")]) == code
    assert stored(tables)[0]["dataset"] == dataset


def test_a_change_is_taken_back(
    tables: dict[str, Any], write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["feeds", "put", write(checks={"bad_rows": {"action": "quarantine", "max_ratio": 0.25}})])
    main(["feeds", "put", write(dataset="sales_too"), "--yes"])
    main(["feeds", "disable", FEED])
    capsys.readouterr()
    assert main(["feeds", "history", FEED]) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["disable", "put"]
    assert "+ enabled: false" in lines[1]
    assert main(["feeds", "history", FEED, "--restore", "2", "--yes"]) == DONE
    (now,) = stored(tables)
    assert float(now["checks"]["bad_rows"]["max_ratio"]) == 0.25
    assert "enabled" not in now
    assert main(["feeds", "show", FEED, "--version", "1"]) == DONE
    assert "enabled: false" in capsys.readouterr().out
    assert main(["feeds", "history", FEED, "--restore", "9", "--yes"]) == NOTHING_MATCHED
    assert "has 3 earlier versions" in capsys.readouterr().err


def test_so_many_versions_are_kept(tables: dict[str, Any]) -> None:
    kept = Documents(tables["LedgerTable"])
    for number in range(KEPT + 3):
        tables["LedgerTable"].put_item(
            Item={
                **{"feed_id": "!document", "file_id": f"{FEED}#2026-01-01T00:00:{number:02d}.000Z", "by": "me"},
                **{"why": "put", "document": f'{{"number": {number}}}'},
            }
        )
    kept.keep("acme/daily_sales_too", {"other": True}, by="me", why="put")
    kept.keep(FEED, {"number": "last"}, by="me", why="put")
    found = kept.versions(FEED)
    assert len(found) == KEPT
    assert found[0].document == {"number": "last"}
    assert len(kept.versions("acme/daily_sales_too")) == 1, "another feed whose name begins so"


def test_a_document_that_this_version_refuses_can_be_disabled_and_not_enabled(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tables["FeedsTable"].put_item(Item=feed_document(nonsense=True))
    assert main(["feeds", "disable", FEED]) == DONE
    assert stored(tables)[0]["enabled"] is False
    assert main(["feeds", "disable", FEED]) == DONE
    assert "was disabled already" in capsys.readouterr().out
    assert main(["feeds", "enable", FEED]) == FAILED
    assert stored(tables)[0]["enabled"] is False


@pytest.mark.parametrize("what", ["finish", "drop", "keep"])
def test_delete_says_what_is_pending_and_does_with_it_what_it_is_told(
    what: str, tables: dict[str, Any], write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["feeds", "put", write()])
    common = {"feed_id": FEED, "path": "/x", "size": 1, "mtime": 1, "run": "arn:r"}
    waits = {"status": "UPLOADED", "pending": "raw", "partition": f"{FEED}/2026-11-01"}
    tables["LedgerTable"].put_item(Item={**common, "file_id": "/x#1#1", **waits})
    failed = {"status": "FAILED", "unfinished": "failed#r#t"}
    tables["LedgerTable"].put_item(Item={**common, "file_id": "/y#1#1", **failed})
    capsys.readouterr()
    assert main(["feeds", "delete", FEED, "--yes"]) == FAILED
    said = capsys.readouterr()
    assert "1 file in the raw zone not curated yet" in said.out
    assert "1 file failed and not taken again" in said.out
    assert "--pending finish|drop|keep" in said.err
    assert main(["feeds", "delete", FEED, "--yes", "--pending", what]) == DONE
    items = {item["file_id"]: item for item in tables["LedgerTable"].scan()["Items"] if item["feed_id"] == FEED}
    if what == "finish":
        assert stored(tables)[0]["enabled"] is False
        assert items["/x#1#1"]["pending"] == "raw"
        return
    assert stored(tables) == []
    assert items["/x#1#1"].get("pending") == {"drop": None, "keep": "aside"}[what]
    assert items["/y#1#1"]["status"] == {"drop": "RELEASED", "keep": "FAILED"}[what]
    assert main(["feeds", "show", FEED]) == NOTHING_MATCHED
    assert f"lakeferry feeds history {FEED} --restore 1" in capsys.readouterr().err
    assert main(["feeds", "history", FEED, "--restore", "1", "--yes"]) == DONE
    assert len(stored(tables)) == 1
    again = tables["LedgerTable"].get_item(Key={"feed_id": FEED, "file_id": "/x#1#1"})["Item"]
    assert again.get("pending") == {"drop": None, "keep": "raw"}[what], "what waited is work again"


@pytest.mark.parametrize(("what", "left"), [("drop", None), ("keep", "aside")])
def test_files_of_a_feed_that_was_deleted_before_are_dropped_or_kept(
    what: str, left: str | None, tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    common = {"feed_id": FEED, "path": "/x", "size": 1, "mtime": 1, "run": "arn:r", "partition": f"{FEED}/2026-11-01"}
    for name in ("raw", "aside"):  # one that no job has seen yet, one that a job has set aside
        tables["LedgerTable"].put_item(
            Item={**common, "file_id": f"/{name}#1#1", "status": "UPLOADED", "pending": name}
        )
    assert main(["feeds", "delete", FEED, "--yes"]) == FAILED
    said = capsys.readouterr()
    assert "2 files in the raw zone not curated yet" in said.out
    assert f"lakeferry feeds history {FEED} --restore 1" in said.err
    assert main(["feeds", "delete", FEED, "--yes", "--pending", "finish"]) == WRONG_USE
    assert main(["feeds", "delete", FEED, "--yes", "--pending", what]) == DONE
    items = [item for item in tables["LedgerTable"].scan()["Items"] if item["feed_id"] == FEED]
    assert [item.get("pending") for item in items] == [left, left]
    again = main(["feeds", "delete", FEED, "--yes", "--pending", "drop"])
    assert again == (NOTHING_MATCHED if what == "drop" else DONE)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["~ a.b: 1 -> 2"]),
        ({"a": 1}, {"a": True}, ["~ a: 1 -> true"]),
        ({}, {"a": None}, ["+ a: null"]),
        ({"a": "x\x1b"}, {}, ['- a: "x\\u001b"']),
        (
            {"c": [{"name": "x", "type": "t"}, {"name": "y"}]},
            {"c": [{"name": "z"}, {"name": "x", "type": "u"}, {"name": "y"}]},
            ['~ c[x].type: "t" -> "u"', '+ c[z]: {"name": "z"}'],
        ),
        (
            {"c": [{"name": "x"}, {"name": "y"}]},
            {"c": [{"name": "y"}, {"name": "x"}]},
            ['~ c (order): ["x", "y"] -> ["y", "x"]'],
        ),
        ({"c": ["a"]}, {"c": ["a", "b"]}, ['~ c: ["a"] -> ["a", "b"]']),
    ],
)
def test_differences_name_the_setting(before: dict[str, Any], after: dict[str, Any], told: list[str]) -> None:
    assert [str(one) for one in differences(before, after)] == told
