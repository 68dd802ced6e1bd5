"""What a trial shows to a person."""

from cli.output import Output, cell
from cli.testing.names import DONE_WITH, OTHER, TAKEN, WAITS, Named, Names
from cli.testing.trial import Tried
from lakeferry.counting import count_of
from lakeferry.feeds import Feed
from lakeferry.servers.protocols import PROTOCOLS

_SHOWN = {TAKEN: 10, WAITS: 10, DONE_WITH: 5, OTHER: 10}
"""Names of each kind; the rest is counted."""
_DONE, _FAILED = "ok", "FAILED"


def show(out: Output, feed: Feed, tried: Tried, secret: list[str], address: str) -> None:
    """Step by step, as they were made."""
    server = feed.server
    out.say(f"{feed.feed_id}: {PROTOCOLS[server.protocol].name} {server.username}@{server.host}:{server.port}")
    for problem in secret:
        out.say(f"  secret    {problem}")
    _step(out, tried, "connect", "logged in")
    if tried.names is not None:
        names = tried.names
        counts = [f"{len(names.of(kind)) + (names.uncounted if kind == OTHER else 0):,} {kind}" for kind in _SHOWN]
        _step(out, tried, "list", f"{feed.files.directory}: {', '.join(counts)}")
        _names(out, names, feed.files.directory)
    elif tried.failed_step == "list":
        _step(out, tried, "list", "")
    _sample(out, feed, tried)
    _preview(out, tried)
    out.say(f"  address   {address}")
    out.say(_verdict(feed, tried))


def _step(out: Output, tried: Tried, step: str, said: str) -> None:
    if step not in tried.seconds:
        return
    failed = tried.failed_step == step
    outcome, shown = (_FAILED, "") if failed else (_DONE, said)
    out.say(f"{outcome:<6}  {step:<16}  {tried.seconds[step]:6.2f} s  {shown}".rstrip())
    if failed:
        out.say(f"        {cell(tried.problem)}")


def _names(out: Output, names: Names, folder: str) -> None:
    for kind, most in _SHOWN.items():
        found = names.of(kind)
        found.sort(key=lambda one: -(one.remote.mtime if one.remote else 0))
        for one in found[:most]:
            out.say(f"        {_line(one, folder)}")
        more = len(found) - most + (names.uncounted if kind == OTHER else 0)
        if more > 0:
            out.say(f"        {more:,} more {kind}")
    if names.others:
        what = "entry that is" if names.others == 1 else "entries that are"
        out.say(f"        {names.others:,} {what} no file")
    for line in names.unread[:5]:
        out.say(f"        unread: {cell(line)}")


def _line(one: Named, folder: str) -> str:
    size = "" if one.size is None else f", {one.size:,} bytes"
    dt = f", dt={one.dt}" if one.dt else ""
    name = one.name.removeprefix(f"{folder.rstrip('/')}/")
    return f"{one.what}: {cell(name)}{size}{dt}: {cell(one.why)}"


def _sample(out: Output, feed: Feed, tried: Tried) -> None:
    name = tried.chosen.name.rpartition("/")[2] if tried.chosen else ""
    _step(out, tried, "read", cell(name))
    sample = tried.sample
    if sample is None:
        return
    if not sample.is_whole:
        out.say(f"        the first bytes of {sample.bytes:,}; --whole reads all of it, its end and totals too")
    step = "decode and check"
    if sample.problem:
        out.say(f"{_FAILED:<6}  {step:<16}  {tried.seconds[step]:6.2f} s")
        out.say(f"        {cell(sample.problem)}")
    else:
        report = sample.report
        rows = "" if report is None else count_of(sum(one.rows_read for one in report.outputs), "row")
        bad = f", {count_of(sample.bad_row_count, 'bad row')}" if sample.bad_row_count else ""
        columns = "" if report is None else f", columns {', '.join(map(cell, report.columns[:20]))}"
        _step(out, tried, step, f"{rows or 'the first rows'}{bad}{columns}")
        for note in () if report is None else report.notes:
            out.say(f"        {cell(note)}")
    for bad_row in sample.bad_rows:
        out.say(f"        bad: {cell(bad_row)}")


def _preview(out: Output, tried: Tried) -> None:
    found = tried.preview
    _step(out, tried, "curate", "" if found is None else ("the first rows" if found.curated else "not curated here"))
    if found is None:
        return
    if found.note:
        out.say(f"        {cell(found.note)}")
    names = {f"{index}": name for index, name in enumerate(found.columns)}
    out.rows([{f"{at}": value for at, value in enumerate(row)} for row in found.rows], names)


def _verdict(feed: Feed, tried: Tried) -> str:
    if tried.failed_step or (tried.sample and tried.sample.problem):
        return f"{feed.feed_id}: NOT ready: correct what FAILED, and try again"
    if tried.sample is None:
        return f"{feed.feed_id}: NOT ready: no name on the server is this feed's"
    return f"{feed.feed_id}: ready; nothing was written, moved or claimed"
