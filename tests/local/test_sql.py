"""A query makes views of the tables that it names, and of no others: each costs a look into all of its files."""

import base64
import json
from typing import Any

import pytest

from local.sql import _named_in


def _view(name: str, text: str) -> dict[str, Any]:
    original = base64.b64encode(json.dumps({"originalSql": text}).encode()).decode()
    return {"Name": name, "TableType": "VIRTUAL_VIEW", "ViewOriginalText": f"/* Presto View: {original} */"}


TABLES = [
    ("lake", {"Name": "sales"}),
    ("lake", {"Name": "stores"}),
    ("other", {"Name": "sales"}),
    ("lake", _view("late", "SELECT * FROM Stores JOIN early USING (id)")),
    ("lake", _view("early", "SELECT * FROM days")),
    ("lake", {"Name": "days"}),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select count(*) from Sales", ["sales", "sales"]),
        ('select * from "other"."sales" join stores using (id)', ["sales", "stores", "sales"]),
        ("select * from late", ["stores", "late", "early", "days"]),
        ("select * from early", ["early", "days"]),
        ("show tables", []),
    ],
)
def test_tables_are_known_by_their_names_and_through_views(text: str, expected: list[str]) -> None:
    assert [table["Name"] for _, table in _named_in(text, TABLES)] == expected
