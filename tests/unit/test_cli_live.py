"""What a run looks like while it goes on, and what is said when it has ended."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.calling import Call
from cli.output import Output
from cli.run.live import PlainView, drawn
from cli.run.outcome import Failure, for_where, listing_of, tell_failures
from cli.run.progress import File, Progress, share_done
from lakeferry.counting import bytes_of


def file(name: str, status: str, **more: Any) -> File:
    return File.of(
        {"feed_id": "acme/sales", "file_id": name, "path": f"/out/{name}", "size": 100, "status": status, **more}
    )


class Ledger:
    """Of a run, as `Stack.ledger` is."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries, self.reads = entries, 0

    def of_run(self, run: str, attributes: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
        self.reads += 1
        return self.entries


class Stack:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger


def progress(*files: File) -> Progress:
    found = Progress(Stack(Ledger()), "arn:run")  # type: ignore[arg-type]
    found.files = {(one.feed_id, one.file_id): one for one in files}
    found.stage = "For each feed"
    return found


@pytest.mark.parametrize("width", [30, 80, 200])
def test_the_view_has_feeds_files_waits_and_failures_and_fits(width: int) -> None:
    names = [f"sales_2026110{number}_with_a_long_name_of_a_partner.csv" for number in range(1, 10)]
    found = progress(
        *(file(name, "CLAIMED", bytes_fetched=50) for name in names),
        file("done.csv", "CURATED", rows_curated=12),
        *(file(f"bad{number}\x1b[2J.csv", "FAILED", error="FileRejectedError", cause="x") for number in range(7)),
    )
    found.waits_for("acme/sales", "waits for new files to settle", 60)
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(drawn(found))
    shown = text.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert "\x1b" not in shown, "a file's name is data"
    if width == 200:
        for told in (
            "acme/sales",
            "8/17 files",
            "12 rows",
            "... and 1 more",
            "60 s more at most",
            "... and 2 more failed",
        ):
            assert told in shown, told


def test_a_pipe_gets_a_line_for_each_thing_that_happens_once(capsys: pytest.CaptureFixture[str]) -> None:
    view, found = PlainView(), progress()
    found.waits_for("acme/sales", "waits for new files to settle", 60)
    one = file("a.csv", "FETCHED")
    for changed in ([one], [], [file("b.csv", "FAILED", error="FileRejectedError")]):
        view.show(found, changed)
    lines = [line.partition("  ")[2] or line for line in capsys.readouterr().out.splitlines()]
    assert [line.split("  ")[-1] for line in lines] == [
        "For each feed",
        "acme/sales: waits for new files to settle (up to 60 s)",
        "acme/sales: a.csv: FETCHED (100 B)",
        "acme/sales: b.csv: FAILED (FileRejectedError)",
    ]


def test_a_look_tells_what_changed_and_leaves_the_ledger_alone_in_between() -> None:
    ledger = Ledger({"feed_id": "a/b", "file_id": "x", "path": "/x", "size": 1, "status": "CLAIMED"})
    found = Progress(Stack(ledger), "arn:run")  # type: ignore[arg-type]
    assert [one.status for one in found.look()] == ["CLAIMED"]
    found._next = float("inf")
    assert found.look() == []
    assert ledger.reads == 1
    assert found.look(at_once=True) == [], "nothing is another"
    ledger.entries = ({**ledger.entries[0], "status": "FETCHED"},)
    assert [one.status for one in found.look(at_once=True)] == ["FETCHED"]


def test_what_is_done_grows_with_bytes_and_steps() -> None:
    steps = [
        *(file("a", "CLAIMED"), file("a", "CLAIMED", bytes_fetched=50), file("a", "FETCHED"), file("a", "VALIDATED")),
        *(file("a", "UPLOADED"), file("a", "CURATED")),
    ]
    shares = [share_done([one]) for one in steps]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert share_done([]) == 0
    assert [bytes_of(size) for size in (0, 999, 1000, 1.5e9)] == ["0 B", "999 B", "1.0 kB", "1.5 GB"]
    assert [bytes_of(size) for size in (99_949, 99_950, 999_499, 999_500)] == ["99.9 kB", "100 kB", "999 kB", "1.0 MB"]
    assert bytes_of(2.5e15) == "2,500.0 TB"


def test_on_a_laptop_no_text_names_what_only_aws_has(capsys: pytest.CaptureFixture[str]) -> None:
    lake = Call(Output(), "lakeferry", Path("/home/me/lake"))
    cause = (
        "secret 'x' of feed a/b cannot be read (ResourceNotFoundException): create it in Secrets Manager with a "
        'JSON object such as {"password": "..."}. Report: s3://lakeferry-lakebucket-ad2f/fallout/x.txt. '
        "Ask the operator: ./lakeferry datasets share sales --with acme --stack lakeferry"
    )
    told = for_where(lake, cause)
    assert "Secrets Manager" not in told
    assert "--stack" not in told
    assert "/home/me/lake/fallout/x.txt" in told
    assert told.endswith("datasets share sales --with acme --lake /home/me/lake")
    assert for_where(Call(Output(), "lakeferry"), cause) == cause
    tell_failures(lake, [Failure("a/b", "SecretMissingError", cause)], "lakeferry run x.yaml")
    said = capsys.readouterr().out
    assert "Secrets Manager" not in said
    assert said.endswith("Then take it again: lakeferry run x.yaml\n")


def test_how_a_listing_ended_is_a_line() -> None:
    state = {"polled_by": "arn:run", "entries": {"listed": 1200, "done_with": 1200}}
    assert listing_of(state, "a/b", "arn:run") == "a/b: 1,200 listed (1,200 done with)"
    assert listing_of(state, "a/b", "arn:other") == "a/b: not polled"
    unfit = {"polled_by": "arn:run", "entries": {"listed": 1, "fits_nothing": "1 name, 0 fit; nearest: A.csv"}}
    assert listing_of(unfit, "a/b", "arn:run") == "a/b: 1 listed; 1 name, 0 fit; nearest: A.csv"
