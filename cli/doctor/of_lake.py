"""A lake on this machine."""

import importlib.util
import shutil
from collections.abc import Iterator

from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.lake import read_secrets
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.ledger.queries import feed_documents

_NEEDED = ("moto", "samtranslator", "jsonata", "duckdb")
_LITTLE_BYTES = 5 * 10**9


def packages(call: Call, stack: Stack) -> Iterator[Finding]:
    """What runs need, and what Spark does."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        yield Finding("packages", FAIL, f"missing: {', '.join(missing)}", "from a clone: uv tool install '.[laptop]'")
    else:
        yield Finding("packages", OK, "all that runs need")
    if importlib.util.find_spec("pyspark") is None:
        do = "from a clone: uv tool install '.[laptop,spark]'"
        yield Finding("Spark", WARN, "is not installed: days that Arrow cannot build wait", do)


def space(call: Call, stack: Stack) -> Iterator[Finding]:
    """Room for files."""
    free = shutil.disk_usage(call.lake or ".").free
    little = free < _LITTLE_BYTES
    told = f"{free / 10**9:.1f} GB free"
    yield Finding("disk", WARN if little else OK, told, "make room, or keep the lake elsewhere" if little else "")


def last_run(call: Call, stack: Stack) -> Iterator[Finding]:
    """How it ended."""
    for run in stack.runs(1):
        told = f"{run.name} {run.status}, started {run.started.replace('T', ' ')[:16]} UTC"
        if run.status in {"SUCCEEDED", "RUNNING"}:
            yield Finding("last run", OK, told)
        else:
            yield Finding("last run", FAIL, told, f"see why: lakeferry failures {call.where}")
        return
    yield Finding("last run", WARN, "there was none yet", f"start one: lakeferry run {call.where}")


def secrets(call: Call, stack: Stack) -> Iterator[Finding]:
    """Whether the file of `--secrets` has what feeds name."""
    named = {str(one["server"]["secret"]) for one in feed_documents(stack.feeds) if one.get("server", {}).get("secret")}
    if not named:
        return
    if call.secrets is None:
        yield Finding(
            "secrets", WARN, f"{count_of(len(named), 'secret')} not looked for", "name the file: --secrets FILE"
        )
        return
    missing = sorted(named - set(read_secrets(call.secrets)))
    if missing:
        yield Finding("secrets", FAIL, f"{call.secrets} lacks {', '.join(missing)}", "add them, with their fields")
    else:
        yield Finding("secrets", OK, f"{count_of(len(named), 'secret')} found")
