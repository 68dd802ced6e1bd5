"""Records against the feed's JSON Schema, compiled: the feed document itself is checked with `jsonschema` elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from lakeferry.checks.badrows import Problem
from lakeferry.errors import FeedInvalidError
from lakeferry.formats.json.records import JsonObject, text_of

_PROBLEMS = 10
"""Violations of one record that are told."""
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000, size_limit=2**20, dfa_size_limit=2**20)
"""Patterns with look-around try again and again; one that is at it for so long does not fit."""


class RecordSchema:
    """A compiled JSON Schema. `format` is checked, not just noted. References stay inside of the schema."""

    def __init__(self, feed_id: str, schema: Mapping[str, Any]) -> None:
        """Compiles it.

        Raises:
            FeedInvalidError: it is not a schema, or refers to another document.
        """
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(schema), validate_formats=True, retriever=_refuse_to_fetch, pattern_options=_PATTERNS
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise FeedInvalidError(
                f"feed document of {feed_id} is not valid: $.checks.json_schema: {error}. References must stay inside "
                "of the schema. Correct the feed document and run `./lakeferry feeds put` again."
            ) from error

    def check(self, records: Sequence[JsonObject]) -> list[Problem]:
        """The violations, by record."""
        is_valid = self._validator.is_valid
        return [
            problem
            for row, record in enumerate(records)
            if not is_valid(record)
            for problem in self._violations(row, record)
        ]

    def _violations(self, row: int, record: JsonObject) -> list[Problem]:
        problems = []
        for error in self._validator.iter_errors(record):
            path = ".".join("[]" if isinstance(part, int) else part for part in error.instance_path)
            value = text_of(error.instance) if path else None
            problems.append(Problem(row, path or None, value, "schema", error.message))
            if len(problems) == _PROBLEMS:
                break
        return problems


def _refuse_to_fetch(uri: str) -> Any:  # noqa: ANN401  (what the library expects of a retriever)
    raise ValueError(f"{uri} is another document")
