"""Pages lead somewhere: every relative link and every anchor of README, docs and the rest."""

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tools import docs_pages

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
