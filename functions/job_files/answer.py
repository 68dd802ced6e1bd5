"""What CloudFormation is answered (CloudFormation User Guide, "Custom resource response objects")."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

REASON_LENGTH = 1000
"""Characters; the whole answer may have 4,096 bytes."""
TRIES = 3
SECONDS = 10


def answer(event: Mapping[str, Any], physical_id: str, data: Mapping[str, str], problem: str = "") -> None:
    """Tells how a request ended; without an answer a deployment hangs for an hour.

    Args:
        problem: Why it failed, for the person who deploys; empty where it succeeded.

    Raises:
        OSError: the answer could not be delivered.
    """
    body = json.dumps(
        {
            "Status": "FAILED" if problem else "SUCCESS",
            "Reason": problem[:REASON_LENGTH],
            "PhysicalResourceId": physical_id,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "Data": {} if problem else dict(data),
        }
    ).encode()
    url = event["ResponseURL"]
    if not url.startswith("https://") and not url.startswith("http://127.0.0.1"):
        raise ValueError(f"CloudFormation's address for the answer is not one: {url[:100]!r}")
    # its signature covers an empty content type
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
                return
        except OSError:
            if attempt == TRIES:
                raise
