"""Rows of each file by what became of them, counted while they are written.

Everything is counted in the one pass that writes the Parquet: a pass of its own would read the CSV again, and a
cached DataFrame costs more than both (benchmarks/curated_zone.py). A metric that Spark observes on the way must be one
aggregate, so a file and a rule are put into one number, and the aggregate is a histogram of these numbers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from casts import literal
from columns import DROPPED_BY, FILE_NUMBER
from worklist import FileCounts, LandedFile


def observed(observation: Observation, name: str) -> Any:  # noqa: ANN401  (a number or a text)
    """What was observed under a name; to be called after the action.

    `Observation.get` goes over all names, and the end of that is an error to Py4J, about which PySpark asks Java forty
    questions.
    """
    return observation._jo.getAsJava()[name]


@dataclass(frozen=True)
class RowCounter:
    """Counts the rows of one DataFrame by file and rule; used for one action.

    Attributes:
        files: In the order of the DataFrame's file numbers.
        rules: Every name the DataFrame may have for a dropped row.
    """

    files: Sequence[LandedFile]
    rules: Sequence[str]
    _observation: Observation = field(default_factory=Observation)

    def observe(self, frame: DataFrame) -> DataFrame:
        """The same DataFrame, counted when it is computed."""
        return frame.observe(self._observation, self._metric().alias("counts"))

    def counts(self) -> tuple[FileCounts, ...]:
        """What was counted; to be called after the action."""
        outcomes = len(self.rules) + 1
        curated = [0] * len(self.files)
        dropped: list[dict[str, int]] = [{} for _ in self.files]
        # no row at all makes no histogram
        for entry in json.loads(observed(self._observation, "counts") or "[]"):
            number, outcome = divmod(round(entry["x"]), outcomes)
            rows = round(entry["y"])
            if outcome == 0:
                curated[number] += rows
            else:
                rule = self.rules[outcome - 1]
                dropped[number][rule] = dropped[number].get(rule, 0) + rows
        return tuple(
            FileCounts(file, curated[number], dict(sorted(dropped[number].items())))
            for number, file in enumerate(self.files)
        )

    def _metric(self) -> Column:
        cases = "".join(f" WHEN {literal(rule)} THEN {at}" for at, rule in enumerate(self.rules, 1))
        # nearly all rows are kept, and Spark compares one name after another: those ask for none
        outcome = f"IF({DROPPED_BY} IS NULL, 0, CASE {DROPPED_BY}{cases} ELSE raise_error({DROPPED_BY}) END)"
        number = f"CAST({FILE_NUMBER} * {len(self.rules) + 1} + {outcome} AS DOUBLE)"
        # exact as long as there are no fewer bins than different numbers: only bins of one number are ever merged
        bins = 2 * len(self.files) * (len(self.rules) + 1) + 2
        return F.expr(f"to_json(histogram_numeric({number}, {bins}))")
