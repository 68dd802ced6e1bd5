"""The fault matrix's cases: which state goes wrong, how, and for which file, feed or run."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.ledger.feed_states import FEED_ITEM
from local.faults import Call, Fault

ALWAYS = 1_000
ONCE = 1
LONG = 8
"""More often than a call is made again that fails otherwise; want of room is waited out for hours."""
LAMBDAS = {
    "ListFeedsFunction": "List feeds",
    "PollFunction": "Poll server",
    "FetchFunction": "Fetch files",
    "ValidateFunction": "Validate files",
    "UploadFunction": "Upload files",
    "PlanCrawlFunction": "Plan crawl",
    "CurateSmallFunction": "Curate small",
    "ReconcileFunction": "Reconcile run",
}
MAILS = {
    "file_failed": "Mail failure",
    "feed_failed": "Mail failure",
    "feed_recovered": "Mail news",
    "feed_delayed": "Mail news",
    "files_stuck": "Mail news",
    "run_failed": "Mail run failure",
    "feed_succeeded": "Send mail",
    "feed_set_aside": "Send mail",
    "run_succeeded": "Send mail",
}
DESCRIBED = {
    "file_failed": "Describe failure",
    "feed_failed": "Describe failure",
    "run_failed": "Describe run failure",
}
"""By the event that function `describe` words."""
LETTERS = {
    "file": "Send file to dead-letter queue",
    "feed": "Send feed to dead-letter queue",
    "run": "Send run to dead-letter queue",
}
GLUE = {"start_crawler": "Start crawler", "get_crawler": "Read crawler", "start_job_run": "Run Glue job"}

OF_FUNCTIONS = [
    ("passing error, once", Fault("error", "ServerUnavailableError"), ONCE),
    ("passing error", Fault("error", "ServerUnavailableError"), ALWAYS),
    ("lasting error", Fault("error", "ValueError"), ALWAYS),
    ("throttled, once", Fault("throttle"), ONCE),
    ("throttled for long", Fault("throttle"), LONG),
    ("answer lost, once", Fault("lost"), ONCE),
    ("answer lost", Fault("lost"), ALWAYS),
    ("time-out", Fault("timeout"), ALWAYS),
    ("killed", Fault("killed"), ONCE),
    ("bad payload", Fault("garbage"), ALWAYS),
]
OF_SERVICES = [
    ("throttled, once", Fault("throttle"), ONCE),
    ("throttled", Fault("throttle"), ALWAYS),
    ("lasting error", Fault("error", "AccessDeniedException"), ALWAYS),
    ("answer lost, once", Fault("lost"), ONCE),
    ("answer lost", Fault("lost"), ALWAYS),
    ("bad payload", Fault("garbage"), ALWAYS),
]


@dataclass
class Case:
    """One fault.

    Attributes:
        state: The state it is in.
        before: What has to go wrong first, for the state to be reached: state → error.
        asked: How often it could have come.
    """

    state: str
    kind: str
    fault: Fault
    times: int
    before: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""
    asked: int = 0

    @property
    def injected(self) -> int:
        """How often it came."""
        return min(self.asked, self.times)

    def __str__(self) -> str:
        return f"{self.state}, {self.kind}"


def cases(state: str, kinds: list[tuple[str, Fault, int]], before: Mapping[str, str] | None = None) -> list[Case]:
    return [Case(state, kind, fault, times, before or {}) for kind, fault, times in kinds]


def split(found: list[Case]) -> tuple[list[Case], list[Case]]:
    """Those after which everything is reported all the same, and those after which something cannot be."""
    reported = [case for case in found if case.times == ONCE or case.kind == "bad payload"]
    return reported, [case for case in found if case not in reported]


class Injector:
    """Makes calls go wrong by what they are about: a file's name, a tenant, or whatever run is under way."""

    def __init__(self) -> None:
        self.of_files: dict[str, Case] = {}
        self.of_tenants: dict[str, Case] = {}
        self.of_run: Case | None = None
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        state, tenant, name = _about(call)
        # a file's own state looks at files, everything else at tenants
        for case in (self.of_files.get(name), self.of_tenants.get(tenant), self.of_run):
            if case is not None and (found := self._fault(case, state)) is not None:
                return found
        return None

    def _fault(self, case: Case, state: str) -> Fault | None:
        if state in case.before and state != case.state:
            return Fault("error", case.before[state])
        if state != case.state:
            return None
        with self._lock:
            case.asked += 1
            return case.fault if case.asked <= case.times else None


def _about(call: Call) -> tuple[str, str, str]:
    """State, tenant and file name of a call: of a batch the first file's."""
    value = call.value
    if call.function == "DescribeFunction":
        return DESCRIBED[value["event"]], value.get("tenant", ""), ""
    if call.service == "lambda":
        files = value.get("files", [])  # of a poll, names that are given
        first = files[0]["path"] if files and isinstance(files[0], dict) else ""
        return LAMBDAS[call.function], value.get("tenant", ""), _name(first)
    if call.service == "dynamodb" and call.operation == "update_item":
        tenant, file_id = value["Key"]["feed_id"]["S"].split("/")[0], value["Key"]["file_id"]["S"]
        if file_id == FEED_ITEM:
            return "Record feed failure", tenant, ""
        return "Record file failure", tenant, _name(file_id.split("#")[0])
    if call.service == "dynamodb":
        if value["IndexName"] == "pending":
            return "Look for pending files", "", ""
        return "Read failures", value["ExpressionAttributeValues"][":feed_id"]["S"].split("/")[0], ""
    if call.service == "sqs":
        body = value["MessageBody"]
        letter: Any = json.loads(body) if isinstance(body, str) else body
        return LETTERS[letter["kind"]], letter["tenant"] or "", _name((letter["file"] or {}).get("path", ""))
    if call.service == "sns":
        attributes = value["MessageAttributes"]
        tenant = attributes["tenant"]["StringValue"] if "tenant" in attributes else ""
        return MAILS[attributes["event"]["StringValue"]], tenant, ""
    return GLUE.get(call.operation, call.operation), "", ""


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def table(found: list[Case]) -> Iterator[str]:
    """What was tried and how it went, a line a state."""
    states = list(dict.fromkeys(case.state for case in found))
    for state in states:
        yield state
        for case in found:
            if case.state == state:
                yield f"    {case.kind:<22} {case.outcome}"
