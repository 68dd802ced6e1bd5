"""What templates and state machines compile to, kept between starts under a hash of all that it is made of."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".cache" / "compiled"
KEPT = 20
"""Results of a kind; the oldest go."""


def kept(kind: str, made_of: Iterable[bytes], tools: Iterable[str], make: Callable[[], bytes]) -> bytes:
    """The result of `make`: of an earlier start where nothing has changed since.

    Args:
        kind: Names the results that are alike.
        made_of: Everything the result depends on: what is compiled, and the code that does it.
        tools: Packages whose versions it depends on.
    """
    digest = hashlib.sha256(sys.version.encode())
    for part in (*made_of, *(f"{tool} {version(tool)}".encode() for tool in tools)):
        digest.update(len(part).to_bytes(8, "big") + part)
    path = FOLDER / f"{kind}-{digest.hexdigest()}"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    made = make()
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time only
        _write(path, made)
        for old in sorted(FOLDER.glob(f"{kind}-*"), key=lambda found: found.stat().st_mtime)[:-KEPT]:
            old.unlink()
    return made


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")  # several processes may start at once
    partial.write_bytes(content)
    partial.replace(path)
