"""The runs of a lake, kept in its folder: moto forgets them with its process."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.kept import write_atomically

KEPT = 1000
"""Runs that are kept; the oldest go."""
_LONGEST = 4000


class History:
    """Runs by their ARN, the oldest first.

    A run is noted as it begins, so that one whose process was killed is known, too: nobody notes its end.
    """

    def __init__(self, work_folder: Path) -> None:
        self._path = work_folder / "runs.jsonl"

    def read(self) -> dict[str, dict[str, Any]]:
        """`run`, `status`, `started`, and once it has ended `ended`, `error`, `cause`, of each."""
        found: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            for line in self._path.read_text("utf-8").splitlines():
                try:
                    noted = json.loads(line)
                except ValueError:  # cut off as its process was killed
                    continue
                found[noted["run"]] = {**found.get(noted["run"], {}), **noted}
        return found

    def tidy(self) -> None:
        """One line a run; those that nobody saw end were killed with their process."""
        runs = [{**run, "status": "KILLED"} if run["status"] == "RUNNING" else run for run in self.read().values()]
        write_atomically(self._path, "".join(json.dumps(run) + "\n" for run in runs[-KEPT:]))

    def begun(self, run: str) -> None:
        """Notes that a run began now."""
        self._add([{"run": run, "status": "RUNNING", "started": datetime.now(UTC).isoformat()}])

    def ended(self, described: Iterable[Mapping[str, Any]]) -> None:
        """Notes how runs ended; what DescribeExecution tells of each."""
        known = self.read()
        self._add(
            [
                _ended(one)
                for one in described
                if known.get(one["executionArn"], {}).get("status") != one["status"] != "RUNNING"
            ]
        )

    def _add(self, notes: list[dict[str, Any]]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            # a line that was cut off ends here, and takes none of these with it
            file.write("".join(f"\n{json.dumps(note)}\n" for note in notes))


def _ended(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": described["executionArn"],
        "status": described["status"],
        "started": described["startDate"].astimezone(UTC).isoformat(),
        "ended": described["stopDate"].astimezone(UTC).isoformat() if described.get("stopDate") else None,
        "input": json.loads(described.get("input") or "{}"),
        "error": (described.get("error") or "")[:_LONGEST],
        "cause": (described.get("cause") or "")[:_LONGEST],
    }
