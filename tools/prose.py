"""The project's words: finds phrases that docs/style.md replaces, in every text that people read.

    python tools/prose.py [FILE...]      all tracked texts when none is named; exit status 1 where something was found

Rules are the table of docs/style.md, so that page and check cannot differ; proselint's checks run over README and docs.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STYLE = "docs/style.md"
READ = (".md", ".py", ".json", ".yaml", ".sh")
NOT_READ = ("requirements/", "tests/", "CHANGELOG.md", STYLE)
"""The changelog tells what was; tests quote what a partner or a person wrote."""


def rules(page: str) -> dict[str, str]:
    """Phrase → what to write, of the page's table."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \|$", page, re.MULTILINE)
    return dict(rows)


def findings(name: str, text: str, table: dict[str, str]) -> Iterator[str]:
    """Where a text has one of the phrases, on one line or across its end."""
    plain = " ".join(text.lower().split())
    for phrase, better in table.items():
        # most are not there, and an expression takes a hundred times as long to say so
        if " ".join(phrase.lower().split()) not in plain:
            continue
        pattern = r"\b" + r"\s+".join(map(re.escape, phrase.split())) + r"\b"
        for found in re.finditer(pattern, text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: {found[0]!r}: {better}"


def main(names: Sequence[str]) -> int:
    """Prints what was found."""
    table = rules((ROOT / STYLE).read_text("utf-8"))
    if not table:
        raise SystemExit(f"{STYLE} has no table of phrases")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wanted = names or [name for name in tracked if name.endswith(READ) and not name.startswith(NOT_READ)]
    found = [problem for name in wanted for problem in findings(name, (ROOT / name).read_text("utf-8"), table)]
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
