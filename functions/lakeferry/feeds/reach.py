"""What keeps a job's expression to the values of its own row, by its text alone.

Spark takes `transform`'s expressions as SQL, which can do more than compute a value: read other tables, name whatever
columns there are, put the job's environment into the text. The job looks once more, at what Spark made of the text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# as Spark reads text: ends of literals are escaped with a backslash or doubled (its SqlBaseLexer); of names doubled
_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`", re.DOTALL)
_QUERY = re.compile(r"\b(?:select|from\s*\(|from\s+\S+\s+select|table|values|with|exists\s*\(\s*\()\b", re.IGNORECASE)
_STAR = re.compile(r"(?:^|[(,.])\s*\*|\*\s*(?:$|[),])")
_COMMENT = re.compile(r"--|/\*")


def reach_problem(text: str) -> str | None:
    """What of an expression reaches beyond its row; None if nothing does.

    A literal of which this and Spark could think differently (raw text, one that does not end) is refused.
    """
    if "${" in text:
        return "has '${', which would be replaced by a setting or the environment of the job"
    bare = _LITERAL.sub(" ", text)
    if re.search("['\"`]", bare) or re.search(r"\b[rR]['\"]", text):
        return "has a quote that does not end, or raw text"
    if _COMMENT.search(bare):
        return "has a comment"
    if ";" in bare:
        return "has a semicolon"
    if found := _QUERY.search(bare):
        return f"has {found[0].split()[0].upper()}: an expression reads the values of its row, no tables"
    if _STAR.search(bare):
        return "has a star in place of names: name the columns"
    return None


def reach_problems(transform: Mapping[str, Any]) -> Iterator[str]:
    """The expressions of a `transform` that reach beyond their row, with their JSON paths."""
    texts = {
        "$.transform.filter": transform.get("filter"),
        **{f"$.transform.derive.{name}": text for name, text in transform.get("derive", {}).items()},
        **{
            f"$.transform.rules[{index}].expression": rule["expression"]
            for index, rule in enumerate(transform.get("rules", []))
        },
    }
    for path, text in texts.items():
        if text is not None and (problem := reach_problem(text)):
            yield f"{path}: {problem}"
