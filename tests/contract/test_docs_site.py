"""Pages lead somewhere: every relative link and every anchor of README, docs and the rest."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.conftest import ROOT
from tools import docs_pages, pictures

KNOWN = docs_pages.tracked()
PAGES = docs_pages.pages(KNOWN)


def anchors(page: str) -> set[str]:
    """What headings of a page are called in links: GitHub's way, which the site's is equal to for our headings."""
    text = docs_pages.FENCE.sub("", (ROOT / page).read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_what_is_there(page: str) -> None:
    dead: list[str] = []
    text = (ROOT / page).read_text("utf-8")
    docs_pages.laid_out(page, text, KNOWN, dead)
    for _, _, link in docs_pages.LINK.findall(docs_pages.FENCE.sub("", text)):
        path, _, anchor = link.partition("#")
        if anchor and ":" not in path:
            target = docs_pages.target(page, link)
            if target.endswith(".md") and anchor not in anchors(target):
                dead.append(f"{page}: ({link}) has no such heading")
    assert not dead


def test_a_link_to_nothing_is_found() -> None:
    dead: list[str] = []
    text = "See [it](docs/nothing.md), [out](../../etc/passwd), [a folder](feeds) and [a page](docs/sla.md#x).\n"
    made = docs_pages.laid_out("README.md", text, KNOWN, dead)
    assert [problem.split(": ")[1] for problem in dead] == [
        "(docs/nothing.md) is not in the repository",
        "(../../etc/passwd) is not in the repository",
    ]
    assert "`feeds`" in made
    assert "[a page](docs/sla.md#x)" in made


def test_every_page_is_in_the_menu() -> None:
    menu = re.findall(r"[\w/.-]+\.md", yaml.dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(menu) == PAGES
    assert all((Path(ROOT) / page).exists() for page in menu)


def flowcharts() -> list[str]:
    return [
        chart
        for page in PAGES
        for chart in re.findall(r"^```mermaid\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("at", range(len(flowcharts())))
def test_a_flowchart_is_drawn_with_all_that_it_says(at: int) -> None:
    chart = flowcharts()[at]
    _, picture = pictures.drawn(chart)
    shown = [element.text or "" for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("}text")]
    said = [part for label in re.findall(r'"([^"]+)"', chart) for part in label.split("<br/>")]
    assert [one for one in said if one not in shown] == []


def test_a_flowchart_with_something_that_has_no_place_is_refused() -> None:
    (floors, way) = flowcharts()
    with pytest.raises(pictures.PictureError, match="attic"):
        pictures.drawn(way + '    attic["more"]\n')
    with pytest.raises(pictures.PictureError, match="f11"):
        pictures.drawn(floors.replace('job["glue', 'f11["attic"]\n    job["glue'))
    with pytest.raises(pictures.PictureError, match="inbox"):
        pictures.drawn(way + '    raw -- "back" --> inbox\n')
    with pytest.raises(pictures.PictureError, match="no layout"):
        pictures.drawn("flowchart LR\n    a --> b\n")


def test_the_site_has_pictures_and_the_repository_the_text(tmp_path: Path) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    made = docs_pages.with_pictures("ARCHITECTURE.md", text, tmp_path)
    assert "mermaid" not in made
    assert re.findall(r"!\[[\w-]+\]\((.+)\)", made) == ["docs/floors.svg", "docs/files-way.svg"]
    assert sorted(path.name for path in (tmp_path / "docs").iterdir()) == ["files-way.svg", "floors.svg"]
