"""Feed documents as files."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.checking import Checked, check_file
from cli.output import Output
from cli.problems import DONE, FAILED, WrongUseError
from lakeferry.counting import count_of
from lakeferry.errors import LakeferryError


def files_of(path: Path) -> list[Path]:
    """The documents of a folder, or the one document that is named.

    Raises:
        WrongUseError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted({*path.glob("*.yaml"), *path.glob("*.yml")})
    if not found:
        raise WrongUseError(f"{path} is a folder without a .yaml file.")
    return found


def each(out: Output, paths: list[Path], act: Callable[[Path, dict[str, Any]], None]) -> int:
    """Does something with each document; what is wrong with one is said, and the others are done. An exit code."""
    code = DONE
    for path in itertools.chain.from_iterable(map(files_of, paths)):
        checked = check_file(path)
        if checked.findings or checked.document is None:
            say_findings(out, checked)
            code = FAILED
            continue
        try:
            act(path, checked.document)
        except LakeferryError as error:
            sys.stdout.flush()
            print(f"{path}: {error}", file=sys.stderr, flush=True)
            out.data({"file": str(path), "feed": checked.feed_id, "valid": False, "error": str(error)})
            code = FAILED
    return code


def say_findings(out: Output, checked: Checked) -> None:
    """All that is wrong with a file, a line each."""
    found = [finding.to_json() for finding in checked.findings]
    out.data({"file": checked.file, "feed": checked.feed_id, "valid": False, "findings": found})
    if not out.as_json:
        out.warn("\n".join(map(str, checked.findings)))
        out.warn(f"{checked.file}: {count_of(len(found), 'problem')}")
