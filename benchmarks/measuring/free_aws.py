"""AWS that costs nothing: S3's and DynamoDB's answers, made in the caller's process in place of the network.

What is measured beside it is the caller's alone: building, signing and parsing of requests included, as they are in a
function. It knows the calls of poll, fetch, validate and upload, keeps what they write, and checks no condition.
"""

import json
import re
import threading
from collections import Counter
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from benchmarks.measuring.free_s3 import FreeS3, answered, body_of

_ASSIGNED = re.compile(r"(#\w+) = (:\w+)")
_ADDED = re.compile(r"(#\w+) (:\w+)")


class FreeAws:
    """Both services.

    Attributes:
        calls: How often each operation was called.
        s3: What was put.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.s3 = FreeS3()
        self._items: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()

    def install(self, session: boto3.Session) -> None:
        """From now on every client that the session makes is answered here."""
        session.events.register("before-call", lambda model, **_: self.calls.update([model.name]))
        session.events.register("before-send.s3", self.s3.answer)  # type: ignore[arg-type]  # what it returns is the answer
        session.events.register("before-send.dynamodb", self._dynamodb)  # type: ignore[arg-type]

    def forget(self) -> None:
        """All that was written goes, so that what grows is the caller's."""
        with self._lock:
            self._items.clear()
        self.s3.forget()

    # -- DynamoDB

    def _dynamodb(self, request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = (target.decode() if isinstance(target, bytes) else target).rsplit(".", 1)[-1]
        with self._lock:
            answer = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())(json.loads(body_of(request)))
        return answered(request, json.dumps(answer).encode())

    def _get_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        item = self._items.get(_key(asked["TableName"], asked["Key"]))
        return {"Item": item} if item else {}

    def _put_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._items[_key(asked["TableName"], asked["Item"])] = asked["Item"]
        return {}

    def _batch_get_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = {
            table: [item for key in want["Keys"] if (item := self._items.get(_key(table, key)))]
            for table, want in asked["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        feed_id, prefix = (value["S"] for value in asked["ExpressionAttributeValues"].values())
        found = [
            item
            for (table, feed, file), item in self._items.items()
            if (table, feed) == (asked["TableName"], feed_id) and file.startswith(prefix)
        ]
        return {"Items": found, "Count": len(found)}

    def _transact_write_items(self, asked: dict[str, Any]) -> dict[str, Any]:
        for one in asked["TransactItems"]:
            self._update_item(one["Update"])
        return {}

    def _update_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        key = _key(asked["TableName"], asked["Key"])
        before = self._items.get(key, {})
        item = {**before, **asked["Key"]}
        names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        head, _, removed = asked["UpdateExpression"].partition(" REMOVE ")
        assigned, _, added = head.partition(" ADD ")
        for name, value in _ASSIGNED.findall(assigned):
            item[names[name]] = values[value]
        for name, value in _ADDED.findall(added):
            number = int(item.get(names[name], {"N": "0"})["N"]) + int(values[value]["N"])
            item[names[name]] = {"N": str(number)}
        for name in removed.split(", ") if removed else ():
            item.pop(names.get(name, name), None)
        if "list_append" in assigned:
            item["recent"] = {"L": []}
        self._items[key] = item
        wanted = {"ALL_OLD": before, "UPDATED_NEW": item, "ALL_NEW": item}.get(asked.get("ReturnValues", ""))
        return {"Attributes": wanted} if wanted else {}


def _key(table: str, key: dict[str, Any]) -> tuple[str, str, str]:
    parts = [key[name]["S"] for name in ("feed_id", "file_id") if name in key]
    return (table, *(parts if parts else (key["tenant"]["S"], key["feed"]["S"])))
