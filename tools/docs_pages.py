"""Lays the repository's pages out for the docs site.

    python -m tools.docs_pages FOLDER

A page stays where it is in the repository, so that its links work in both places. Links to what is no page (a folder,
a module, a sample feed) are plain text in the site; one to what is not there ends with exit code 1 and its place.
Flowcharts are drawn here (pictures.py): a browser would fetch the program that draws them from the network.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.pictures import drawn

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FLOWCHART = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)


def tracked() -> set[str]:
    """Files of the repository and the folders they are in."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    files = {name for name in listed if name and (ROOT / name).exists()}
    return files | {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}


def pages(known: set[str]) -> list[str]:
    """Pages of the site: Markdown at the top and in docs/."""
    return sorted(name for name in known if re.fullmatch(r"(docs/)?[^/]+\.md", name))


def target(page: str, link: str) -> str:
    """A relative link's path from the repository's top, without its anchor; one that leaves the repository as it is."""
    path = link.partition("#")[0]
    found = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
    return found.relative_to(ROOT).as_posix() if found.is_relative_to(ROOT) else path


def laid_out(page: str, text: str, known: set[str], dead: list[str]) -> str:
    """The page for the site; links to what is not there are added to `dead`."""

    def one(found: re.Match[str]) -> str:
        picture, label, link = found.groups()
        if re.match(r"[a-z]+:", link):
            return found[0]
        name = target(page, link)
        if name not in known:
            dead.append(f"{page}: ({link}) is not in the repository")
            return found[0]
        if picture or name.endswith((".md", ".svg", ".png")):
            return found[0]
        return label if label.startswith("`") else f"`{name}`"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(one, part) for part in parts)


def with_pictures(page: str, text: str, folder: Path) -> str:
    """The page with a picture in place of each flowchart; the pictures are put into the folder."""

    def one(found: re.Match[str]) -> str:
        name, picture = drawn(found[1])
        (folder / "docs").mkdir(parents=True, exist_ok=True)
        (folder / "docs" / f"{name}.svg").write_text(picture, "utf-8")
        return f"![{name}]({'' if page.startswith('docs/') else 'docs/'}{name}.svg)"

    return _FLOWCHART.sub(one, text)


def assets(known: set[str]) -> Iterator[str]:
    """What pages show besides text."""
    return (name for name in sorted(known) if re.fullmatch(r"docs/.+\.(svg|png|css)", name))


def publish_schema(folder: Path) -> None:
    """Puts the feeds' schema there under its version, and as the newest."""
    schema = (ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8")
    version = json.loads(schema)["$id"].rpartition(":")[2]
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"feed-{version}.json", "feed.json"):
        (folder / name).write_text(schema, "utf-8")


def main(folder: Path) -> int:
    """Writes the pages; 1 where a link leads nowhere."""
    known, dead = tracked(), list[str]()
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages(known):
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        text = laid_out(page, (ROOT / page).read_text("utf-8"), known, dead)
        (folder / page).write_text(with_pictures(page, text, folder), "utf-8")
    for name in assets(known):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    publish_schema(folder / "schema")
    print("\n".join(dead), end="\n" if dead else "")
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
