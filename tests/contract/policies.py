"""IAM's decision over policy documents as CloudFormation gets them: the part of it that the template uses.

Source: "Policy evaluation logic" and "IAM JSON policy elements" in the IAM User Guide. What is not known here is
refused, so that a new element cannot pass for one that allows.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Statement = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]
"""What a request tells of itself, by condition key: `{"aws:PrincipalTag/tenant": "acme"}`."""

_KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition"}


def allowed(statements: Iterable[Statement], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether a principal with these statements may: one allows it and none denies it."""
    effects = {found["Effect"] for found in statements if applies(found, action, resource, context or {})}
    return effects == {"Allow"}


def applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    """Whether a statement speaks of the call."""
    assert statement.keys() <= _KNOWN, statement.keys() - _KNOWN
    return (
        any(_like(action.lower(), one.lower()) for one in listed(statement["Action"]))
        and any(_fits(resource, one, context) for one in listed(statement["Resource"]))
        and all(
            _holds(operator, key, listed(wanted), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def listed(value: Any) -> list[Any]:
    """A value that stands alone, or in a list."""
    return value if isinstance(value, list) else [value]


def _like(value: str, pattern: str) -> bool:
    """`*` is any text, `?` any letter; square brackets are letters."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def _fits(resource: str, pattern: str, context: Context) -> bool:
    filled = _filled(pattern, context)
    return filled is not None and _like(resource, filled)


def _filled(pattern: str, context: Context) -> str | None:
    """A pattern with its variables; None where the request does not have one: then it fits nothing."""
    for name in re.findall(r"\$\{([\w:/]+)\}", pattern):
        value = context.get(name)
        if not isinstance(value, str):
            return None
        # a value's own stars are letters
        pattern = pattern.replace("${" + name + "}", re.sub(r"([*?\[])", r"[\1]", value))
    return pattern


def _holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    found = context.get(key)
    if operator == "Null":
        return (found is None) == (str(wanted[0]).lower() == "true")
    patterns = [one for one in (_filled(str(text), context) for text in wanted) if one is not None]
    values = [] if found is None else [found] if isinstance(found, str) else list(found)
    one_of = {
        "StringEquals": lambda value: any(fnmatch.fnmatchcase(value, _plain(one)) for one in patterns),
        "StringLike": lambda value: any(_like(value, one) for one in patterns),
        "ArnLike": lambda value: any(_like(value, one) for one in patterns),
        "ArnEquals": lambda value: any(_like(value, one) for one in patterns),
        "Bool": lambda value: value.lower() in {one.lower() for one in patterns},
    }[plain.removesuffix("IfExists")]
    if quantifier == "ForAllValues":
        return all(map(one_of, values))  # of no values, too
    if plain.endswith("IfExists") and found is None:
        return True
    assert quantifier in {"", "ForAnyValue"}, operator
    return any(map(one_of, values))


def _plain(text: str) -> str:
    """A text whose stars are stars, but for those of a variable's value, which are marked already."""
    return re.sub(r"(?<!\[)([*?])", r"[\1]", text)
