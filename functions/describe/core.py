"""Which mail the state machine's facts are."""

from collections.abc import Callable, Mapping
from typing import Any

from lakeferry.mails.failures import FailedFiles, Failure, feed_failed, files_failed, run_failed
from lakeferry.mails.mail import Mail

JOB = "Run Glue job"
"""The state that waits for the job."""


def describe(event: Mapping[str, Any], lake: str) -> Mail:
    """The mail about a failure.

    Args:
        event: `event`, which is `run_failed`, `feed_failed` or `file_failed`; `run`, its ARN; and what that event has.
        lake: The bucket with the run's report.
    """
    return _MAILS[event["event"]](event, lake)


def counted(event: Mapping[str, Any]) -> dict[str, int]:
    """What of it is counted as metrics."""
    is_run = event["event"] == "run_failed"
    return {"RunsFailed": int(is_run), "JobsFailed": int(is_run and event.get("stage") == JOB)}


def _of_run(event: Mapping[str, Any], lake: str) -> Mail:
    return run_failed(Failure.from_event(event), event["run"], lake)


def _of_feed(event: Mapping[str, Any], lake: str) -> Mail:
    failure, attempt = Failure.from_event(event), int(event["attempt"])
    return feed_failed(failure, event["tenant"], event["feed"], event["run"], attempt, lake)


def _of_files(event: Mapping[str, Any], lake: str) -> Mail:
    failed = FailedFiles(
        files=int(event["files"]),
        stuck=int(event["stuck"]),
        delayed=int(event["delayed"]),
        failures=[Failure.from_event(one) for one in event["failures"]],
    )
    return files_failed(failed, event["tenant"], event["feed"], event["run"], lake)


_MAILS: Mapping[str, Callable[[Mapping[str, Any], str], Mail]] = {
    "run_failed": _of_run,
    "feed_failed": _of_feed,
    "file_failed": _of_files,
}
