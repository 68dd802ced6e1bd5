"""The console over a lake: what its pages say, to whom, and that nothing in them is anything but text."""

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from cli.console.actions import Action, action_of
from cli.console.app import PAGES
from cli.console.guard import HEADERS
from cli.problems import WrongUseError
from lakeferry.mails.text import one_line
from local.journal import Journal
from local.lock import locked
from tests.local.console_catalog import ACME, GLOBEX, HOSTILE, SECRET_OF_GLOBEX
from tests.local.console_lake import HOME, LATER, TOKEN, add_files, begin_later, console, failed, file, note_state
from tests.local.console_read import Read, read

FORM = {"form_token": TOKEN.form, "what": "reprocess", "feed": ACME}
OURS = {"origin": HOME, "sec-fetch-site": "same-origin"}
ADDRESSES = [
    *("/runs", "/runs/one", "/runs/one/report", "/runs/one/states", "/runs/one/states?state=Poll+server"),
    *("/runs/one/log", "/failures", "/files", f"/files?feed={quote(ACME)}", "/runs/one?q=good&outcome=CURATED"),
    f"/file?feed={quote(ACME)}&file={quote(f'/out/{HOSTILE}#3#1')}",
    f"/file?feed={quote(ACME)}&file={quote('/out/good.csv#3#1')}",
    *("/feeds", f"/feeds/{ACME}", "/promises", "/query", "/query?sql=select+*+from+sales", "/query?sql=select+nothing"),
    "/query.csv?sql=select+*+from+sales",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_others_wrote_is_text_on_each_page(browser: TestClient, address: str) -> None:
    answer = browser.get(address)
    assert answer.status_code == (400 if "nothing" in address else 200)
    if answer.headers["content-type"].startswith("text/csv"):
        return
    page = Read(answer.text)
    for tag, attributes in page.tags:
        assert tag not in {"script", "img", "iframe", "object", "embed", "base"}
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "action"):
            assert re.match(r"(/|#|index|files-)", attributes.get(name) or "/"), attributes
    assert "\u202e" not in answer.text
    assert "49" not in page.text.replace(" ", "").split("gpj")[0][-40:]


def test_every_page_is_among_those_that_are_read() -> None:
    patterns = {re.sub(r"\{[^}]*\}", "one", path) for path in PAGES}
    read_ones = {address.partition("?")[0].replace(ACME, "one/one") for address in ADDRESSES}
    missing = patterns - read_ones - {"/done/one"}
    assert not missing


def test_pages_that_others_could_frame_script_or_keep_there_are_none(browser: TestClient) -> None:
    headers = browser.get("/runs").headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "script" not in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


# -- what they say


def test_a_run_has_its_feeds_files_and_states(browser: TestClient) -> None:
    page = read(browser, "/runs/one")
    assert "Run succeeded" in page.text
    assert "2 of 3 files in the lake" in page.text
    assert "not entered" in page.text
    marked = {attributes.get("aria-label") for tag, attributes in page.tags if tag == "a"}
    assert {"List feeds: done", "Poll server: 1 failed", "Validate files: done"} <= {
        re.sub(r"1×?, |2×, ", "", label or "") for label in marked
    } | {"Poll server: 1 failed"}


def test_a_feed_that_a_run_could_not_poll_stays_on_its_page_when_a_later_run_has_polled_it(own_lake: Path) -> None:
    wrong = {"Error": "LoginRejectedError", "Cause": HOSTILE}
    later = {"tenant": "globex", "feed": "later"}
    note_state(Journal(own_lake / ".lakeferry"), "Poll server", 3, 5, later, wrong)
    with console(own_lake) as client:
        page = read(client, "/runs/one")
        assert "globex/later ✕ failed LoginRejectedError" in page.text
        assert "script" not in {tag for tag, _ in page.tags}
        client.get("/tenant?name=acme&to=/runs")
        assert "globex/later" not in read(client, "/runs/one").text


def test_files_are_filtered_and_paged_on_the_server(own_lake: Path) -> None:
    add_files(own_lake, *(file(f"many_{number:04}.csv") for number in range(230)))
    with console(own_lake) as client:
        first = read(client, "/runs/one?q=many")
        assert "230 files , page 1 of 5" in first.text or "230 files, page 1 of 5" in first.text
        assert first.text.count("many_0") == 50
        last = read(client, "/runs/one?q=MANY&page=5")
        assert last.text.count("many_0") == 30
        assert "many_0229.csv" in last.text
        assert "No file fits" in read(client, f"/runs/one?q=many&feed={quote(GLOBEX)}").text
        # numbers that are none are the nearest
        assert read(client, "/runs/one?q=many&page=99").text.count("many_0") == 30
        assert read(client, "/runs/one?q=many&page=-1").text.count("many_0") == 50


def test_a_state_has_input_output_error_retries_and_duration(browser: TestClient) -> None:
    page = read(browser, f"/runs/one/states?state=Poll+server&feed={quote(GLOBEX)}")
    assert "1 time entered" in page.text
    assert "HostKeyMismatchError" in page.text
    assert "tried again 1 time" in page.text
    assert "2.0 s" in page.text
    assert "globex-data" in page.text
    log = page.text.partition("Log of its function")[2]
    assert SECRET_OF_GLOBEX in log, "the line of function poll about that feed"
    assert "checked" not in log
    assert '"gave": 1' in page.text


def test_log_lines_of_all_functions_are_those_of_the_run(browser: TestClient) -> None:
    text = read(browser, "/runs/one/log").text
    assert text.index("feeds listed") < text.index("checked") < text.index(SECRET_OF_GLOBEX)
    assert "of another run" not in text


def test_one_files_life_is_on_one_page(browser: TestClient) -> None:
    text = read(browser, f"/file?feed={quote(ACME)}&file={quote('/out/good.csv#3#1')}").text
    steps = ["claimed by a poll", "fetched to the inbox", "checked", "landed in the raw zone", "curated"]
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)
    for words in (
        "10 rows read = 9 landed + 1 rejected",
        "9 rows landed = 7 curated + 2 dropped",
        "raw/acme_daily_sales",
    ):
        assert words in text
    assert "Validate files" in text
    assert "backfill --feed=acme/daily_sales" in text


def test_a_file_is_taken_again_after_a_dry_run_alone(writer: tuple[TestClient, list[Action]]) -> None:
    client, _ = writer
    page = client.get(f"/file?feed={quote(ACME)}&file={quote('/out/good.csv#3#1')}").text
    assert re.findall(r'<button[^>]*name="yes"[^>]*>([^<]*)', page) == ["What would be done"]
    asked = {"form_token": TOKEN.form, "what": "backfill", "feed": ACME, "dt": "2026-11-01"}
    done = client.post("/do", data=asked, headers=OURS).text
    assert re.findall(r'<button[^>]*name="yes"[^>]*>([^<]*)', done) == ["Do it"]


@pytest.mark.parametrize("gone", ["SlaTable.json", "catalog.json", "runs.jsonl", "states", "functions.log"])
def test_a_lake_of_before_there_was_such_a_thing_is_shown(own_lake: Path, gone: str) -> None:
    for path in own_lake.joinpath(".lakeferry").rglob(gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with console(own_lake) as client:
        for address in ADDRESSES:
            expected = {200, 400}
            if gone == "runs.jsonl":
                expected |= {404}
            if "/query" in address:
                expected |= {409}  # there is no such table
            assert client.get(address).status_code in expected, address


def test_failures_are_grouped_by_cause_with_the_command(browser: TestClient) -> None:
    page = read(browser, "/failures")
    assert "1 file of acme/daily_sales failed in Validate files FileRejectedError" in page.text
    assert "lakeferry reprocess --feed=acme/daily_sales --error=FileRejectedError --yes" in page.text
    assert "globex/returns could not be polled" in page.text
    assert "button" not in {tag for tag, attributes in page.tags if attributes.get("name") == "yes"}


def test_times_have_utc_beside_them(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    page = read(browser, "/runs/one")
    stamps = [attributes["datetime"] for tag, attributes in page.tags if tag == "time"]
    assert stamps
    assert all((stamp or "").endswith("Z") for stamp in stamps)
    assert "UTC" in page.text


def test_a_run_that_goes_on_is_asked_for_again_until_it_is_paused(own_lake: Path) -> None:
    with console(own_lake) as client:
        assert "refresh" not in client.get("/runs/one").headers
        begin_later(own_lake)
        journal = Journal(own_lake / ".lakeferry")
        with locked(own_lake):
            answer = client.get("/runs/two")
            assert answer.headers["refresh"] == "2"
            assert "Run running" in Read(answer.text).text
            assert "refresh" not in client.get("/runs/two?live=off").headers
            note_state(journal, "List feeds", 0, None, run=LATER)
            lit = read(client, "/runs/two")
            assert ("a", "List feeds: 1 at work") in {(tag, one.get("aria-label")) for tag, one in lit.tags}
        # its process is gone: nobody is at work on it
        assert "Run killed" in read(client, "/runs/two").text


def test_what_a_run_changed_is_seen_at_once(own_lake: Path) -> None:
    with console(own_lake) as client:
        assert "later.csv" not in read(client, "/failures").text
        add_files(own_lake, failed("later.csv"))
        assert "later.csv" in read(client, "/failures").text


def test_names_that_are_none_are_told(browser: TestClient) -> None:
    for address in (
        "/runs/three",
        f"/file?feed={quote(ACME)}&file=x",
        "/file",
        f"/files?feed={quote(HOSTILE)}",
        "/done/7",
    ):
        assert "Not to be had" in read(browser, address, 404).text
    assert browser.get("/no-such-page").status_code == 404


# -- whose


@pytest.mark.parametrize("fixed", [True, False], ids=["started for one", "chosen"])
def test_a_tenant_sees_its_own_alone(lake: Path, fixed: bool) -> None:
    with console(lake, only="acme" if fixed else "") as client:
        if not fixed:
            client.get("/tenant?name=acme&to=/runs")
        for address in ADDRESSES:
            text = client.get(address).text
            assert SECRET_OF_GLOBEX not in text, address
            assert "globex-data" not in text, address
            if fixed:
                assert "globex" not in text, address
        assert client.get(f"/files?feed={quote(GLOBEX)}").status_code == 404
        secret = quote(f"/out/{SECRET_OF_GLOBEX}.csv#3#1")
        assert client.get(f"/file?feed={quote(GLOBEX)}&file={secret}").status_code == 404
        assert SECRET_OF_GLOBEX not in client.get(f"/runs/one/log?feed={quote(GLOBEX)}").text
        # what the run as a whole was given is its operator's
        assert "for its operator" in client.get("/runs/one/states?state=List+feeds").text


def test_nothing_of_another_tenant_is_read(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_of: list[Any] = []
    from botocore.client import BaseClient

    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def watched(self: Any, name: str, arguments: dict[str, Any]) -> Any:
        answer = original(self, name, arguments)
        read_of.append(answer if name in {"BatchGetItem", "GetItem", "Scan"} else {})
        if name == "Query" and "IndexName" not in arguments:
            read_of.append(answer)
        return answer

    with console(lake, only="acme") as client:
        monkeypatch.setattr(BaseClient, "_make_api_call", watched)
        for address in ADDRESSES:
            assert client.get(address).status_code in {200, 400}
        assert client.get(f"/files?feed={quote(GLOBEX)}").status_code == 404
    assert read_of
    assert SECRET_OF_GLOBEX not in str(read_of)
    assert "globex" not in str(read_of)


def test_a_console_for_one_tenant_stays_with_it(lake: Path) -> None:
    with console(lake, only="acme") as client:
        client.get("/tenant?name=globex&to=/runs")
        assert SECRET_OF_GLOBEX not in client.get("/failures").text


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/runs", "/\\evil.example", "/do", "", "%2f%2fevil"]
)
def test_choosing_a_tenant_leads_nowhere_else(browser: TestClient, to: str) -> None:
    answer = browser.get("/tenant", params={"name": "acme", "to": to}, follow_redirects=False)
    assert answer.headers["location"] == "/runs"
    browser.get("/tenant?name=")


# -- who


def test_without_the_address_nothing_is_shown(lake: Path) -> None:
    with console(lake) as client:
        client.cookies.clear()
        for address in [*ADDRESSES, "/", "/style.css", "/?token=wrong", "/runs?token=the-token", "/?token="]:
            answer = client.get(address, follow_redirects=False)
            assert answer.status_code == 401, address
            assert "acme" not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:8766", "localhost:8765.evil.example", ""]
)
def test_another_name_that_turns_to_loopback_is_refused(browser: TestClient, host: str) -> None:
    assert browser.get("/runs", headers={"host": host}).status_code == 421
    assert browser.get("/?token=the-token", headers={"host": host}).status_code == 421


@pytest.fixture(scope="module")
def writer(lake: Path) -> Iterator[tuple[TestClient, list[Action]]]:
    """A console that may write, with nobody behind it who does."""
    from cli.console.doing import Call, Doer

    started: list[Action] = []

    class Noting(Doer):
        def start(self, action: Action, tenant: str, where: str, *, is_dry: bool) -> int:
            started.append(action)
            self.calls.append(Call(action.command(where), dict(action.fields), tenant, is_dry, said=HOSTILE, code=0))
            return len(self.calls) - 1

    with console(lake, writes=True, doer=Noting([])) as client:
        yield client, started


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"{HOME}.evil.example"},
        {"origin": "http://127.0.0.1:8766"},
        {"origin": HOME, "sec-fetch-site": "cross-site"},
        {"origin": HOME, "sec-fetch-site": "same-site"},
    ],
)
def test_another_page_can_do_nothing(writer: tuple[TestClient, list[Action]], headers: dict[str, str]) -> None:
    client, started = writer
    started.clear()
    assert client.post("/do", data=FORM, headers=headers).status_code == 403
    assert not started


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({**FORM, "form_token": ""}, 403),
        ({**FORM, "form_token": TOKEN.value}, 403),
        ({name: value for name, value in FORM.items() if name != "form_token"}, 403),
        ({**FORM, "what": "tenants"}, 400),
        ({**FORM, "what": "feeds delete"}, 400),
        ({"form_token": TOKEN.form, "what": "reprocess"}, 400),
        ({**FORM, "error": "--all"}, 400),
        ({**FORM, "error": "x; rm -rf /"}, 400),
        ({"form_token": TOKEN.form, "what": "backfill", "feed": ACME, "dt": "2026-11-31"}, 400),
        ({**FORM, "feed": "acme/none"}, 404),
        ({**FORM, "feed": "--all"}, 404),
        ({**FORM, "file": "x" * 70_000}, 413),
    ],
)
def test_forms_that_no_page_has_are_refused(
    writer: tuple[TestClient, list[Action]], form: dict[str, str], status: int
) -> None:
    client, started = writer
    started.clear()
    assert client.post("/do", data=form, headers=OURS).status_code == status
    assert not started


def test_a_form_in_another_encoding_is_refused(writer: tuple[TestClient, list[Action]]) -> None:
    client, started = writer
    started.clear()
    body = "&".join(f"{name}={quote(value)}" for name, value in FORM.items())
    for kind in ("text/plain", "multipart/form-data", "application/json", ""):
        assert client.post("/do", content=body, headers={**OURS, "content-type": kind}).status_code == 415
    assert not started
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/do", headers=OURS).status_code == 405
    assert client.get("/do").status_code == 405


def test_a_console_without_write_does_nothing(browser: TestClient) -> None:
    assert browser.post("/do", data=FORM, headers=OURS).status_code == 403


def test_what_a_page_asks_for_is_done_and_shown(writer: tuple[TestClient, list[Action]]) -> None:
    client, started = writer
    started.clear()
    page = Read(client.post("/do", data=FORM | {"yes": "yes", "error": "FileRejectedError"}, headers=OURS).text)
    assert started[0].arguments() == ["reprocess", "--feed=acme/daily_sales", "--error=FileRejectedError"]
    assert "done" in page.text
    assert "script" not in {tag for tag, _ in page.tags}


def test_a_tenants_click_touches_nobody_else(writer: tuple[TestClient, list[Action]]) -> None:
    client, started = writer
    started.clear()
    client.get("/tenant?name=acme&to=/runs")
    assert client.post("/do", data=FORM | {"feed": GLOBEX}, headers=OURS).status_code == 404
    whole = {"form_token": TOKEN.form, "what": "reprocess", "runs": "yes"}
    assert client.post("/do", data=whole, headers=OURS).status_code == 404
    client.get("/tenant?name=&to=/runs")
    assert not started
    done = client.post("/do", data=whole, headers=OURS)
    assert done.status_code == 200
    client.get("/tenant?name=acme&to=/runs")
    assert client.get(str(done.url)).status_code == 404
    client.get("/tenant?name=&to=/runs")


@pytest.mark.parametrize("value", ["--all", "-x", "$(id)", "a b", "'; rm", HOSTILE])
def test_a_value_is_one_argument_whatever_it_looks_like(value: str) -> None:
    import shlex

    action = action_of({"what": "reprocess", "feed": ACME, "file": value})
    assert action.arguments() == ["reprocess", f"--feed={ACME}", f"--file={value}"]
    assert shlex.split(action.command(""))[3] == f"--file={one_line(value)}"


def test_a_form_that_asks_for_all_is_none() -> None:
    for form in (
        {"what": "reprocess", "error": "FileRejectedError"},
        {"what": "reprocess", "runs": "yes", "error": "x"},
    ):
        with pytest.raises(WrongUseError):
            action_of(form)


@pytest.mark.slow(seconds=3)
def test_a_dry_run_is_the_command_itself_and_changes_nothing(lake: Path) -> None:
    with console(lake, writes=True) as client:
        before = (lake / ".lakeferry" / "tables" / "LedgerTable.json").read_bytes()
        answer = client.post("/do", data=FORM, headers=OURS)
        for thread in threading.enumerate():
            if thread.name == "doing":
                thread.join(120)
        text = read(client, str(answer.url)).text
        assert "What would be done" in text
        assert "daily_sales" in text
        assert "Add --yes to do it." in text
        assert (lake / ".lakeferry" / "tables" / "LedgerTable.json").read_bytes() == before
