"""What `make local` prints while runs go on: stages, files, failures and mails, a line each."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import following
from local.console import Console
from local.following import Following
from local.stack import Event
from tests.conftest import RUN


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class World:
    """A stack whose run goes on as the test says; nothing looks by itself."""

    def __init__(self, folder: Path) -> None:
        self.work_folder = folder
        self.files: dict[str, dict[str, Any]] = {}
        self.sent: list[Any] = []
        self.status: dict[str, str] = {"status": "RUNNING"}
        self._listeners: list[Callable[[Event], None]] = []
        self.following = Following(self, Console(), self)  # type: ignore[arg-type]

    def on_event(self, listener: Callable[[Event], None]) -> None:
        self._listeners.append(listener)

    def mails(self) -> list[Any]:
        return list(self.sent)

    def client(self, service: str) -> Any:
        return SimpleNamespace(describe_execution=lambda executionArn: self.status)

    def of_run(self, run: str, attributes: Any) -> Iterator[dict[str, Any]]:
        return iter(self.files.values())

    def enter(self, state: str, item: str = "", run: str = RUN) -> None:
        for listener in self._listeners:
            listener(Event("entered", run, item, state, "Task", 0.0, None))

    def file(self, name: str, status: str, **more: Any) -> None:
        self.files[name] = {
            **{
                "feed_id": "acme/daily_sales",
                "file_id": name,
                "path": f"/outgoing/{name}",
                "size": 1,
                "status": status,
            },
            **more,
        }


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(following, "LOOK_SECONDS", 3_600.0)
    return World(tmp_path)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed since the last call, without the seconds in front."""
    return [line.partition(" s  ")[2] for line in capsys.readouterr().out.splitlines()]


def test_a_run_is_told_from_its_beginning_to_its_end(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.enter("List due feeds")
    world.enter("Poll server", "acme/daily_sales")
    assert lines(capsys) == ["run run-1 begins", "  List due feeds"]
    world.file("a.csv", "CLAIMED")
    world.file("b\x1b[2J.csv", "CLAIMED", size=2_000)
    world.following.look()
    world.following.look()
    assert lines(capsys) == [
        "  acme/daily_sales: a.csv: CLAIMED, 1 byte",
        "  acme/daily_sales: b?[2J.csv: CLAIMED, 2,000 bytes",
    ]
    world.enter("Run Glue job")
    world.file("a.csv", "CURATED", rows_curated=3)
    world.file("b\x1b[2J.csv", "FAILED", stage="Validate files", error="FileRejectedError", cause="line 2:\nno number")
    world.sent.append(SimpleNamespace(subject="[Lakeferry] acme/daily_sales: b.csv failed"))
    world.status = {"status": "SUCCEEDED"}
    world.following.look()
    said = lines(capsys)
    assert said[:-1] == [
        "  Run Glue job",
        "  acme/daily_sales: a.csv: CURATED, 1 byte, 3 rows",
        "  acme/daily_sales: b?[2J.csv: FAILED, Validate files: FileRejectedError: line 2:?no number",
        "  mail: [Lakeferry] acme/daily_sales: b.csv failed",
    ]
    assert said[-1].startswith("run run-1 SUCCEEDED after ")
    assert said[-1].endswith(": 1 file in the lake, 1 failed")
    world.following.look()
    assert lines(capsys) == [], "what has ended is told once"


def test_a_run_that_fails_says_why(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.enter("List due feeds")
    lines(capsys)
    world.status = {"status": "FAILED", "error": "CrawlerError", "cause": "no"}
    world.following.look()
    first, second = lines(capsys)
    assert first.startswith("run run-1 FAILED after ")
    assert second == "  CrawlerError: no"


def test_a_second_run_is_another(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.enter("List due feeds")
    world.status = {"status": "SUCCEEDED"}
    world.following.look()
    world.enter("List due feeds", run=f"{RUN}2")
    assert lines(capsys)[-2:] == ["run run-12 begins", "  List due feeds"]


def test_colours_are_for_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 3_600.0)
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    world = World(tmp_path)
    world.enter("List due feeds")
    assert "\x1b[1mrun run-1 begins" in screen.getvalue()
    monkeypatch.setattr(sys, "stdout", pipe := io.StringIO())
    world = World(tmp_path)
    world.enter("List due feeds", run=f"{RUN}3")
    world.file("a.csv", "FAILED", error="X", cause="y", stage="z")
    world.following.look()
    assert "FAILED" in pipe.getvalue()
    assert "\x1b" not in pipe.getvalue()


def test_a_look_that_fails_is_told_and_the_next_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    world = World(tmp_path)
    answers = iter([OSError("gone")])

    def of_run(run: str, attributes: Any) -> Iterator[dict[str, Any]]:
        for error in answers:
            raise error
        world.status = {"status": "SUCCEEDED"}
        return iter(())

    monkeypatch.setattr(world, "of_run", of_run)
    world.enter("List due feeds")
    said = ""
    while "SUCCEEDED" not in said:
        world.following.idle.wait(30)
        said += capsys.readouterr().out
    assert "the ledger cannot be read: OSError: gone" in said
