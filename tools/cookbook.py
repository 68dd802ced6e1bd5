"""Puts the feeds of feeds/cookbook/ into docs/cookbook.md, where a comment names them.

python -m tools.cookbook
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cookbook.md"
_PLACE = re.compile(r"(<!-- (feeds/cookbook/\w+\.yaml) -->\n```yaml\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def page(text: str) -> str:
    """The page with each feed as its file has it."""
    return _PLACE.sub(lambda found: found[1] + (ROOT / found[2]).read_text("utf-8"), text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
