"""Rows that fail a check: counted, shown, and kept as they were delivered.

Good rows of the file go on. Bad ones go to `fallout/` as JSON Lines, one object a row: `line` and `record` (from 1),
`column`, `value` and `rule` of its first problem, `more` (its other problems), `raw` (its text). How many are too
many is known only when the file was read to its end: a file of millions may begin with its only ten bad rows.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakeferry.errors import FileRejectedError
from lakeferry.feeds import BadRowsSpec

EXAMPLES = 20
"""Bad rows that a report shows."""
_SHOWN = 200
"""Characters of a value or a row that a report or a message shows; the quarantine has all of it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is bad.

    Attributes:
        row: Index of the row in the batch that was checked, from 0.
        column: Name as the file has it; None if it is of the row as a whole.
        value: The text as delivered; None where there is none.
        rule: `required`, `type`, `min`, `max`, `length`, `pattern`, `values`, `unique`, `expression:<name>`, `fields`
            (too few or too many), `schema` (JSON Schema).
        detail: What was expected, for a person.
    """

    row: int
    column: str | None
    value: str | None
    rule: str
    detail: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not land.

    Attributes:
        line: Line of the decoded file on which it begins, from 1. Formats without lines count records.
        record: Which data record it is, from 1, bad ones included.
        raw: Its text, without the line end.
    """

    line: int
    record: int
    raw: str
    problems: Sequence[Problem]


@dataclass(slots=True)
class BadRows:
    """Takes the bad rows of one delivered file, of all its members.

    Attributes:
        name: What messages call the file.
        write: Takes the JSON Lines; it is called first when there is a first bad row.
        count: Bad rows.
        by_rule: (rule, column) → problems; a row may have several.
        examples: The first bad rows.
    """

    name: str
    spec: BadRowsSpec
    write: Callable[[bytes], object]
    count: int = 0
    by_rule: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, rows: Sequence[BadRow], member: str | None = None) -> None:
        """Takes the bad rows of one block, in the file's order.

        Args:
            member: Name of the archive's member they are in.

        Raises:
            FileRejectedError: the feed asks for `reject_file`, or there are more than its `max_rows`.
        """
        lines = []
        for row in rows:
            told = _told(row, member)
            lines.append(json.dumps(told, ensure_ascii=False))
            self.by_rule.update((problem.rule, problem.column) for problem in row.problems)
            if len(self.examples) < EXAMPLES:
                self.examples.append(_shortened(told))
        self.count += len(rows)
        if self.spec.action == "reject_file" and rows:
            raise FileRejectedError(
                f"{self.name}: {described(self.examples[0])}. The feed takes no bad rows (checks.bad_rows). "
                "Ask the partner to deliver it again, or change the check or checks.bad_rows."
            )
        if self.are_too_many:
            raise FileRejectedError(
                f"{self.name}: more than {self.spec.max_rows} rows are bad; the rest of it was not read. The first: "
                f"{described(self.examples[0])}. Ask the partner to deliver it again, or change the checks or "
                "checks.bad_rows.max_rows."
            )
        if lines:
            # text that was bytes of no encoding cannot be here; a lone surrogate of JSON's escapes can
            self.write(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))

    @property
    def are_too_many(self) -> bool:
        """Whether there are more than are looked at: the rest of the file does not matter any more."""
        return self.count > self.spec.max_rows

    def raise_if_too_many(self, rows_read: int) -> None:
        """Compares with the feed's limit, at the end of the file.

        Raises:
            FileRejectedError: there are more bad rows than `max_ratio` allows.
        """
        if self.count <= self.spec.max_ratio * rows_read:
            return
        rules = ", ".join(f"{count} by {_named(rule, column)}" for (rule, column), count in self.by_rule.most_common(5))
        raise FileRejectedError(
            f"{self.name}: {self.count} of {rows_read} rows are bad ({100 * self.count / rows_read:.3g} %; the feed "
            f"takes {100 * self.spec.max_ratio:.3g} %): {rules}. The first: {described(self.examples[0])}. "
            "Ask the partner to deliver it again, or change the checks or checks.bad_rows.max_ratio."
        )

    def counts(self) -> dict[str, int]:
        """`rule:column` → problems, as the ledger keeps it."""
        return {_named(rule, column): count for (rule, column), count in self.by_rule.most_common(100)}


def described(told: dict[str, Any]) -> str:
    """One bad row in words."""
    where = f"{told['member']} line {told['line']}" if "member" in told else f"line {told['line']}"
    of = f", column {told['column']}" if told["column"] is not None else ""
    value = "" if told["value"] is None else f": {told['value'][:_SHOWN]!r}"
    return f"{where} (record {told['record']}){of}{value} {told['detail']}"


def _told(row: BadRow, member: str | None) -> dict[str, Any]:
    first, *others = row.problems
    told: dict[str, Any] = {} if member is None else {"member": member}
    told |= {"line": row.line, "record": row.record, **_of(first), "raw": row.raw}
    if others:
        told["more"] = [_of(problem) for problem in others]
    return told


def _of(problem: Problem) -> dict[str, Any]:
    return {"column": problem.column, "value": problem.value, "rule": problem.rule, "detail": problem.detail}


def _shortened(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value[:_SHOWN] if key in {"value", "raw"} and value else value for key, value in told.items()}


def _named(rule: str, column: str | None) -> str:
    return rule if column is None else f"{rule}:{column}"
