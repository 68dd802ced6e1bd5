"""The console in a real browser: followed, clicked, read with axe-core in light and dark, and on a phone."""

import base64
import contextlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright
from starlette.applications import Starlette

from cli.console import doing
from cli.console.held import Held, Holding
from local.journal import Journal
from local.lock import locked
from tests.conftest import ROOT
from tests.local.console_catalog import ACME, HOSTILE
from tests.local.console_lake import LATER, add_files, begin_later, failed, file, made_console, note_state

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's Chromium is missing (apt-get install chromium)")
GRAVE = {"serious", "critical"}
PAGES = [
    *("/runs", "/runs/one", "/runs/one/states?state=Poll+server", "/runs/one/log", "/failures", "/files"),
    f"/file?feed={quote(ACME)}&file={quote(f'/out/{HOSTILE}#3#1')}",
    *("/feeds", f"/feeds/{ACME}", "/promises", "/query?sql=select+*+from+sales"),
]
FIXES = """
import json, pathlib, sys
path = pathlib.Path({ledger!r})
items = json.loads(path.read_text())
for item in items:
    if item.get("status") == "FAILED":
        item["status"] = "CURATED"
        del item["unfinished"]
partial = path.with_suffix(".partial")
partial.write_text(json.dumps(items))
partial.replace(path)
print("would start 1" if "--yes" not in sys.argv else "started {run}, and waiting for it ...", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A console that a browser can reach."""

    lake: Path
    home: str
    address: str
    app: Starlette


@pytest.fixture(scope="module")
def served(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Path(shutil.copytree(lake, tmp_path_factory.mktemp("served") / "lake"))) as found:
        yield found


@contextmanager
def serving(lake: Path, where: str = "") -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        with made_console(lake, port=port, writes=True, where=where) as app:
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
            thread.start()
            home = f"http://127.0.0.1:{port}"
            yield Served(lake, home, f"{home}/?token=the-token", app)
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(chromium: Browser, served: Served, **settings: Any) -> Page:
    page = chromium.new_context(**settings).new_page()
    page.goto(served.address)
    return page


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)], ids=["light, desk", "dark, phone"])
def test_pages_are_accessible_and_fit(chromium: Browser, served: Served, scheme: Any, width: int) -> None:
    page = opened(chromium, served, color_scheme=scheme, viewport={"width": width, "height": 850})
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for address in PAGES:
        page.goto(served.home + address)
        found = Axe().run(page).response["violations"]
        grave = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found if one["impact"] in GRAVE]
        assert not grave, address
        # nothing is wider than the screen: what is, scrolls within itself
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    assert not said
    page.context.close()


def test_every_link_is_reached_by_the_keyboard(chromium: Browser, served: Served) -> None:
    page = opened(chromium, served)
    page.goto(f"{served.home}/runs/one")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.locator("svg a[aria-label^='Poll server']").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/states?state=Poll+server")
    assert page.locator("details.entered").count() == 2
    page.locator("details.entered summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.entered pre").first.is_visible()
    page.context.close()


def test_what_is_asked_for_is_on_the_screen_at_once_and_the_rest_is_not_laid_out(
    chromium: Browser, own_lake: Path
) -> None:
    add_files(own_lake, *(file(f"many_{number:04}.csv") for number in range(250)))
    with serving(own_lake) as served:
        page = opened(chromium, served, viewport={"width": 1280, "height": 700})
        page.goto(f"{served.home}/runs/one")
        page.locator("#q").fill("many")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=many**")
        far = "document.querySelector('{}').checkVisibility({{contentVisibilityAuto: true}})"
        for _ in range(2):
            # no gliding to where a click leads: the first row is seen as soon as there is a page
            assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
            top = page.evaluate("document.querySelector('#files tbody tr').getBoundingClientRect().top")
            assert 0 <= top < 700
            assert not page.evaluate(far.format("#files tbody:last-of-type tr"))
            assert not page.evaluate(far.format("#machine svg"))
            if "page=" not in page.url:
                page.locator("#files a[rel=next]").click()
                page.wait_for_url("**page=2**")
        # rows that are laid out in parts are a table's all the same, for whoever hears it
        said = page.locator("#files").aria_snapshot()
        assert said.count("- row ") == 1 + 50
        assert '- columnheader "Outcome"' in said
        assert "- rowheader " in said
        assert said.count("- cell ") == 50 * 5
        page.context.close()


def test_a_run_is_followed_to_its_end(chromium: Browser, served: Served) -> None:
    history, journal = begin_later(served.lake), Journal(served.lake / ".lakeferry")
    page = opened(chromium, served)
    with locked(served.lake):
        page.goto(f"{served.home}/runs/two")
        assert "Run running" in page.inner_text("h1")
        # nobody touches the page: it lights up by itself
        note_state(journal, "List feeds", 0, None, run=LATER)
        page.locator("svg a[aria-label='List feeds: 1 at work']").wait_for()
        note_state(journal, "List feeds", 1, 2, run=LATER)
        # before its process goes: one that went without a word would be a run that was killed
        history._add([{"run": LATER, "status": "SUCCEEDED", "ended": "2099-01-01T00:00:00+00:00"}])
    page.locator("h1", has_text="Run succeeded").wait_for()
    page.context.close()


class Followed:
    """A page that is made anew again and again, whatever the machine is busy with: each step is waited for.

    What a viewer does in the moment in which the page is exchanged is lost, and done again here.
    """

    def __init__(self, page: Page, served: Served, path: str) -> None:
        self.page, self._served, self._path = page, served, path
        self.made: list[Page] = []
        page.on("load", lambda loaded: self.made.append(loaded))
        self.visit()

    def visit(self) -> None:
        def go() -> None:
            self.page.goto(self._served.home + self._path)

        self.until(lambda: self._path in self.page.url and "?" not in self.page.url, go)

    @property
    def held(self) -> Held:
        holding: Holding = self._served.app.state.console.holding
        return dict(holding._held)[self._path]

    def until(self, is_so: Callable[[], object], act: Callable[[], object] = lambda: None) -> None:
        for _ in range(20):
            with contextlib.suppress(Error):
                act()
            for _ in range(15):
                with contextlib.suppress(Error, KeyError):  # its page was just exchanged
                    if is_so():
                        return
                self.page.wait_for_timeout(100)
        raise AssertionError("it never came true")

    def made_anew(self, times: int = 1) -> None:
        self.made.clear()
        self.until(lambda: len(self.made) >= times)

    def is_kept_waiting(self) -> bool:
        """Whether the browser has asked again, and gets no answer until the field is left."""
        held = self.held
        before, is_filled_in = held.at, held.is_filled_in
        self.page.wait_for_timeout(600)
        return is_filled_in and self.held is held and held.is_filled_in and held.at > before

    def focus(self) -> str:
        return str(
            self.page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()")
        )


@pytest.mark.slow(seconds=12)
def test_focus_place_and_what_is_open_outlive_a_page_that_is_made_anew(chromium: Browser, served: Served) -> None:
    journal, run = Journal(served.lake / ".lakeferry"), LATER.replace(":two", ":three")
    begin_later(served.lake, run)
    note_state(journal, "List feeds", 0, None, run=run)
    page = opened(chromium, served, viewport={"width": 1280, "height": 500}, reduced_motion="reduce")
    with locked(served.lake):
        seen = Followed(page, served, "/runs/three")
        # far down, then scrolled away from: the place stays, and so does the focus
        seen.until(lambda: seen.held.focus, page.locator("svg a[aria-label^='List feeds']").focus)
        seen.until(lambda: page.evaluate("scrollY") == 120, lambda: page.evaluate("scrollTo(0, 120)"))
        seen.made_anew(2)
        seen.until(lambda: seen.focus() == "List feeds: 1 at work")
        seen.until(lambda: page.evaluate("scrollY") == 120)
        # what was opened stays open, and shut what was shut
        one = page.locator("figure details").first

        def press_if(is_open: bool) -> None:
            if one.evaluate("one => one.open") is is_open:
                one.locator("summary").focus()
                page.keyboard.press("Enter")

        seen.until(lambda: seen.held.toggled, lambda: press_if(False))
        seen.made_anew(2)
        seen.until(lambda: one.evaluate("one => one.open"))
        seen.until(lambda: seen.focus() == "As a list")
        seen.until(lambda: not seen.held.toggled, lambda: press_if(True))
        seen.made_anew(2)
        seen.until(lambda: one.evaluate("one => !one.open"))
        # nothing is made anew under somebody who types, once the field has the focus
        seen.until(seen.is_kept_waiting, page.locator("#q").focus)
        seen.made.clear()
        page.keyboard.type("a")
        page.wait_for_timeout(2_500)
        page.keyboard.type("bc")
        assert not seen.made
        page.keyboard.press("Enter")
        seen.until(lambda: "/runs/three?q=abc" in page.url)
        # a visit of the page is a new one
        seen.visit()
        seen.until(lambda: page.evaluate("document.activeElement === document.body"))
    page.context.close()


def test_a_failure_is_taken_again_by_a_click(
    chromium: Browser, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = served.lake / ".lakeferry" / "tables" / "LedgerTable.json"
    before = json.loads(ledger.read_text())
    program = tmp_path / "program.py"
    program.write_text(FIXES.format(ledger=str(ledger), run=LATER))
    monkeypatch.setattr(doing, "_PROGRAM", (doing._PROGRAM[0], str(program)))
    page = opened(chromium, served)
    page.goto(f"{served.home}/failures")
    card = page.locator("section.card", has_text="daily_sales failed")
    assert HOSTILE.split("\u202e")[0] in card.inner_text()
    card.get_by_role("button", name="Do it").click()
    page.locator("[role=status]", has_text="done").wait_for()
    assert "started" in page.locator("pre.said").inner_text()
    assert "--yes" in page.locator("pre").first.inner_text()
    page.get_by_role("link", name="Failures").first.click()
    assert page.locator("section.card", has_text="daily_sales failed").count() == 0
    ledger.write_text(json.dumps(before))
    page.context.close()


PICTURES = {
    "console-machine": ("/runs/one", ".panels figure:nth-child(2) svg"),
    "console-files": ("/runs/one", "#files"),
    "console-failures": ("/failures", "main section"),
}
"""Of docs/console.md: page, and what of it."""
WRITE = "LAKEFERRY_SCREENSHOTS"
TRUNCATED = (
    "the gzip stream is truncated: it ends after 34541 bytes, in the middle of the data. Ask the partner to deliver "
    "the file again."
)
AT_REST = """async part => {  // what comes near the screen is laid out in a frame or two
    let before = -1;
    for (let same = 0; same < 3; ) {
        await new Promise(requestAnimationFrame);
        const {top, height} = part.getBoundingClientRect();
        same = top + height === before ? same + 1 : 0;
        before = top + height;
    }
}"""
DIFFERENCE = """async pictures => {
    const [one, two] = await Promise.all(pictures.map(async text => {
        const image = new Image();
        image.src = "data:image/png;base64," + text;
        await image.decode();
        return image;
    }));
    const width = Math.round(one.width / 8), height = Math.round(one.height / 8);
    const [before, after] = [one, two].map(image => {
        const canvas = document.createElement("canvas");
        Object.assign(canvas, {width, height});
        const pen = canvas.getContext("2d");
        pen.imageSmoothingQuality = "high";
        pen.drawImage(image, 0, 0, width, height);
        return pen.getImageData(0, 0, width, height).data;
    });
    let sum = 0;
    before.forEach((value, index) => { sum += Math.abs(value - after[index]); });
    return {mean: sum / (width * height * 3), wider: two.width / one.width, higher: two.height / one.height};
}"""


@pytest.fixture
def pictured(own_lake: Path) -> Iterator[Served]:
    """A console over what the docs show: names as partners have them."""
    path = own_lake / ".lakeferry" / "tables" / "LedgerTable.json"
    kept = [one for one in json.loads(path.read_text()) if one["file_id"].startswith("!") and "cause" not in one]
    rows: dict[str, Any] = {
        "bytes_fetched": 69_000,
        "rows_read": 5_000,
        "rows_landed": 4_999,
        "rows_curated": 4_990,
        "rows_dropped": {"filter": 9},
    }
    landed = [file(f"sales_2026112{day}.csv.gz", size=69_000, **rows) for day in range(1, 5)]
    lost = failed("sales_20261125.csv.gz", size=34_541, cause=f"sales_20261125.csv.gz: {TRUNCATED}")
    path.write_text(json.dumps([*kept, *landed, lost]))
    with serving(own_lake, "--lake lake") as found:
        yield found


def picture(chromium: Browser, shown: Served, name: str, scheme: Any = "light") -> bytes:
    page = opened(chromium, shown, color_scheme=scheme, viewport={"width": 900, "height": 800})
    address, what = PICTURES[name]
    page.goto(shown.home + address)
    part = page.locator(what).first
    part.scroll_into_view_if_needed()
    part.evaluate(AT_REST)
    found = part.screenshot()
    page.context.close()
    return found


def looks_other(chromium: Browser, before: bytes, after: bytes) -> bool:
    """Whether a person sees it: how letters are smoothed, and a word that is a little wider, is nothing."""
    page = chromium.new_page()
    found = page.evaluate(DIFFERENCE, [base64.b64encode(one).decode() for one in (before, after)])
    page.close()
    return bool(found["mean"] > 6 or abs(found["wider"] - 1) > 0.04 or abs(found["higher"] - 1) > 0.04)


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_of_the_docs_are_what_the_console_looks_like(
    chromium: Browser, pictured: Served, name: str
) -> None:
    found, path = picture(chromium, pictured, name), ROOT / "docs" / f"{name}.png"
    is_other = not path.exists() or looks_other(chromium, path.read_bytes(), found)
    if is_other and os.environ.get(WRITE) == "write":
        path.write_bytes(found)
        is_other = False
    assert not is_other, f"docs/{name}.png is out of date; {WRITE}=write pytest {__file__} -k pictures writes it anew"
    assert path.stat().st_size < 100_000
    assert f"({name}.png)" in (ROOT / "docs" / "console.md").read_text("utf-8")


def test_a_picture_that_is_another_is_found(chromium: Browser, pictured: Served) -> None:
    light, dark = (picture(chromium, pictured, "console-failures", scheme) for scheme in ("light", "dark"))
    assert looks_other(chromium, light, dark)
    assert looks_other(chromium, light, picture(chromium, pictured, "console-files"))
    assert not looks_other(chromium, light, light)
