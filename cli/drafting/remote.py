"""A sample from a server: the names in a folder, the feed they are most likely of, and its newest file."""

import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from cli.drafting.arrivals import propose
from cli.drafting.draft import Draft, Named, draft_sample
from cli.drafting.names import Inferred, groups
from cli.problems import NothingMatchedError
from cli.testing.sample import fetch_sample
from lakeferry.feeds import FilesSpec
from lakeferry.feeds.server import build_server
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, open_server
from poll.pattern import Pattern

_MOST_NAMES = 5_000


def draft_remote(
    named: Named,
    secret: Mapping[str, str],
    choose: "Choose",
    timezone: str,
) -> Draft:
    """Drafts the feed of a folder on a server; nothing there changes.

    Raises:
        NothingMatchedError: there is no file.
        LakeferryError: see `open_server`.
    """
    if named.server is None:
        raise ValueError("a server is needed")
    with open_server(build_server(named.server), secret) as server, tempfile.TemporaryFile() as file:
        files = _files(server, named.directory)
        if not files:
            raise NothingMatchedError(f"there is no file in {named.directory}; name another folder with --directory.")
        chosen = choose(groups([one.name for one in files]))
        own = Pattern(FilesSpec("/", chosen.pattern))
        mine = [one for one in files if own.fits(one.name)] or files
        newest = max((one for one in mine if one.size), key=lambda one: (one.mtime, one.name), default=mine[0])
        whole = fetch_sample(server, newest, file, whole=False)
        file.seek(0)
        draft = _drafted(named, newest, file, [one.name for one in mine], secret, whole)
        sla, why = propose([(own.business_date(one.name, one.mtime), one.mtime) for one in mine], timezone)
    if chosen.marker:
        draft.document["files"]["marker"] = chosen.marker
    if chosen.checksum_file:
        draft.document["files"]["checksum_file"] = chosen.checksum_file
    if sla is not None:
        draft.document["sla"] = sla
        draft.marks["$.sla"] = why
    else:
        draft.notes.append(f"no promise (sla) is proposed: {why}")
    return draft


def _drafted(
    named: Named, newest: RemoteFile, file: IO[bytes], names: Sequence[str], secret: Mapping[str, str], whole: bool
) -> Draft:
    return draft_sample(named, newest.name, file, names=names, secret=secret, is_whole=whole)


def _files(server: Server, directory: str) -> list[RemoteFile]:
    found = []
    for one in server.list_files(directory):
        found.append(one)
        if len(found) >= _MOST_NAMES:
            break
    return sorted(found, key=lambda one: (-one.mtime, one.name))


Choose = Any
"""Called with the patterns that the names come to (`Inferred`), those of most names first; one of them."""


def the_first(found: Sequence[Inferred]) -> Inferred:
    """The pattern of most names."""
    return found[0]
