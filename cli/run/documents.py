"""Which feeds a run takes: documents of files, or those that are stored."""

import json
from pathlib import Path
from typing import Any

from cli.checking import check_file
from cli.feeds.documents import files_of
from cli.lake import read_secrets
from cli.problems import WrongUseError
from cli.stack import Stack
from lakeferry.ledger.queries import feed_documents

Documents = list[tuple[Path, dict[str, Any]]]


def documents_of(names: list[str]) -> tuple[Documents, list[str]]:
    """Feed documents among what was named, read and checked; and the rest, which are names of feeds.

    Raises:
        WrongUseError: documents are not valid; all their problems, a line each.
    """
    paths: list[Path] = []
    rest = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            paths += files_of(path)
        elif path.suffix in {".yaml", ".yml", ".json"} or path.is_file():
            paths.append(path)
        else:
            rest.append(name)
    checked = [check_file(path) for path in paths]
    if findings := [str(finding) for one in checked for finding in one.findings]:
        raise WrongUseError("\n".join(["feed documents are not valid:", *findings]))
    return [(path, one.document or {}) for path, one in zip(paths, checked, strict=True)], rest


def enabled(stack: Stack) -> list[str]:
    """All feeds that are polled.

    Raises:
        WrongUseError: there is none.
    """
    found = sorted(f"{one['tenant']}/{one['feed']}" for one in feed_documents(stack.feeds) if one.get("enabled", True))
    if not found:
        raise WrongUseError("there is no feed to run yet: name a feed document, or put one (lakeferry feeds put).")
    return found


def start_input(feeds: list[str]) -> str:
    """Input of the state machine that takes exactly these."""
    return json.dumps({"trigger": "by_hand", "feeds": feeds})


def secrets_missing(documents: Documents, secrets: Path | None) -> list[str]:
    """Names of secrets that documents name and the file of `--secrets` lacks."""
    there = read_secrets(secrets)
    named = {document.get("server", {}).get("secret") for _, document in documents}
    return sorted(str(name) for name in named if name and name not in there)
