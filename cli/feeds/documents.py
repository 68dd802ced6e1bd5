"""Feed documents as files."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cli.problems import DONE, FAILED
from lakeferry.errors import FeedInvalidError, LakeferryError


def read(path: Path) -> dict[str, Any]:
    """The document of a file.

    Raises:
        FeedInvalidError: it holds no mapping.
        OSError: it cannot be read.
        yaml.YAMLError: it is not YAML.
    """
    document = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(document, dict):
        raise FeedInvalidError("it is not valid: it holds no mapping; see feeds/ for examples.")
    return document


def each(paths: list[Path], act: Callable[[Path, dict[str, Any]], None]) -> int:
    """Does something with each document; what is wrong with one is said, and the others are done. An exit code."""
    code = DONE
    for path in paths:
        try:
            act(path, read(path))
        except (LakeferryError, OSError, yaml.YAMLError) as error:
            sys.stdout.flush()
            print(f"{path}: {error}", file=sys.stderr, flush=True)
            code = FAILED
    return code
