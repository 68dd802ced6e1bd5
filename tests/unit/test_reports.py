"""The report of a run: what it says, to whom, and that nothing in it is anything but text."""

import re
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE
from lakeferry.models import report_folder, report_key
from lakeferry.reports.facts import FileFacts, RunFacts, Span, StateFacts
from lakeferry.reports.gather import Sources, gather
from lakeferry.reports.history import history_of
from lakeferry.reports.listing import CLASSES
from lakeferry.reports.timeline import duration
from lakeferry.reports.writing import write_reports
from lakeferry.sla.table import SlaTable
from poll import balance
from tests.conftest import OTHER_RUN, RUN

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BEGAN = datetime(2026, 11, 23, 7, tzinfo=UTC)
THE_RUN = RunFacts(RUN, "SUCCEEDED", BEGAN, BEGAN + timedelta(minutes=4))
OPERATORS = "reports/operator/run-1/index.html"
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)><a href='javascript:alert(1)'>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egpj.exe\u2066\x00\x07\x1b[31m\r\n\u2028",
    "]]></svg></style></title><!--",
    "x" * 5_000,
]


OURS = re.compile(
    "html|head|meta|title|style|body|a|svg|g|defs|pattern|rect|path|circle|text|header|main|nav|section|article|figure|"
    "figcaption|footer|h1|h2|h3|p|div|span|b|strong|small|em|code|pre|bdi|br|ul|li|dl|dt|dd|table|thead|tbody|tr|th|td|"
    "details|summary"
)
"""Tags that the templates have."""


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry(name: str, feed_id: str = "acme/sales", run: str = RUN, **values: Any) -> dict[str, Any]:
    moments = {"claimed_at": at(10), "fetched_at": at(20), "validated_at": at(31), "uploaded_at": at(40)}
    rows = {"rows_read": 10, "rows_landed": 9, "rows_rejected": 1, "bad_rows": {"type:amount": 1}}
    curated = {"rows_curated": 7, "rows_dropped": {"filter": 2}, "curated_at": at(90), "status": "CURATED"}
    item = {"feed_id": feed_id, "file_id": f"/out/{name}#3#1", "path": f"/out/{name}", "run": run, "dt": "2026-11-22"}
    return {**item, "size": 3, "bytes_fetched": 3, **moments, **rows, **curated, **values}


def failed(name: str, feed_id: str = "acme/sales", **values: Any) -> dict[str, Any]:
    item = entry(name, feed_id)
    kept = ("feed_id", "file_id", "path", "run", "dt", "size", "claimed_at")
    facts = {"status": "FAILED", "stage": "Validate files", "error": "FileRejectedError", "cause": "it is empty."}
    return {**{key: item[key] for key in kept}, **facts, "failed_at": at(25), **values}


@pytest.fixture
def sources(ledger: Ledger, feeds_table: "Table", sla_table: "Table") -> Sources:
    return Sources(ledger, feeds_table, SlaTable(sla_table), boto3.client("stepfunctions"))


def put(*items: dict[str, Any]) -> None:
    table = boto3.resource("dynamodb").Table("ledger")
    for item in items:
        table.put_item(Item=item)


def reports(sources: Sources, run: RunFacts = THE_RUN, **arguments: Any) -> dict[str, str]:
    pages: dict[str, bytes] = {}
    keys = write_reports(sources, run, pages.__setitem__, **arguments)
    assert set(keys) <= pages.keys()
    return {key: body.decode() for key, body in pages.items()}


class Text(HTMLParser):
    """What a reader sees, and which tags and attributes there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {str(value) for name, value in attrs if name in {"href", "src"}}

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_it_says_first_what_failed_and_the_command_that_fixes_it(sources: Sources) -> None:
    put(entry("a.csv"), failed("b.csv"), failed("c.csv"))
    page = Text(reports(sources)[OPERATORS])
    said = page.text
    assert "1 thing needs you" in said
    assert said.index("2 files of acme/sales failed in Validate files") < said.index("Feeds Feed")
    assert "./lakeferry reprocess --feed acme/sales --stack lakeferry --yes" in said
    assert "it is empty." in said


def test_rows_are_accounted_for_line_by_line_and_by_rule(sources: Sources) -> None:
    put(entry("a.csv"))
    said = Text(reports(sources)[OPERATORS]).text
    for line in ("3 bytes on the server = 3 fetched", "10 rows read = 9 landed + 1 rejected"):
        assert said.count(line) == 2, "of the feed, and of the file"
    assert "9 rows landed = 7 curated + 2 dropped" in said
    assert re.search(r"type:amount +1\b", said)
    assert re.search(r"filter +2\b", said)
    assert "1 file of 1 feed is in the lake" in said


def test_what_does_not_add_up_is_the_headline(sources: Sources) -> None:
    put(entry("a.csv", rows_landed=8))
    said = Text(reports(sources)[OPERATORS]).text
    assert "1 file does not add up" in said
    assert "10 rows read ≠ 8 landed + 1 rejected does not add up" in said


def test_what_is_tried_again_by_itself_asks_nobody(sources: Sources) -> None:
    put(failed("a.csv", error="ServerUnavailableError", cause="no answer"))
    said = Text(reports(sources)[OPERATORS]).text
    assert "Lakeferry tries again by itself" in said
    assert "reprocess" not in said


def test_a_failure_of_many_feeds_has_one_command(sources: Sources) -> None:
    put(*(failed("a.csv", f"acme/feed{at}") for at in range(7)))
    said = Text(reports(sources)[OPERATORS]).text
    assert "--error FileRejectedError" in said
    assert "--feed acme/feed1" not in said


def test_a_tenants_report_has_nothing_of_another(sources: Sources) -> None:
    put(entry("ours.csv"), failed("theirs.csv", "globex/stock", cause="their secret"))
    pages = reports(sources)
    mine = pages["reports/tenants/acme/run-1/index.html"]
    assert "ours.csv" in mine
    assert not {"globex", "theirs", "their secret"} & set(re.findall("globex|theirs|their secret", mine))
    assert "theirs.csv" in pages["reports/tenants/globex/run-1/index.html"]
    assert "ours.csv" in pages[OPERATORS]
    assert "theirs.csv" in pages[OPERATORS]


def test_no_tenant_can_be_called_as_the_operators_folder_is() -> None:
    assert not report_folder(RUN).startswith(report_folder(RUN, "operator").rsplit("/", 2)[0])


def test_a_run_that_failed_has_one_too(sources: Sources) -> None:
    run = replace(THE_RUN, status="FAILED", error="BalanceError", cause="Mailed. rows are missing")
    said = Text(reports(sources, run)[OPERATORS]).text
    assert "The run failed" in said
    assert "rows are missing" in said
    assert "./lakeferry reprocess --runs --stack lakeferry --yes" in said


def test_the_listing_of_another_run_is_not_taken_for_this_ones(sources: Sources) -> None:
    put(entry("a.csv"))
    state = {"feed_id": "acme/sales", "file_id": "!feed", "entries": {"listed": 3, "taken": 1, "settling": 2}}
    put({**state, "polled_by": OTHER_RUN})
    assert "No server was listed" in Text(reports(sources)[OPERATORS]).text
    put({**state, "polled_by": RUN})
    said = Text(reports(sources)[OPERATORS]).text
    assert "3 listed = 1 taken + 2 settling" in said
    assert "2 files : it may still be uploading" in said


@pytest.mark.parametrize("what", ["no turn", "set aside"])
def test_a_feed_that_has_a_mail_of_the_run_is_in_the_report_that_the_mail_names(sources: Sources, what: str) -> None:
    if what == "no turn":
        sources.feeds.put_item(Item={"tenant": "acme", "feed": "sales"})
        put({"feed_id": "acme/sales", "file_id": "!feed", "polled_by": OTHER_RUN})
        sources.ledger.feeds.note_out_of_time("acme/sales", RUN)
        said = "acme/sales not polled: the run's time was over before its turn came"
    else:
        sources.ledger.asides.note("acme/sales", CURATE, fingerprint="f", error="FeedInvalidError", cause="a bad rule")
        assert "tenants/acme" not in str(reports(sources)), "it is told by another run"
        (aside,) = sources.ledger.asides.of(CURATE)
        sources.ledger.asides.claim(aside, RUN)
        said = "Files of acme/sales could not be curated"
    pages = reports(sources)
    key = report_key(RUN, "acme")
    assert said in Text(pages[key]).text
    assert said in Text(pages[OPERATORS]).text
    alone = gather(sources, THE_RUN, tenant="globex")
    assert not alone.feeds


def test_every_class_of_a_listing_has_words() -> None:
    assert set(CLASSES) == set(balance.CLASSES) - {"listed"}


def test_schema_changes_show_the_columns_before_and_after(sources: Sources) -> None:
    put(entry("a.csv", columns=["id", "new"], drift={"added": ["new"], "removed": ["old"]}))
    assert "Before id − old After id + new" in Text(reports(sources)[OPERATORS]).text


def test_promises_around_the_run_are_there_and_older_ones_are_not(sources: Sources, sla_table: "Table") -> None:
    put(entry("a.csv"))
    sla_table.put_item(Item={"feed_id": "!feeds", "due": "acme/sales", "checked_until": at(0)})
    for day, status in ((20, "MISSED"), (23, "BREACHED")):
        due = f"2026-11-{day}T06:30:00Z"
        item = {"expected_at": due, "deadline": due, "due_date": f"2026-11-{day}", "business_date": f"2026-11-{day}"}
        words = {"expected_by": "06:30", "timezone": "UTC", "status": status, "missing": ["any file"]}
        sla_table.put_item(Item={"feed_id": "acme/sales", "due": f"{due}#2026-11-{day}", **item, **words})
    said = Text(reports(sources)[OPERATORS]).text
    assert "BREACHED late, and not complete yet: missing any file" in said
    assert "MISSED" not in said


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_is_text_and_short(sources: Sources, text: str) -> None:
    drift = {"added": [text], "removed": [text + "2"]}
    put(
        entry("a.csv", path=text, dt=text, notes=[text], bad_rows={text: 1}, rows_dropped={text: 2}, columns=[text],
              drift=drift, after_error=text),
        failed("b.csv", path=text, error=text, cause=text, stage=text),
    )  # fmt: skip
    for key, html in reports(sources, replace(THE_RUN, status="FAILED", error=text, cause=text)).items():
        page = Text(html)
        assert all(map(OURS.fullmatch, page.tags)), key
        assert not {name for name in page.attributes if name.startswith("on")}
        assert all(link.startswith("#") for link in page.links)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", html)
        assert "x" * 1_300 not in html


def reports_of_nothing() -> str:
    from lakeferry.reports.gather import Gathered
    from lakeferry.reports.render import report_page

    return report_page(Gathered(THE_RUN, {})).decode()


def test_a_page_fetches_nothing_and_runs_nothing() -> None:
    html = reports_of_nothing()
    assert "script" not in Text(html).tags
    assert "default-src 'none'" in html
    assert not re.findall(r"(?:src|href)=\"(?!#)|@import|url\((?!#)", html)


class Many:
    """A ledger of 10,000 files that exist one at a time."""

    def __init__(self, feeds: int, files: int, name: str) -> None:
        self._feeds, self._files, self._name = feeds, files, name
        self.feeds = SimpleNamespace(known=lambda ids: {})
        self.asides = SimpleNamespace(of=lambda what: [])

    def of_run(self, run: str, attributes: Any, tenant: str = "") -> Iterator[dict[str, Any]]:
        for number in range(self._files):
            feed = f"acme/feed{number % self._feeds}"
            make = failed if number % 3 == 0 else entry
            yield make(f"{number}{self._name}", feed, cause=f"{number} {self._name}" * 5)


def written(feeds: int, files: int) -> dict[str, int]:
    nothing = cast(
        "Any",
        SimpleNamespace(
            scan=lambda **_: {"Items": []},
            clocks=dict,
            get_execution_history=lambda **_: {"events": []},
            list_map_runs=lambda **_: {"mapRuns": []},
        ),
    )
    sizes: dict[str, int] = {}
    many = cast("Ledger", Many(feeds, files, "\N{SNOWMAN}" * 300))
    write_reports(
        Sources(many, nothing, nothing, nothing), THE_RUN, lambda key, body: sizes.__setitem__(key, len(body))
    )
    return sizes


@pytest.mark.parametrize("feeds", [1, 500])
def test_ten_thousand_files_with_long_names_are_pages_under_two_megabytes(feeds: int) -> None:
    sizes = written(feeds, 10_000)
    assert max(sizes.values()) < 2_000_000
    assert sizes[OPERATORS] < 2_000_000
    assert len([key for key in sizes if key.startswith("reports/operator/") and "files-" in key]) == 20


def test_memory_does_not_grow_with_the_files_of_a_feed() -> None:
    def peak(files: int) -> int:
        tracemalloc.start()
        written(1, files)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    written(1, 1)  # templates are read once
    assert peak(3_000) < peak(1_000) * 1.2


def test_times_have_waits_apart() -> None:
    file = FileFacts.of(entry("a.csv", seconds={"check": 1}), BEGAN + timedelta(seconds=60))
    assert [(span.what, span.seconds, span.is_wait) for span in file.spans] == [
        ("fetch", 10, False), ("check", 10, True), ("check", 1, False), ("upload", 9, False),
        ("curate", 20, True), ("curate", 30, False),
    ]  # fmt: skip
    assert Span("x", BEGAN, BEGAN + timedelta(seconds=2)).seconds == 2
    assert [duration(value) for value in (0.42, 3.21, 250, 7500)] == ["420 ms", "3.2 s", "4 min 10 s", "2 h 5 min"]


def event(number: int, kind: str, previous: int = 0, name: str = "") -> dict[str, Any]:
    detail = {"stateEnteredEventDetails": {"name": name}, "stateExitedEventDetails": {"name": name}} if name else {}
    moment = BEGAN + timedelta(seconds=number)
    return {"id": number, "type": kind, "previousEventId": previous, "timestamp": moment, **detail}


def test_a_state_that_was_retried_is_good_and_one_that_was_caught_has_failed() -> None:
    events = [
        event(1, "ExecutionStarted"),
        event(2, "TaskStateEntered", 1, "List feeds"), event(3, "TaskFailed", 2), event(4, "TaskSucceeded", 3),
        event(5, "TaskStateExited", 4, "List feeds"),
        event(6, "TaskStateEntered", 5, "Run Glue job"), event(7, "TaskTimedOut", 6),
        event(8, "TaskStateExited", 7, "Run Glue job"),
        event(9, "FailStateEntered", 8, "Run failed"),
    ]  # fmt: skip
    assert history_of(events, "FAILED", BEGAN).states == {
        "List feeds": StateFacts(good=1), "Run Glue job": StateFacts(failed=1), "Run failed": StateFacts(failed=1),
    }  # fmt: skip


def test_items_of_a_map_that_are_at_work_together_are_told_apart() -> None:
    events = [
        event(1, "MapStateEntered", 0, "For each mail"),
        event(2, "TaskStateEntered", 1, "Send mail"), event(3, "TaskStateEntered", 1, "Send mail"),
        event(4, "TaskFailed", 2), event(5, "TaskSucceeded", 3),
        event(6, "TaskStateExited", 5, "Send mail"), event(7, "TaskStateExited", 4, "Send mail"),
        event(8, "MapStateSucceeded", 7), event(9, "MapStateExited", 8, "For each mail"),
    ]  # fmt: skip
    states = history_of(events, "SUCCEEDED", BEGAN).states
    assert states["Send mail"] == StateFacts(good=1, failed=1)
    assert states["For each mail"] == StateFacts(good=1)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's Chromium")
def test_a_browser_reads_it_from_disk_with_scripts_off(sources: Sources, tmp_path: Path) -> None:
    put(entry("a.csv"), failed("b.csv", cause="<script>document.title='owned'</script>"))
    path = tmp_path / "index.html"
    path.write_text(reports(sources)[OPERATORS], "utf-8")
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    settings = tmp_path / "profile" / "Default" / "Preferences"  # the browser's own switch for scripts
    settings.parent.mkdir(parents=True)
    settings.write_text('{"profile": {"default_content_setting_values": {"javascript": 2}}}')
    switches = ["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"]
    done = subprocess.run([*command, *switches, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    seen = Text(done.stdout)
    assert "script" not in seen.tags
    assert "1 thing needs you" in seen.text
    assert "<script>document.title='owned'</script>" in seen.text
