"""A viewer's SQL, its answer as a table, a chart and CSV."""

import csv
import io
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cli.console.charts import Point, bars
from cli.console.pages import Console, console_of, page
from cli.console.sql import Answer, KeptCatalog, QueryError, ask_lake, ask_stack
from lakeferry.reports.facts import shown

_CELL = 300
_BARS = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is run by a spreadsheet that opens it."""


def show(request: Request) -> Response:
    """The query, and what it found."""
    console, sql = console_of(request), request.query_params.get("sql", "").strip()
    tenant = console.tenant(request)
    answer, problem = None, ""
    if sql:
        try:
            answer = _ask(console, sql, tenant)
        except QueryError as error:
            problem = str(error)
    query = request.query_params
    chart, x, y = _chart(answer, query.get("x", ""), query.get("y", "")) if answer else ("", "", "")
    tables = KeptCatalog(console.folder, tenant).names() if console.folder else []
    return page(
        request,
        "query.html",
        sql=sql,
        answer=answer,
        problem=problem,
        cell=_cell,
        chart=chart,
        x=x,
        y=y,
        known=tables,
        status=200 if not problem else 400,
    )


def export(request: Request) -> Response:
    """The answer as CSV, UTF-8."""
    console, sql = console_of(request), request.query_params.get("sql", "").strip()
    answer = _ask(console, sql, console.tenant(request))
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(map(_tame, answer.columns))
    writer.writerows([_tame(value) for value in row] for row in answer.rows)
    headers = {"Content-Disposition": 'attachment; filename="answer.csv"'}
    return Response(written.getvalue().encode("utf-8", "replace"), media_type="text/csv", headers=headers)


def _ask(console: Console, sql: str, tenant: str) -> Answer:
    if console.folder is not None:
        return ask_lake(console.folder, sql, tenant)
    if tenant:
        raise QueryError(
            "Athena answers with all tenants' rows: show all tenants, or use credentials of the tenant's role"
        )
    with console.place.stack() as stack:
        return ask_stack(stack, sql)


def _tame(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _cell(value: object) -> str:
    return "" if value is None else shown(value, _CELL)


def _chart(answer: Answer, x: str, y: str) -> tuple[Any, str, str]:
    """Bars of a column of numbers, where there is one; and which columns they are of."""
    columns = list(answer.columns)
    numbers = [name for index, name in enumerate(columns) if _is_number(answer, index)]
    if not numbers or not answer.rows or len(answer.rows) > _BARS:
        return "", "", ""
    y = y if y in numbers else numbers[-1]
    others = [name for name in columns if name != y]
    if x not in others:
        # the text that tells most of the rows apart
        told = [name for name in others if name not in numbers] or others or [y]
        x = max(told, key=lambda name: len({row[columns.index(name)] for row in answer.rows}))
    at, of = columns.index(x), columns.index(y)
    points = [Point(_number(row[of]) or 0.0, f"{_cell(row[at])}: {_cell(row[of])}") for row in answer.rows]
    return bars(points, f"{shown(y)} by {shown(x)}"), x, y


def _is_number(answer: Answer, index: int) -> bool:
    values = [row[index] for row in answer.rows if row[index] is not None]
    return bool(values) and all(_number(value) is not None for value in values)


def _number(value: Any) -> float | None:  # noqa: ANN401  (what a query answers)
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if abs(found) < 1e300 else None
