"""One thing that is wrong, and where it stands."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with a file.

    Attributes:
        file: As it was named.
        line, column: From 1.
        message: What is wrong there, and what to write.
        path: JSON path of the setting; empty where the file as text is meant.
    """

    file: str
    line: int
    column: int
    message: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
