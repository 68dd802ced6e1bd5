"""What templates and state machines compile to and functions load, kept under a hash of all that it is made of."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".cache" / "compiled"
KEPT = 40
"""Results of a kind; those that were used longest ago go."""


def kept(kind: str, made_of: Iterable[bytes], tools: Iterable[str], make: Callable[[], bytes]) -> bytes:
    """The result of `make`: of an earlier start where nothing has changed since.

    Args:
        kind: Names the results that are alike.
        made_of: Everything the result depends on: what is compiled, and the code that does it.
        tools: Packages whose versions it depends on.
    """
    path = path_of(kind, (*made_of, *(f"{tool} {version(tool)}".encode() for tool in tools)))
    with contextlib.suppress(OSError):
        return read(path)
    made = make()
    keep(path, made)
    return made


def read(path: Path) -> bytes:
    """A result of an earlier start, which counts as used.

    Raises:
        OSError: there is none.
    """
    content = path.read_bytes()
    with contextlib.suppress(OSError):
        os.utime(path)
    return content


def path_of(kind: str, made_of: Iterable[bytes]) -> Path:
    """Where a result is kept that is made of this."""
    digest = hashlib.sha256(sys.version.encode())
    for part in made_of:
        digest.update(len(part).to_bytes(8, "big") + part)
    return FOLDER / f"{kind}-{digest.hexdigest()}"


def keep(path: Path, content: bytes, most: int = KEPT) -> None:
    """Writes a result, and lets others of its kind go; a folder that cannot be written costs time only.

    Args:
        most: Results of the kind that stay, those that were used last.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")  # several processes may start at once
        partial.write_bytes(content)
        partial.replace(path)
        kind = path.name.rpartition("-")[0]
        for old in sorted(FOLDER.glob(f"{kind}-*"), key=lambda found: found.stat().st_mtime)[:-most]:
            old.unlink()
