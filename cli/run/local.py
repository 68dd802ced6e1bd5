"""A run on a lake of this machine: the real state machine, functions and job, in this process and its children."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.calling import Call
from cli.feeds.stored import Stored
from cli.lake import RunningLake, open_lake
from cli.names import feed_of
from cli.output import cell
from cli.problems import INTERRUPTED, CommandError, WrongUseError
from cli.run.documents import Documents, documents_of, enabled, secrets_missing
from cli.run.live import View
from cli.run.progress import Progress
from cli.run.telling import tell_end, view_of
from cli.stack import Run, Stack
from lakeferry.errors import DatasetTakenError
from lakeferry.feeds import put_feed
from lakeferry.ledger import Entry
from lakeferry.ledger.queries import unfinished

if TYPE_CHECKING:
    from local.aws import LocalAws

_LOOK_SECONDS = 0.25
_ASK_SECONDS = 0.02
"""Whether it has ended."""
_STOP_SECONDS = 10


def run_lake(call: Call, names: list[str]) -> int:
    """Runs feeds of a lake; documents that are named are put first.

    What failed in an earlier run is taken again, too: whoever calls this twice has corrected what was wrong.
    """
    assert call.lake is not None  # noqa: S101
    documents, rest = documents_of(names)
    lake = call.lake.absolute()
    is_new = not (lake / ".lakeferry").is_dir()
    if is_new and not documents:
        raise WrongUseError(f"{call.lake} holds no lake yet: name a feed document, such as lakeferry run feed.yaml")
    stored: Documents = []
    if not is_new and (rest or not documents):  # before anything is started
        with call.stack() as still:
            rest = [feed_of(still, name) for name in rest]
            named = rest or enabled(still)
            stored = [(lake, Stored(still).get(name)[1]) for name in named]
    check_secrets([*documents, *stored], call.secrets)
    view = view_of(call)
    view.note(f"lake: {lake}")
    with open_lake(lake, call.secrets, writes=True, runs=True) as stack:
        assert isinstance(stack, RunningLake)  # noqa: S101
        feeds = [*_put(call, stack, documents), *rest] or enabled(stack)
        try:
            with view:
                run, progress = _run_and_retry(call, stack, view, feeds)
        except KeyboardInterrupt:
            call.out.warn(f"stopped; what was begun is taken up again by: {_same(call, names)}")
            return INTERRUPTED
        return tell_end(call, stack, run, progress, feeds, again=_same(call, names))


def _run_and_retry(call: Call, stack: RunningLake, view: View, feeds: list[str]) -> tuple[Run, Progress]:
    """A run of the feeds, and one of what failed in earlier runs; the one that ended worse, with all files."""
    run, progress = _watched(call, stack, view, {"feeds": feeds}, time.monotonic())
    again = _failed_before(stack, feeds, run.arn)
    if not again or run.status != "SUCCEEDED":
        return run, progress
    for entry in again:
        view.note(f"{entry['feed_id']}: {cell(entry['path'])} failed before and is taken again")
    files = [{"feed_id": entry["feed_id"], "file_id": entry["file_id"]} for entry in again]
    second, retried = _watched(call, stack, view, {"files": files}, progress.started)
    progress.files |= retried.files
    progress.reports += retried.reports
    return (second if second.status != "SUCCEEDED" else run), progress


def check_secrets(documents: Documents, secrets: Path | None) -> None:
    """Whether each secret that documents name is in the file of `--secrets`.

    Raises:
        WrongUseError: with what to write into it.
    """
    if missing := secrets_missing(documents, secrets):
        lines = "\n".join(f"  {name}: {{password: ...}}" for name in missing)
        if secrets:
            raise WrongUseError(f"--secrets {secrets} lacks what feeds name. Add to it:\n{lines}")
        raise WrongUseError(f"feeds name secrets: write a file with them, and name it with --secrets FILE:\n{lines}")


def _put(call: Call, stack: RunningLake, documents: Documents) -> list[str]:
    from local.owners import admission

    try:
        admit = admission(stack.aws)
        return [put_feed(stack.feeds, document, admit).feed_id for _, document in documents]
    except DatasetTakenError as error:
        raise CommandError(str(error)) from error


def _watched(call: Call, stack: RunningLake, view: View, given: dict[str, Any], began: float) -> tuple[Run, Progress]:
    """Runs once, and shows it."""
    import json

    from cli.report import write_in_lake
    from local import backends, glue_job
    from local.waits import waits_of

    aws = stack.aws
    machine = aws.state_machine
    aws.on_event(glue_job.warm_up_with_first_file)
    arn = aws.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps({"trigger": "by_hand", **given})
    )["executionArn"]
    progress = Progress(stack, arn, began)
    aws.on_event(lambda event: _entered(progress, event))
    over = waits_of(aws.work_folder / "functions.log", progress.waits_for)
    try:
        with _stopping() as stopping:
            drawn_until = 0.0
            while backends.is_running(arn):  # asked in this process: a call costs as much as a state
                if time.monotonic() >= drawn_until:
                    view.show(progress, progress.look())
                    drawn_until = time.monotonic() + _LOOK_SECONDS
                if stopping.wait(_ASK_SECONDS):
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        _stop(aws, arn)
        raise
    finally:
        over.set()
    stack.wait(arn)
    view.show(progress, progress.look(at_once=True))
    run = Stack.run(stack, arn)
    if run is None:
        raise CommandError(f"{arn} ended and nobody knows how")
    progress.reports.append(str(write_in_lake(call, stack, run)))
    return run, progress


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by Ctrl-C; the second one interrupts whatever is done.

    Python raises KeyboardInterrupt wherever the main thread is just then. Within a finalizer it is printed and lost.
    """
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def ask(*_: object) -> None:
        stopping.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, before)


def _stop(aws: "LocalAws", run: str) -> None:
    """Ctrl-C: what was begun is taken up by the next run."""
    aws.stop(run)
    aws.workers.kill()
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:  # the run's history is to say how it ended
        if aws.client("stepfunctions").describe_execution(executionArn=run)["status"] != "RUNNING":
            return
        time.sleep(_LOOK_SECONDS)


def _entered(progress: Progress, event: Any) -> None:  # noqa: ANN401  (of local.stack, which needs moto)
    if event.kind == "entered" and event.run == progress.run and not event.item:
        progress.stage = event.state


def _failed_before(stack: Stack, feeds: list[str], run: str) -> list[Entry]:
    """Files that an earlier run left FAILED, and of which no newer version is there."""
    found = []
    for feed_id in feeds:
        for entry in unfinished(stack.ledger, feed_id, prefix="failed#"):
            newest = max(stack.ledger.versions(feed_id, entry["path"]), key=lambda one: str(one["mtime"]))
            if entry["run"] != run and newest["file_id"] == entry["file_id"]:
                found.append(entry)
    return found


def _same(call: Call, names: list[str]) -> str:
    import shlex

    secrets = f" --secrets {shlex.quote(str(call.secrets))}" if call.secrets else ""
    return f"{shlex.join(['lakeferry', 'run', *names])} {call.where}{secrets}"
