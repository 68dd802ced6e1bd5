"""Columns and words of a document of the Open Data Contract Standard (version 3), where a partner has one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KIND = "DataContract"
_TYPES = {"integer": "int64", "boolean": "bool", "string": "string", "date": "date", "timestamp": "timestamp"}
_PHYSICAL = (
    (("tinyint", "smallint", "int", "bigint", "long"), "int64"),
    (("float", "double", "real"), "float64"),
    (("bool",), "bool"),
    (("timestamp", "datetime"), "timestamp"),
    (("date",), "date"),
)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a contract says that a feed can say.

    Attributes:
        names: Of its tables; columns are those of the first, or of the one that was asked for.
        server: `server` and `files.directory` settings, as far as it has an SFTP server.
        left_out: Properties that are no columns of ours, and why.
    """

    names: tuple[str, ...]
    table: str
    columns: tuple[dict[str, Any], ...]
    comments: dict[str, str]
    description: str = ""
    version: str = ""
    server: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def is_contract(document: object) -> bool:
    """Whether a YAML document is a data contract."""
    return isinstance(document, Mapping) and document.get("kind") == KIND


def read_contract(document: Mapping[str, Any], table: str | None = None) -> Contract:
    """The contract's table.

    Raises:
        ValueError: it has none, or not that one.
    """
    tables = [one for one in _list(document.get("schema")) if isinstance(one, Mapping)]
    names = tuple(str(one.get("name") or one.get("physicalName") or "?") for one in tables)
    if not tables:
        raise ValueError("the contract has no schema: there are no columns to draft")
    if table is not None and table not in names:
        raise ValueError(f"the contract has no table {table}; it has: {', '.join(names)}")
    found = tables[names.index(table)] if table is not None else tables[0]
    columns, comments, left_out = [], {}, []
    for one in _list(found.get("properties")):
        if not isinstance(one, Mapping):
            continue
        name = str(one.get("physicalName") or one.get("name") or "")
        column = _column(one)
        if not name or column is None:
            left_out.append(f"{name or '?'}: {one.get('logicalType')} is no type of a column here")
            continue
        columns.append({"name": name, **column})
        if isinstance(one.get("description"), str) and one["description"].strip():
            comments[name] = " ".join(one["description"].split())[:200]
    about = document.get("description")
    purpose = about.get("purpose") if isinstance(about, Mapping) else about
    return Contract(
        names, names[tables.index(found)], tuple(columns), comments,
        description=" ".join(str(found.get("description") or purpose or "").split())[:2048],
        version=str(document.get("version") or ""),
        server=_server(document),
        left_out=tuple(left_out),
    )  # fmt: skip


def _column(one: Mapping[str, Any]) -> dict[str, Any] | None:
    options = one.get("logicalTypeOptions")
    options = options if isinstance(options, Mapping) else {}
    kind = _type(str(one.get("logicalType") or ""), str(one.get("physicalType") or ""))
    if kind is None:
        return None
    column: dict[str, Any] = {"type": kind}
    if one.get("required") is True or one.get("primaryKey") is True:
        column["required"] = True
    if one.get("unique") is True:
        column["unique"] = True
    if kind == "string":
        for theirs, ours in (("minLength", "min_length"), ("maxLength", "max_length")):
            if isinstance(options.get(theirs), int) and options[theirs] >= 0:
                column[ours] = options[theirs]
    elif kind not in {"bool", "date", "timestamp"}:
        for theirs, ours in (("minimum", "min"), ("maximum", "max")):
            if isinstance(options.get(theirs), int | float):
                column[ours] = options[theirs]
    return column


def _type(logical: str, physical: str) -> str | None:
    base, _, sizes = physical.lower().partition("(")
    if logical in {"object", "array"}:
        return None
    if logical in {"number", ""} and base.strip() in {"decimal", "numeric", "number"}:
        digits = [part.strip() for part in sizes.rstrip(") ").split(",")]
        if len(digits) == 2 and all(part.isdigit() for part in digits) and 1 <= int(digits[0]) <= 38:
            return f"decimal({int(digits[0])},{int(digits[1])})"
        return "decimal(38,9)"
    if logical == "number":
        return "float64" if base.strip() in {"float", "double", "real"} else "decimal(38,9)"
    if logical in _TYPES:
        return _TYPES[logical]
    return next((ours for theirs, ours in _PHYSICAL if any(base.startswith(one) for one in theirs)), "string")


def _server(document: Mapping[str, Any]) -> dict[str, Any]:
    for one in _list(document.get("servers")):
        if isinstance(one, Mapping) and one.get("type") == "sftp":
            rest = str(one.get("location") or "").removeprefix("sftp://")
            host, _, path = rest.partition("/")
            host, _, port = (one.get("host") or host).partition(":")
            folder = "/" + path.rpartition("/")[0] if "*" in path or "." in path.rpartition("/")[2] else "/" + path
            found: dict[str, Any] = {"protocol": "sftp", "host": host.rpartition("@")[2], "directory": folder or "/"}
            if str(one.get("port") or port).isdigit():
                found["port"] = int(one.get("port") or port)
            return {name: value for name, value in found.items() if value}
    return {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
