"""check_sla and export_sla on this machine, at a moment one chooses."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lakeferry.sla.table import SlaTable

if TYPE_CHECKING:
    from local.aws import LocalAws


def check_sla(aws: "LocalAws", since: datetime | None = None) -> dict[str, Any]:
    """Calls check_sla as its rule does; what it counted.

    Args:
        since: Looks at due times from then on, as if every feed had been looked at last then; without it a feed that
            was put just now was never due.

    Raises:
        RuntimeError: the function raised.
    """
    if since is not None:
        table = SlaTable(aws.resource("dynamodb").Table(aws.resources["SlaTable"]))
        for item in aws.resource("dynamodb").Table(aws.resources["FeedsTable"]).scan()["Items"]:
            table.forget_clock(f"{item['tenant']}/{item['feed']}")
            table.set_clock(f"{item['tenant']}/{item['feed']}", since)
    return _call(aws, "CheckSlaFunction")


def export_sla(aws: "LocalAws") -> int:
    """Calls export_sla as its rule does; the days it wrote.

    Raises:
        RuntimeError: the function raised.
    """
    return int(_call(aws, "ExportSlaFunction")["days"])


def _call(aws: "LocalAws", function: str) -> dict[str, Any]:
    answer = aws.client("lambda").invoke(FunctionName=aws.resources[function], Payload=b"{}")
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise RuntimeError(found.get("errorMessage", str(found)))
    return found
