"""How the executions that a run's Distributed Maps started came out, as Step Functions counts them.

What feeds and files went through stands in the ledger, so the executions' own histories are not read: a thousand feeds
would be thousands of calls. What no Catch can catch in one of them is told by these counts alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.counting import count_of
from lakeferry.reports.facts import StateFacts, shown
from lakeferry.reports.failures import Failure
from lakeferry.reports.history import UNKNOWN

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

MAPS = {"Feed": ("For each feed", "feed"), "Mail": ("For each mail", "mail")}
"""By label (`statemachine/ingest.asl.json`): the run's own Distributed Maps, and what each execution is for."""
MOST = 20
"""Map runs that are looked at: a run has one of each map, and a redriven one more."""


@dataclass(frozen=True, slots=True)
class MapRun:
    """The executions of one map."""

    arn: str
    state: str
    facts: StateFacts

    @property
    def failures(self) -> Iterator[Failure]:
        """What failed where the state machine itself could neither note nor mail it."""
        if self.facts.failed and self.facts.unit == "feed":
            command = f"aws stepfunctions list-executions --map-run-arn {self.arn} --status-filter FAILED"
            yield Failure(
                "child",
                f"{count_of(self.facts.failed, 'execution')} of {self.state}",
                "ExecutionFailed",
                "The execution of a feed ended as no Catch can catch: Step Functions stopped it, or somebody did.",
                advice=f"Nothing, if the next run takes what they had claimed. Which they are: {shown(command, 600)}",
            )


def read_map_runs(states: "SFNClient", run: str) -> list[MapRun]:
    """One call, and one a map; none where Step Functions does not know the run (any more)."""
    try:
        # AWS always answers with the list; moto, of a run that it does not know, with nothing
        found: list[Any] = list(states.list_map_runs(executionArn=run, maxResults=MOST).get("mapRuns", ()))
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return []
        raise
    return [_read(states, one["mapRunArn"]) for one in found if _label(one["mapRunArn"]) in MAPS]


def _label(arn: str) -> str:
    """Of `arn:…:mapRun:<machine>/<label>:<id>`."""
    return arn.split(":")[6].rpartition("/")[2]


def _read(states: "SFNClient", arn: str) -> MapRun:
    counts = states.describe_map_run(mapRunArn=arn)["executionCounts"]
    state, unit = MAPS[_label(arn)]
    failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
    return MapRun(arn, state, StateFacts(counts["succeeded"], failed, counts["running"] + counts["pending"], unit))
