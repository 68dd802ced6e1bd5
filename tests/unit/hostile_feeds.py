"""Documents that were written past `feeds put`: forty ways to be wrong, none of them another feed's trouble."""

from typing import Any

from tests.conftest import feed_document

_SERVER = feed_document()["server"]
_SLA = {"expected_by": "06:30", "timezone": "America/New_York"}


def _nested(depth: int) -> dict[str, Any]:
    """Not deeper than DynamoDB takes."""
    found: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        found = {"not": found}
    return found


CHANGES: tuple[dict[str, Any], ...] = (
    # schedules
    {"schedule": "rate(99999999999999999999 days)"},
    {"schedule": "rate(999999999 days)"},
    {"schedule": "cron(x)"},
    {"schedule": "cron(0 0 31 2 ? *)"},
    {"schedule": "cron(0 0 ? 2 2#5 *)"},
    {"schedule": "cron(" + ",".join(["0"] * 10_000) + " 0 1 1 ? *)"},
    {"schedule": 5},
    {"schedule": ["x"]},
    {"schedule": b"x"},
    {"schedule": {"a": "b"}},
    {"schedule": ""},
    # promises
    {"sla": {**_SLA, "timezone": "America"}},
    {"sla": {**_SLA, "timezone": "x" * 5_000}},
    {"sla": {**_SLA, "timezone": "../../etc/passwd"}},
    {"sla": {**_SLA, "timezone": "\0"}},
    {"sla": {**_SLA, "expected_by": "06:30\n"}},
    {"sla": {**_SLA, "days": "MON"}},
    {"sla": {**_SLA, "holidays": ["x"]}},
    {"sla": "06:30"},
    {"sla": []},
    {"sla": _SLA, "tenant": "evil", "dataset": None},
    # addresses
    {"notify": ["a"]},
    {"notify": "abc"},
    {"notify": {"emails": "abc", "success": "feed"}},
    {"notify": {"emails": 5}},
    {"notify": {"emails": {"a": 1}}},
    {"notify": {"emails": [["a"]]}},
    {"notify": {"emails": [{"a": "b"}, None, 5, b"x"]}},
    {"notify": {"emails": ["a@acme..example"]}},
    {"notify": {"emails": ["a@b\n"], "success": ["feed"]}},
    # the rest
    {"enabled": "no"},
    {"server": {**_SERVER, "encoding": "undefined"}},
    {"server": None},
    {"server": {**_SERVER, "port": "22"}},
    {"files": {"directory": "/", "regex": "a{99999999999999999999}"}},
    {"files": {"directory": "/", "pattern": "{date:%Q}"}},
    {"format": {"type": "csv", "encoding": "undefined"}},
    {"format": {"type": "jsonl", "schema": _nested(24)}},
    {"transform": {"filter": "(" * 4_000}},
    {"checks": {"columns": [{"name": "a", "type": "int64", "pattern": "(a+)+$"}] * 2}},
)


def hostile_documents(**changes: Any) -> list[dict[str, Any]]:
    """Of tenant `evil`, each with an SLA and addresses where it does not break those itself."""
    return [
        feed_document(
            **{
                "tenant": "evil",
                "feed": f"h{number:02d}",
                "sla": _SLA,
                "notify": {"success": "feed"},
                **changes,
                **change,
            }
        )
        for number, change in enumerate(CHANGES)
    ]
