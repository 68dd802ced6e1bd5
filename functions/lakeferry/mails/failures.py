"""Mails about files, feeds and runs that failed, and about feeds that work again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lakeferry.counting import count_of
from lakeferry.errors import FileRejectedError, cause_of
from lakeferry.mails.commands import report_at, reprocess
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.reports import report_in
from lakeferry.mails.text import cut, excerpt, one_line
from lakeferry.models import link_of

_NAME = 200
"""Characters of a file's name in a mail."""
_PATH = 700
"""Of its whole path."""
_CAUSE = 4_000
"""Of a cause, as the ledger has it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed, and why.

    Attributes:
        stage: The state that failed.
        error: Name of the error.
        path: Of a file; empty for a feed or a run.
    """

    stage: str
    error: str
    cause: str
    path: str = ""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """From the state machine's facts."""
        return cls(
            stage=one_line(str(event["stage"])),
            error=one_line(str(event["error"])),
            cause=excerpt(str(event["cause"]), _CAUSE) or "No cause was given.",
            path=one_line(str(event.get("path", ""))),
        )

    @property
    def name(self) -> str:
        """The last part of the path."""
        return cut(self.path.rsplit("/", 1)[-1], _NAME)

    @property
    def advice(self) -> str:
        return cause_of(self.error).advice


def run_failed(failure: Failure, run: str, lake: str) -> Mail:
    """A run that ended with an error of its own.

    Args:
        lake: The bucket with its report.
    """
    return Mail(
        "run_failed",
        "critical",
        f"run failed in {failure.stage}: {failure.error}",
        compose(
            f'The run failed in "{failure.stage}" ({failure.error}).',
            failure.cause,
            "The next run continues from here: what is in the raw zone stays there and is curated then.",
            f"Fix the cause above. If you cannot wait for the next run: {reprocess('--runs', run)}",
            link_of(run),
            report_at(run, lake),
        ),
    )


def feed_failed(failure: Failure, tenant: str, feed: str, run: str, attempt: int, lake: str) -> Mail:
    """A feed that could not be polled, or whose files could not be taken.

    Args:
        attempt: How many polls in a row have failed.
        lake: The bucket with the run's report.
    """
    polled = failure.stage == "Poll server"
    in_a_row = f", {attempt} times in a row" if attempt > 1 else ""
    do = failure.advice
    if not cause_of(failure.error).retryable:
        do += f" If you cannot wait for the next run: {reprocess(f'--feed {tenant}/{feed}', run)}"
    return Mail(
        "feed_failed",
        "error",
        f"{tenant}/{feed}: {'the server could not be polled' if polled else 'its files could not be processed'}",
        compose(
            f'Feed {tenant}/{feed} failed in "{failure.stage}" ({failure.error}){in_a_row}.',
            failure.cause,
            "The next run polls the feed again; the other feeds are not affected. Nothing is lost: files stay on the "
            "server until they are fetched. While it lasts you get one mail a day, and another when the feed recovers.",
            do,
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def feed_recovered(tenant: str, feed: str, run: str, lake: str, since: str, polls: int, error: str) -> Mail:
    """A feed that is polled again.

    Args:
        since: When its polls began to fail, as the ledger has it.
        polls: How many failed.
        error: How the last of them did.
    """
    return Mail(
        "feed_recovered",
        "info",
        f"{tenant}/{feed}: recovered",
        compose(
            f"Feed {tenant}/{feed} is polled again, after {count_of(polls, 'failed poll')} since {since}.",
            f"It had failed with {one_line(error)}.",
            "Its files are fetched now. None is lost: they stayed on the server.",
            "Nothing.",
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


@dataclass(frozen=True, slots=True)
class FailedFiles:
    """A feed's files that failed in one run.

    Attributes:
        files: How many the run took.
        stuck: How many failed for good: they wait in the dead-letter queue.
        delayed: How many failed for a passing reason, for the first time.
        failures: The first few, with names and causes; empty where they could not be read.
    """

    files: int
    stuck: int
    delayed: int
    failures: Sequence[Failure]

    @property
    def count(self) -> int:
        return self.stuck + self.delayed

    @property
    def only(self) -> Failure | None:
        """The one that failed, if it is one and its name is known."""
        return self.failures[0] if self.count == 1 and len(self.failures) == 1 else None


def files_failed(failed: FailedFiles, tenant: str, feed: str, run: str, lake: str) -> Mail:
    """One mail a feed and run, however many files failed."""
    only = failed.only
    of_all = f"{failed.count:,} of {count_of(failed.files, 'file')}"
    if only is not None:
        what = f'{cut(only.path, _PATH)} of {tenant}/{feed} failed in "{only.stage}" ({only.error}).'
    else:
        what = f"{of_all} of {tenant}/{feed} failed" + (
            ", such as:" + "".join(f"\n- {_line(one)}" for one in failed.failures) if failed.failures else "."
        )
    return Mail(
        "file_failed",
        "error" if failed.stuck else "warning",
        f"{tenant}/{feed}: {of_all if only is None else only.name} {'failed' if failed.stuck else 'delayed'}",
        compose(
            what,
            failed.failures[0].cause if failed.failures else "The ledger has each file's cause.",
            _next(failed),
            _do(failed, f"{tenant}/{feed}", run),
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def _line(failure: Failure) -> str:
    report = report_in(failure.cause)
    return f'{failure.name}: {failure.error} in "{failure.stage}"' + (f", report: {report}" if report else "")


def _next(failed: FailedFiles) -> str:
    sentences = []
    if failed.delayed:
        sentences.append(
            f"{failed.delayed:,} failed for a passing reason and will be retried automatically, first in about "
            "15 minutes."
        )
    if failed.stuck:
        sentences.append(
            f"{failed.stuck:,} {'waits' if failed.stuck == 1 else 'wait'} in the dead-letter queue for you."
        )
    return " ".join([*sentences, "The other files were processed. Nothing is lost."])


def _do(failed: FailedFiles, feed_id: str, run: str) -> str:
    if not failed.stuck:
        return "Nothing yet. You get another mail if the retries fail."
    rejected = next((one for one in failed.failures if one.error == FileRejectedError.__name__), None)
    advice = rejected or next((one for one in failed.failures if not cause_of(one.error).retryable), None)
    do = "Fix the cause above." if advice is None else advice.advice
    return f"{do} Then run: {reprocess(f'--feed {feed_id}', run)}"


def execution_failed(detail: Mapping[str, Any], lake: str) -> Mail:
    """A run that ended as no Catch can catch, or whose own mail could not be sent.

    Args:
        detail: Of EventBridge's event "Step Functions Execution Status Change".
        lake: The bucket with its report.
    """
    run, status = str(detail["executionArn"]), str(detail["status"])
    error = one_line(str(detail.get("error") or "no error given"))
    cause = str(detail.get("cause") or "")
    # where the run reached its own failure states, its message is in the queue; else the ledger has what is open
    what = "--runs" if cause.startswith("Not mailed. ") and error != "FailuresNotDelivered" else "--all"
    return Mail(
        "run_failed",
        "critical",
        f"run {status}: {error}",
        compose(
            f"Run {one_line(str(detail['name']))} ended {status} ({error}).",
            excerpt(cause.removeprefix("Not mailed. "), _CAUSE) or "No cause was given; the execution shows it.",
            "The next run continues from here. What is in the raw zone stays there; claimed files are taken over.",
            f"Fix the cause above. If you cannot wait for the next run: {reprocess(what, run)}",
            link_of(run),
            report_at(run, lake),
        ),
    )


EXECUTION_FAILED_PLAIN = (
    "WHAT  Run <name> ended <status> (<error>).",
    "WHY  The execution shows it. The mail about it could not be made: see the log lines of function notify.",
    "NEXT  The next run continues from here. What is in the raw zone stays there; claimed files are taken over.",
    "DO  Open the execution and fix the cause. If you cannot wait for the next run: "
    "./lakeferry reprocess --all --stack ${AWS::StackName} --yes",
    "REPORT  ./lakeferry runs report <name> --open --stack ${AWS::StackName}",
    "https://<region>.${Console}/states/home?region=<region>#/v2/executions/details/<run>",
)
"""Lines of the mail of last resort, which EventBridge fills in itself when function `notify` failed (template.yaml)."""
