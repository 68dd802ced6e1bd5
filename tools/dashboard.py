"""Writes the dashboard of a stack (monitoring.yaml) and its page (docs/operations.md) from one list.

    PYTHONPATH=functions:glue:. .venv/bin/python -m tools.dashboard

tests/contract/test_dashboard.py holds the list against the metrics that functions write, and against the functions.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.cost.prices import prices
from local.template import load

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE, PAGE = ROOT / "monitoring.yaml", ROOT / "docs" / "operations.md"
YAML = ("      # made from the list: python -m tools.dashboard\n", "      # end of what is made\n")
MARKDOWN = ("<!-- made from the list: python -m tools.dashboard -->\n", "<!-- end of what is made -->\n")
HOUR, QUARTER = 3600, 900
WIDE, HIGH = 8, 6
"""Of 24 columns that a dashboard has, and of its rows: three widgets beside each other."""
OURS = "Lakeferry"
RUNS = ("ListFeeds", "Poll", "Fetch", "Validate", "Upload", "PlanCrawl", "CurateSmall", "Reconcile", "Describe")
RETIRED = ("DaysRetired", "ObjectsRetired", "BytesRetired", "DaysKeptWaiting")
BESIDE = (
    "CheckSla",
    "ExportLedger",
    "ExportSla",
    "ReportRun",
    "Reprocess",
    "Retain",
    "Subscribe",
    "Notify",
    "Deliver",
    "Emit",
)
"""Functions, as the parameters of monitoring.yaml are called: of the runs, and those that rules and the topic call."""
DPUS = 2
"""Of the Glue job at least: two G.1X workers."""


@dataclass(frozen=True, slots=True)
class Line:
    """One metric.

    Attributes:
        dimensions: By name; a value is a parameter of monitoring.yaml, or has `${…}` of one in it.
    """

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    stat: str = "Sum"
    label: str = ""
    is_right: bool = False

    def to_json(self) -> list[Any]:
        flat = [part for pair in self.dimensions.items() for part in pair]
        options: dict[str, Any] = {"stat": self.stat}
        options |= {"label": self.label} if self.label else {}
        return [self.namespace, self.metric, *flat, options | ({"yAxis": "right"} if self.is_right else {})]


@dataclass(frozen=True, slots=True)
class Widget:
    """One graph: metrics, or expressions over them."""

    title: str
    about: str
    lines: Sequence[Line] = ()
    expressions: Sequence[tuple[str, str]] = ()
    hidden: Sequence[tuple[str, Line]] = ()
    period: int = HOUR
    is_stacked: bool = False

    def to_json(self, place: int) -> dict[str, Any]:
        metrics: list[Any] = [line.to_json() for line in self.lines]
        metrics += [
            [{"expression": text, "label": label, "id": f"e{at}"}] for at, (text, label) in enumerate(self.expressions)
        ]
        for name, line in self.hidden:
            *parts, options = line.to_json()
            metrics.append([*parts, options | {"id": name, "visible": False}])
        properties = {"title": self.title, "region": "${AWS::Region}", "view": "timeSeries", "period": self.period}
        shape = {"x": place % 3 * WIDE, "y": place // 3 * HIGH, "width": WIDE, "height": HIGH}
        return {"type": "metric", **shape, "properties": properties | {"stacked": self.is_stacked, "metrics": metrics}}


def ours(function: str, *names: str, stat: str = "Sum") -> list[Line]:
    """Metrics that a function writes of its own."""
    return [Line(OURS, name, {"function_name": f"${{{function}}}"}, stat, name) for name in names]


def of_functions(metric: str, functions: Sequence[str], stat: str = "Sum") -> list[Line]:
    """A metric of Lambda, one line a function."""
    return [Line("AWS/Lambda", metric, {"FunctionName": f"${{{name}}}"}, stat, name) for name in functions]


def _runs(*names: str, stat: str = "Sum", is_right: bool = False) -> list[Line]:
    machine = {"StateMachineArn": "${StateMachine}"}
    return [Line("AWS/States", name, machine, stat, name.removeprefix("Executions"), is_right) for name in names]


def _queue(queue: str, metric: str, label: str, *, is_right: bool = False) -> Line:
    return Line("AWS/SQS", metric, {"QueueName": f"${{{queue}}}"}, "Maximum", label, is_right)


def _glue(metric: str, stat: str, label: str, kind: str) -> Line:
    return Line("Glue", metric, {"JobName": "${Job}", "JobRunId": "ALL", "Type": kind}, stat, label)


def _named(*dimensions: str) -> list[tuple[str, str]]:
    """Of tenants or feeds that `MetricsOf` names, and of no others: each is a metric that is paid for."""
    schema = ",".join((OURS, "function_name", *dimensions))
    return [
        (f"""SEARCH('{{{schema}}} MetricName="{name}" function_name="${{ExportLedger}}"', 'Sum', {HOUR})""", name)
        for name in ("FilesLanded", "FilesFailed")
    ]


def _cost() -> Widget:
    """Of the parts whose metrics tell what is paid for: time of functions, their calls, and the job."""
    root = load(ROOT / "template.yaml")
    usual, facts = root["Globals"]["Function"]["MemorySize"], prices().prices
    hidden: list[tuple[str, Line]] = []
    seconds = []
    for at, name in enumerate((*RUNS, *BESIDE)):
        memory = root["Resources"][f"{name}Function"]["Properties"].get("MemorySize", usual)
        hidden.append((f"d{at}", Line("AWS/Lambda", "Duration", {"FunctionName": f"${{{name}}}"})))
        seconds.append(f"d{at}*{memory / 1024:.4g}")
    hidden.append(("g0", _glue("glue.driver.aggregate.elapsedTime", "Sum", "job", "count")))
    second = facts["lambda_gb_seconds"].dollars / facts["lambda_gb_seconds"].per
    hour = facts["glue_dpu_hours"].dollars / facts["glue_dpu_hours"].per
    return Widget(
        "Cost an hour, estimated ($)",
        "what functions' time and the Glue job cost by list prices of us-east-1; `lakeferry cost` has all of it",
        expressions=(
            (f"({'+'.join(seconds)})/1000*{second:.10f}", "Lambda"),
            (f"g0/3600000*{DPUS}*{hour}", "Glue job, two workers"),
        ),
        hidden=hidden,
        is_stacked=True,
    )


def widgets() -> list[Widget]:
    """The dashboard, in reading order, three a row."""
    entries: tuple[str, ...] = (
        "Listed",
        "Taken",
        "DoneWith",
        "Waiting",
        "Settling",
        "CarriedOver",
        "Companions",
        "NotTheFeeds",
    )
    entries += ("NotRegular", "Gone", "Repeated", "Unread", "Unaccounted")
    return [
        Widget(
            "Runs",
            "how runs ended, and the longest one's time (right)",
            [
                *_runs("ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"),
                *_runs("ExecutionTime", stat="Maximum", is_right=True),
            ],
        ),
        Widget(
            "Files",
            "what came, landed and failed",
            ours("ExportLedger", "FilesSeen", "FilesLanded", "FilesFailed", "LandedBytes"),
        ),
        Widget(
            "Rows",
            "read, landed, rejected, curated",
            ours("ExportLedger", "RowsRead", "RowsLanded", "RowsRejected", "RowsCurated"),
        ),
        Widget(
            "Stages: files that wait",
            "how many wait at each stage",
            ours(
                "Reprocess",
                *("BacklogClaimed", "BacklogFetched", "BacklogValidated", "BacklogUploaded", "BacklogSetAside"),
                "BacklogFailed",
                stat="Maximum",
            ),
            period=QUARTER,
            is_stacked=True,
        ),
        Widget(
            "Failures",
            "runs and jobs that failed, and scheduled runs that did not start",
            [*ours("Describe", "RunsFailed", "JobsFailed"), *ours("CheckSla", "RunsMissed", stat="Maximum")],
        ),
        Widget(
            "Dead letters",
            "messages in the dead-letter queue and in the undelivered queue, and the oldest one's age (right)",
            [
                _queue("DeadLetterQueue", "ApproximateNumberOfMessagesVisible", "dead letters"),
                _queue("UndeliveredQueue", "ApproximateNumberOfMessagesVisible", "undelivered"),
                _queue("DeadLetterQueue", "ApproximateAgeOfOldestMessage", "oldest (s)", is_right=True),
            ],
            period=QUARTER,
        ),
        Widget(
            "Promises",
            "SLAs that are broken now, and by how much the latest of them",
            ours("CheckSla", "PromisesBreached", "LateSeconds", stat="Maximum"),
            period=QUARTER,
        ),
        Widget(
            "Listings", "the classes that listings' entries end in", ours("Poll", *(f"Entries{one}" for one in entries))
        ),
        Widget(
            "Small runs, events, uploads",
            "partitions that a function curated or left to the job; events told; uploads that nobody went on with; "
            "what retention deleted",
            [
                *ours("CurateSmall", "SmallPartitionsCurated", "PartitionsLeftToJob", "PartitionsGivenBack"),
                *ours("Emit", "EventsTold"),
                *ours("Reconcile", "UploadsAborted"),
                *ours("Retain", *RETIRED),
            ],
        ),
        Widget(
            "Errors", "calls of each function that failed", of_functions("Errors", (*RUNS, *BESIDE)), is_stacked=True
        ),
        Widget("Time of the runs' functions, p95 (ms)", "of each function", of_functions("Duration", RUNS, "p95")),
        Widget("Time of the others, p95 (ms)", "of each function", of_functions("Duration", BESIDE, "p95")),
        Widget(
            "Glue job",
            "its time (ms) and failed tasks",
            [
                _glue("glue.driver.aggregate.elapsedTime", "Sum", "elapsed (ms)", "count"),
                _glue("glue.driver.aggregate.numFailedTasks", "Sum", "failed tasks", "count"),
            ],
        ),
        _cost(),
        Widget(
            "Tenants and feeds in MetricsOf",
            "files of those alone",
            expressions=[*_named("tenant"), *_named("tenant", "feed")],
        ),
    ]


def body() -> str:
    """The dashboard as CloudWatch reads it, a widget a line; `${…}` are monitoring.yaml's."""
    shown = [json.dumps(one.to_json(place), separators=(",", ":")) for place, one in enumerate(widgets())]
    return '{"widgets":[\n' + ",\n".join(shown) + "\n]}"


def template(text: str) -> str:
    """monitoring.yaml with the body of now."""
    indented = "".join(f"        {line}\n" for line in body().splitlines())
    return _between(text, YAML, f"      DashboardBody: !Sub |\n{indented}")


def page(text: str) -> str:
    """docs/operations.md with the table of now."""
    rows = "".join(f"| {one.title} | {one.about} |\n" for one in widgets())
    return _between(text, MARKDOWN, f"| graph | shows |\n|---|---|\n{rows}")


def parameters() -> Iterator[str]:
    """Parameters of monitoring.yaml that the body names."""
    yield from sorted(set(re.findall(r"\$\{(\w+)\}", body())))


def _between(text: str, marks: tuple[str, str], made: str) -> str:
    before, begin, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise SystemExit(f"dashboard: no {marks[0].strip()!r} with its end")
    return before + begin + made + end + after


if __name__ == "__main__":
    TEMPLATE.write_text(template(TEMPLATE.read_text("utf-8")), "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
