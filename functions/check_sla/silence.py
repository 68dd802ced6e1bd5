"""Whether runs finish at all: what Step Functions says, so that it is noticed when everything of ours is dead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakeferry.mails.mail import Mail
from lakeferry.mails.sla import pipeline_recovery_mail, silence_mail
from lakeferry.sla.items import SlaItem, stamp
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import BREACHED, LATE, Verdict

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

PIPELINE = "!pipeline"
"""Partition key of what is no feed's: silences, by the last run that finished before."""
UNWATCHED_AFTER = timedelta(hours=1)
"""check_sla that did not run for so long was switched off, and the pipeline with it: both begin anew."""


class Watch:
    """One look at the state machine's executions."""

    def __init__(self, states: "SFNClient", state_machine: str, silent_after: timedelta, now: datetime) -> None:
        self._states, self._state_machine = states, state_machine
        self._silent_after, self._now = silent_after, now
        self.last_finished = self._last_succeeded()

    def is_silent(self, watching_since: datetime) -> bool:
        """Whether no run SUCCEEDED for too long a time that somebody watched."""
        return self._now - max(self.last_finished or watching_since, watching_since) >= self._silent_after

    def alarm(self, watching_since: datetime) -> Mail:
        """The mail when it is."""
        since = self.last_finished or watching_since
        return silence_mail(self._now - since, self.last_finished, self.newest(), self._state_machine)

    def newest_began(self) -> datetime | None:
        """When the execution began that was started last."""
        found = self._newest()
        return found[0]["startDate"].astimezone(UTC) if found else None

    def newest(self) -> str:
        """A sentence about the execution that was started last."""
        found = self._newest()
        if not found:
            return "No run was ever started."
        (run,) = found
        started = f"{run['startDate'].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if run["status"] == "RUNNING":
            return f"The last one, {run['name']}, was started at {started} and is still RUNNING."
        return f"The last one, {run['name']}, was started at {started} and ended {run['status']}."

    def _newest(self) -> "list[ExecutionListItemTypeDef]":
        return self._states.list_executions(stateMachineArn=self._state_machine, maxResults=1)["executions"]

    def _last_succeeded(self) -> datetime | None:
        # the list begins with the execution that was started last (Step Functions API Reference, "ListExecutions")
        found = self._states.list_executions(
            stateMachineArn=self._state_machine, statusFilter="SUCCEEDED", maxResults=1
        )["executions"]
        # whole seconds, as the table keeps them
        return found[0]["stopDate"].astimezone(UTC).replace(microsecond=0) if found else None


def silences(
    table: SlaTable, watch: Watch, watching_since: datetime, open_items: list[SlaItem]
) -> tuple[list[tuple[SlaItem, Mail]], str]:
    """The mails about the pipeline, and a sentence for other mails while it is silent."""
    silence = next((item for item in open_items if item.feed_id == PIPELINE), None)
    if silence is None and watch.is_silent(watching_since):
        since = watch.last_finished or watching_since
        silence = table.create(
            PIPELINE,
            "never" if watch.last_finished is None else stamp(watch.last_finished),
            _values(since),
            is_open=True,
        )
    if silence is None or not silence.is_open:
        return [], ""
    if watch.last_finished is not None and watch.last_finished > silence.expected_at:
        silent = watch.last_finished - silence.expected_at
        verdict = Verdict(LATE, completed_at=watch.last_finished, late_seconds=int(silent.total_seconds()))
        settled = silence if silence.status == LATE else table.settle(silence, verdict)
        return ([] if settled is None else [(settled, pipeline_recovery_mail(silent, watch.last_finished))]), ""
    sentence = f"No run of the pipeline has finished since {silence.expected_at:%Y-%m-%d %H:%M} UTC."
    if "pipeline_silent" in silence.sent:
        return [], sentence
    return [(replace(silence, status=BREACHED), watch.alarm(watching_since))], sentence


def _values(since: datetime) -> dict[str, str]:
    day = since.date().isoformat()
    return {
        "status": BREACHED,
        "expected_at": stamp(since),
        "deadline": stamp(since),
        "due_date": day,
        "business_date": day,
        "expected_by": "",
        "timezone": "UTC",
    }
