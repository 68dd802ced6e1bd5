"""Opens the stack that a command's options name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.stack import DeployedAws, Stack, StackMissingError


@contextmanager
def open_stack(
    name: str,
    *,
    lake: Path | None = None,
    secrets: Path | None = None,
    profile: str | None = None,
    region: str | None = None,
    writes: bool = False,
    runs: bool = False,
) -> Iterator[Stack]:
    """The stack of that name, or the lake of a folder; see `Call.stack`."""
    if lake is None:
        yield Stack(name, DeployedAws(name, profile, region))
        return
    if not (lake / ".lakeferry").is_dir():
        raise StackMissingError(
            f"{lake} holds no lake. One is made by the first run: lakeferry run FEED.yaml --lake {lake} "
            f"(or: make run FEED=feed.yaml LAKE={lake})"
        )
    from cli.lake import open_lake

    with open_lake(lake.absolute(), secrets, writes=writes, runs=runs) as stack:
        yield stack
