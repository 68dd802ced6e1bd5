"""Shows a run while it goes on, and tells what it came to."""

import os
import sys

from cli.calling import Call
from cli.problems import DONE, FAILED
from cli.run.deployed import follow
from cli.run.live import LiveView, PlainView, View
from cli.run.outcome import failures_of, listing_of, tell_failures, tell_files, tell_where
from cli.run.progress import Progress
from cli.stack import Run, Stack
from lakeferry.ledger.queries import feed_documents


def watch(call: Call, stack: Stack, run: Run, feeds: list[str]) -> int:
    """Follows a run of a stack in AWS to its end, and tells what it came to."""
    progress = Progress(stack, run.arn)
    try:
        with view_of(call) as view:
            ended = follow(stack, run, progress, view)
    except KeyboardInterrupt:
        call.out.warn(f"\nThe run goes on. To watch it again: lakeferry runs show {run.name} --follow {call.where}")
        return DONE
    return tell_end(call, stack, ended, progress, feeds, again=f"lakeferry reprocess --all --yes {call.where}")


def tell_end(call: Call, stack: Stack, run: Run, progress: Progress, feeds: list[str], *, again: str) -> int:
    """How a run ended: listings, files, failures, and where the rows are. An exit code."""
    states = stack.ledger.feeds.known(feeds)
    listings = {feed_id: listing_of(states.get(feed_id, {}), feed_id, run.arn) for feed_id in feeds}
    for told in listings.values():
        call.out.say(told)
    tell_files(call, progress)
    failures = failures_of(stack, run, progress, feeds)
    tell_failures(call, failures, again)
    datasets = {one["dataset"] for one in feed_documents(stack.feeds) if f"{one['tenant']}/{one['feed']}" in feeds}
    where = tell_where(call, stack, datasets)
    call.out.say(f"\nrun {run.name}: {run.status}" + (f" in {run.seconds:.0f} s" if run.seconds is not None else ""))
    call.out.data(
        {
            **{"run": run.name, "arn": run.arn, "status": run.status, "seconds": run.seconds, "feeds": listings},
            "files": [
                {"feed": file.feed_id, "path": file.path, "status": file.status} for file in progress.files.values()
            ],
            "failures": [failure.to_json() for failure in failures],
            "parquet": where,
            **({"reports": progress.reports} if progress.reports else {}),
        }
    )
    for report in progress.reports:
        call.out.say(f"report: {report}")
    return FAILED if failures or run.status != "SUCCEEDED" else DONE


def view_of(call: Call) -> View:
    """A live view on a terminal, lines in a pipe, nothing with `--json`."""
    if call.out.as_json:
        return _Silent()
    if call.out.is_terminal and os.environ.get("TERM") != "dumb":
        return LiveView()
    return PlainView()


class _Silent(PlainView):
    """Standard output is the answer's alone."""

    def note(self, text: str) -> None:
        """On standard error."""
        print(text, file=sys.stderr, flush=True)
