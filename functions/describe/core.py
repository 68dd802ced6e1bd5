"""Which mail the state machine's facts are."""

from collections.abc import Callable, Mapping
from typing import Any

from lakeferry.mails.failures import FailedFiles, Failure, feed_failed, files_failed, run_failed
from lakeferry.mails.mail import Mail

JOB = "Run Glue job"
"""The state that waits for the job."""


def describe(event: Mapping[str, Any]) -> Mail:
    """The mail about a failure.

    Args:
        event: `event`, which is `run_failed`, `feed_failed` or `file_failed`; `run`, its ARN; and what that event has.
    """
    return _MAILS[event["event"]](event)


def counted(event: Mapping[str, Any]) -> dict[str, int]:
    """What of it is counted as metrics."""
    is_run = event["event"] == "run_failed"
    return {"RunsFailed": int(is_run), "JobsFailed": int(is_run and event.get("stage") == JOB)}


def _of_run(event: Mapping[str, Any]) -> Mail:
    return run_failed(Failure.from_event(event), event["run"])


def _of_feed(event: Mapping[str, Any]) -> Mail:
    return feed_failed(Failure.from_event(event), event["tenant"], event["feed"], event["run"], int(event["attempt"]))


def _of_files(event: Mapping[str, Any]) -> Mail:
    failed = FailedFiles(
        files=int(event["files"]),
        stuck=int(event["stuck"]),
        delayed=int(event["delayed"]),
        failures=[Failure.from_event(one) for one in event["failures"]],
    )
    return files_failed(failed, event["tenant"], event["feed"], event["run"])


_MAILS: Mapping[str, Callable[[Mapping[str, Any]], Mail]] = {
    "run_failed": _of_run,
    "feed_failed": _of_feed,
    "file_failed": _of_files,
}
