"""A plan done by Arrow, some rows at a time."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from arrowworker.equal import NotEqualError
from arrowworker.raw import Delivered
from arrowworker.rawparquet import as_declared
from arrowworker.references import ReferenceTables
from arrowworker.shape import LAST_LATIN, Shape, cased_columns, columns_of_plan
from arrowworker.zones import in_utc
from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.casts import TextCast
from lakeferry.checks.evaluation import evaluate
from lakeferry.checks.rowwise import arrow_type, per_value
from lakeferry.expressions import Expression, Type, type_of
from lakeferry.feeds import ColumnSpec, FormatSpec
from lakeferry.formats import raw_form
from plan import Derive, Enrich, Mark, Plan, Protect, Rename, type_rule
from work import Work
from worklist import LandedFile

_arrow: Any = pa
"""For types that are known only when a feed is read: no overload of the stubs fits those."""
_SHOWN = 4
"""Characters that a masked value shows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows with what became of them.

    Attributes:
        delivered: As they were delivered.
        unshown: Of these, columns with values that Spark shows in other letters.
        columns: As the curated table has them.
        reason: Index into the plan's reasons, from 1; 0 where the row is kept.
    """

    plan: Plan
    delivered: Mapping[str, Column]
    unshown: frozenset[str]
    columns: Mapping[str, Column]
    reason: Column

    @property
    def kept(self) -> Column:
        """Where a row is kept."""
        return kernels.equal(self.reason, 0)

    def reasons(self) -> Iterator[tuple[str | None, int]]:
        """How many rows each reason has; None is that of those kept."""
        for found in kernels.value_counts(self.reason).to_pylist():
            at = found["values"]
            yield (self.plan.reasons[at - 1] if at else None), found["counts"]


class Rows:
    """Makes the rows of one partition."""

    def __init__(self, work: Work, shape: Shape, references: ReferenceTables) -> None:
        self._plan, self._shape, self._references = work.plan, shape, references
        self._codes = {reason: at for at, reason in reversed(list(enumerate(work.plan.reasons, 1)))}
        form = raw_form(work.feed.format)
        # a text without letters is no value where CSV has none, and is one in other forms
        self._is_typed, self._has_empty = not form.is_text, form.kind != "csv"
        self._casts = [
            (name, column, TextCast(_spec(column), FormatSpec()))
            for name, column in zip(columns_of_plan(work.plan), work.plan.columns, strict=True)
        ]

    def made(self, given: Delivered, landed: LandedFile, key: str) -> Batch:
        """The plan's steps on some rows of one raw object.

        Raises:
            NotEqualError: Spark might make something else of a value.
        """
        count = len(next(iter(given.columns.values())))
        none = {of: _arrow.nulls(count, arrow_type(of)) for of in set(self._shape.have.values())}
        delivered = {name: given.columns.get(name, none[of]) for name, of in self._shape.have.items()}
        state = _State(self._codes, {}, pa.repeat(pa.scalar(0, pa.int32()), count), count)
        state.lineage = {
            "_source_file": pa.repeat(key, count),
            "_ingested_at": pa.repeat(pa.scalar(uploaded(landed), pa.timestamp("us")), count),
        }
        self._type(delivered, state)
        for step in self._plan.steps:
            match step:
                case Mark():
                    found = state.evaluated(step.condition)
                    state.mark(step.error, found[1])
                    state.mark(step.reason, kernels.invert(kernels.fill_null(found[0], fill_value=False)))
                case Derive():
                    state.derive(step)
                case Enrich():
                    of = Type("int64") if pa.types.is_int64(state.columns[step.spec.on].type) else Type("string")
                    taken, there = self._references.joined(step, state.columns[step.spec.on], of)
                    state.columns |= taken
                    if step.reason is not None:
                        state.mark(step.reason, kernels.invert(there))
                case Protect():
                    _protect(step, state.columns)
                case Rename():
                    state.columns = {step.names.get(name, name): each for name, each in state.columns.items()}
                case _:
                    raise NotEqualError("a step that Arrow does not have")
        return Batch(self._plan, delivered, given.unshown, state.columns, state.reason)

    def _type(self, delivered: Mapping[str, Column], state: "_State") -> None:
        for name, column, cast in self._casts:
            found = type_of(column.type)
            assert found is not None  # noqa: S101  (it was looked at when the shape was)
            text = delivered.get(name)
            if text is None or text.null_count == state.rows:
                state.columns[name] = _arrow.nulls(state.rows, arrow_type(found))
                continue
            if not pa.types.is_string(text.type):
                state.columns[name] = as_declared(text, column, arrow_type(found))
                continue
            if self._has_empty and column.type != "string":
                text = kernels.if_else(kernels.equal(text, ""), pa.scalar(None, pa.string()), text)
            converted = cast.convert(text)
            if self._is_typed and converted.bad is not None and kernels.any(converted.bad).as_py():
                raise NotEqualError(f"column {column.name}: a text of Parquet is not of its type")
            values = converted.values
            if column.type == "timestamp" and column.timezone != "UTC":
                values = in_utc(values, text, column)
            state.columns[name] = values
            if column.type != "string":
                state.mark(type_rule(column.name), converted.bad)
        for name, text in delivered.items():
            state.columns.setdefault(name, text)


@dataclass(slots=True)
class _State:
    codes: Mapping[str, int]
    columns: dict[str, Column]
    reason: Column
    rows: int
    lineage: Mapping[str, Column] = None  # type: ignore[assignment]  # set right after it is made

    def mark(self, reason: str, where: Column | None) -> None:
        """Names the reason of rows that have none yet."""
        if where is None:
            return
        where = self._all(kernels.fill_null(where, fill_value=False))
        now = kernels.and_(where, kernels.equal(self.reason, 0))
        self.reason = kernels.if_else(now, pa.scalar(self.codes[reason], pa.int32()), self.reason)

    def evaluated(self, expression: Expression) -> tuple[Column, Column | None]:
        """Values and errors, a row each."""
        seen = {**self.columns, **self.lineage}
        for name in cased_columns(expression):
            text = seen[name]
            if (
                pa.types.is_string(text.type)
                and kernels.any(kernels.match_substring_regex(text, f"[^\\x00-\\x{{{ord(LAST_LATIN):X}}}]")).as_py()
            ):
                raise NotEqualError(f"column {name}: capitals beyond Latin letters are Spark's")
        found = evaluate(expression, seen, self.rows)
        return self._all(found.values), None if found.error is None else self._all(found.error)

    def derive(self, step: Derive) -> None:
        """Adds columns, none of which sees another."""
        found = {name: self.evaluated(expression) for name, expression in step.columns.items()}
        for name, (values, error) in found.items():
            self.columns[name] = values.cast(arrow_type(step.columns[name].type))
            self.mark(step.errors[name], error)

    def _all(self, values: Column) -> Column:
        return _arrow.repeat(values, self.rows) if isinstance(values, pa.Scalar) else values


def uploaded(landed: LandedFile) -> datetime:
    """When a file became visible, UTC."""
    moment = datetime.fromisoformat(landed.uploaded_at)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _spec(column: ColumnSpec) -> ColumnSpec:
    # bounds and the like are the checks'
    return ColumnSpec(
        column.name,
        column.type,
        format=column.format,
        timezone=column.timezone,
        beyond_microseconds=column.beyond_microseconds,
    )


def _protect(step: Protect, columns: dict[str, Column]) -> None:
    for name, action in step.columns.items():
        text = columns[name].cast(pa.string())
        if action == "drop":
            del columns[name]
        else:
            columns[name] = per_value(_hashed if action == "hash" else _masked, Type("string"), text).values


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _masked(text: str) -> str:
    hidden = len(text) - _SHOWN if len(text) > _SHOWN else len(text)
    return "*" * hidden + text[hidden:]
