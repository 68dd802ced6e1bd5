"""What a viewer has in hand on a page that is made anew: keys that stay, rules of a style sheet, and nothing else."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from cli.console.held import KEPT_SECONDS, MOST, Held, Holding, marked
from cli.problems import NothingMatchedError

HTML = (
    '<body><a href="/runs">Runs</a><svg><a href="/x" aria-label="one: 3 at work"><g/></a></svg>'
    '<form><input type="hidden" name="form_token" value="t"><input id="q" name="q"></form>'
    '<details class="entered" id="e1"><summary>&lt;a&gt; <bdi>x</bdi></summary></details><details open><summary>'
    'y</summary></details><div class="tile">no</div><div tabindex="0" aria-label="Files"></div><footer></footer></body>'
)


def asked(path: str = "/runs/one", referer: str = "/runs/one", query: str = "") -> Any:
    url = SimpleNamespace(path=path, scheme="http", netloc="127.0.0.1:1")
    headers = {"referer": f"http://127.0.0.1:1{referer}"} if referer else {}
    return SimpleNamespace(url=url, headers=headers, scope={"query_string": query.encode()})


def keys(html: str) -> list[str]:
    return re.findall(r'data-at="(\w+)"', html)


def test_a_page_is_as_it_was_but_for_its_keys() -> None:
    text = marked(HTML, Held())
    assert re.sub(r' data-at="\w+"|<link [^>]*>', "", text) == HTML
    assert len(keys(text)) == len(set(keys(text))) == 8
    assert 'name="form_token" value="t">' in text, "what is hidden has no focus"


def test_keys_stay_when_counts_change_and_rows_come() -> None:
    more = HTML.replace("3 at work", "4 at work").replace("<form>", '<a href="/new">new</a><form>')
    assert set(keys(marked(HTML, Held()))) < set(keys(marked(more, Held())))


def test_the_page_begins_where_the_viewer_was() -> None:
    held = Held()
    link, _, field, first, _, second, *_ = keys(marked(HTML, held))
    assert held.fields == {field}
    held.focus, held.toggled = link, {first, second}
    text = marked(HTML, held)
    assert f'<a href="/runs" data-at="{link}" autofocus>' in text
    assert text.count("autofocus") == 1
    assert f'<details class="entered" id="e1" open data-at="{first}">' in text
    assert f'<details data-at="{second}">' in text
    held.focus = "gone"
    assert "autofocus" not in marked(HTML, held)
    assert held.focus == "", "what is gone has it no more"


def test_the_style_sheet_tells_this_console_alone() -> None:
    held = Held()
    marked(HTML, held)
    found = re.findall(r"url\(([^)]*)\)", held.css)
    assert found
    assert all(re.fullmatch(rf"/held/{held.name}/(focus|other|same)/\w+\?n=1", one) for one in found)
    assert "svg:has(" in held.css


def test_a_visit_begins_anew_and_a_page_that_asks_again_goes_on() -> None:
    holding = Holding()
    first = holding.of(asked(referer=""))
    assert holding.of(asked()) is first
    assert holding.of(asked(query="q=x")) is not first
    assert holding.of(asked(referer="/runs")) is not first
    again = holding.of(asked())
    again.at -= KEPT_SECONDS + 1
    assert holding.of(asked()) is not again
    assert holding.last(asked("/runs/two", "/runs/two")) is None
    assert holding.last(asked()) is holding.named(holding.of(asked()).name)


def test_pages_of_long_ago_are_forgotten() -> None:
    holding = Holding()
    first = holding.of(asked())
    for number in range(MOST):
        holding.of(asked(f"/runs/{number}"))
    with pytest.raises(NothingMatchedError):
        holding.named(first.name)
