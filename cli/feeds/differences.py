"""What differs between two feed documents, setting by setting."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 100
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting; `before` or `after` is None where it is not there (`kind` tells that from a null)."""

    path: str
    kind: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {"setting": self.path, "kind": self.kind, "before": self.before, "after": self.after}

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.path}: {_shown(self.after)}"
        if self.kind == "removed":
            return f"- {self.path}: {_shown(self.before)}"
        return f"~ {self.path}: {_shown(self.before)} -> {_shown(self.after)}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """All of them, by path."""
    return list(_of(before, after, ""))


def _of(before: Any, after: Any, path: str) -> Iterator[Difference]:  # noqa: ANN401  (any JSON value)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            yield from _of(before.get(key, _ABSENT), after.get(key, _ABSENT), f"{path}.{key}" if path else str(key))
    elif _is_of_names(before) and _is_of_names(after):
        # columns, rules: by their names, so that one that is put in front does not change all that follow
        old, new = ({one["name"]: one for one in items} for items in (before, after))
        for name in dict.fromkeys((*old, *new)):
            yield from _of(old.get(name, _ABSENT), new.get(name, _ABSENT), f"{path}[{name}]")
        common = [name for name in old if name in new]
        if common != [name for name in new if name in old]:
            yield Difference(f"{path} (order)", "changed", list(old), list(new))
    elif before is _ABSENT:
        yield Difference(path, "added", None, after)
    elif after is _ABSENT:
        yield Difference(path, "removed", before, None)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Difference(path, "changed", before, after)


def _is_of_names(value: Any) -> bool:  # noqa: ANN401
    if not (isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value)):
        return False
    names = [one["name"] for one in value]
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _shown(value: Any) -> str:  # noqa: ANN401
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
