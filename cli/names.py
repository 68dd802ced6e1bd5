"""What a person names, found, or the nearest names there are."""

from collections.abc import Iterator

from cli.problems import NothingMatchedError, WrongUseError
from cli.stack import Run, Stack
from lakeferry.ledger import Entry
from lakeferry.ledger.queries import feed_ids, files_of_feed

_LATEST = 200
"""So many runs are looked through for one whose name was cut off or mistyped."""


def feed_of(stack: Stack, name: str) -> str:
    """A feed's id that the stack knows: its document, or only its files.

    Raises:
        NothingMatchedError: it knows neither.
    """
    known = feed_ids(stack.feeds)
    if name in known or ("/" in name and stack.ledger.feeds.get(name)):
        return name
    own = [one for one in known if one.partition("/")[2] == name]
    if len(own) == 1:
        return own[0]
    raise NothingMatchedError.of("feed", name, own or known, "lakeferry feeds list")


def tenant_of(stack: Stack, name: str) -> str:
    """A tenant that has feeds.

    Raises:
        NothingMatchedError: it has none.
    """
    known = {feed_id.partition("/")[0] for feed_id in feed_ids(stack.feeds)}
    if name not in known:
        raise NothingMatchedError.of("tenant", name, known, "lakeferry tenants")
    return name


def run_of(stack: Stack, name: str) -> Run:
    """A run by its ARN, its name, or the beginning of its name.

    Raises:
        NothingMatchedError: there is none, or several begin so.
    """
    machine = stack.physical("IngestStateMachine").replace(":stateMachine:", ":execution:")
    found = stack.run(name if name.startswith("arn:") else f"{machine}:{name}")
    if found is not None:
        return found
    latest = stack.runs(_LATEST)
    short = name.rsplit(":", 1)[-1]
    own = [run for run in latest if run.name == short] or [run for run in latest if run.name.startswith(short)]
    if len(own) == 1:
        return own[0]
    if own:
        raise NothingMatchedError(f"{len(own)} runs begin with {short!r}: {', '.join(run.name for run in own[:5])}")
    raise NothingMatchedError.of("run", name, (run.name for run in latest), "lakeferry runs")


def file_of(stack: Stack, name: str, feed: str | None, *, many: bool = False) -> list[Entry]:
    """Every version of a file: by its path, the last part of it, or its key in the ledger.

    Args:
        feed: Of this one alone.
        many: Several feeds may have one.

    Raises:
        NothingMatchedError: no feed has one.
        WrongUseError: several feeds have one.
    """
    feeds = [feed] if feed else feed_ids(stack.feeds)
    found: list[Entry] = []
    names: set[str] = set()
    for feed_id in feeds:
        for entry in files_of_feed(stack.ledger, feed_id):
            own = set(_names(entry))
            names |= own
            if name in own:
                found.append(entry)
    if not found:
        shown = {one.rsplit("/", 1)[-1] for one in names if "#" not in one}
        raise NothingMatchedError.of("file", name, shown, f"lakeferry files --feed {feed or 'TENANT/FEED'}")
    owners = sorted({entry["feed_id"] for entry in found})
    if len(owners) > 1 and not many:
        raise WrongUseError(f"{len(owners)} feeds have a file {name!r}: add --feed {' or --feed '.join(owners)}")
    return found


def _names(entry: Entry) -> Iterator[str]:
    yield entry["path"]
    yield entry["path"].rsplit("/", 1)[-1]
    yield entry["file_id"]
