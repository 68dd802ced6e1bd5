"""Functions of the test stack."""

import json
import os
import time
from typing import Any

import boto3


class LostError(Exception):
    """One of the stack's own errors."""


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What it was given and where it ran; raises when asked to."""
    if event.get("fail"):
        raise LostError(event["fail"])
    return {
        "event": event,
        "colour": os.environ["COLOUR"],
        "pid": os.getpid(),
        "left": context.get_remaining_time_in_millis(),
        "key": os.environ["AWS_ACCESS_KEY_ID"],
    }


def slow(event: dict[str, Any], context: Any) -> None:
    """Longer than its time-out."""
    time.sleep(30)


def write_list(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Writes a list of items to S3, as a Distributed Map reads it."""
    key = f"lists/{event['name']}.json"
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=json.dumps(event["items"]).encode())
    return {"bucket": os.environ["BUCKET"], "key": key, "n": len(event["items"])}
