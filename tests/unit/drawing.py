"""Documents drawn from the feed's schema, keyword by keyword."""

from typing import Any

from hypothesis import strategies as st

TEXTS = st.text(max_size=30)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def drawn_from(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What keeps to the schema, but for rules that lie across an object's settings."""
    if "$ref" in schema:
        return drawn_from(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*(drawn_from(each, root) for each in schema["anyOf"]))
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of(*(_of_kind(kind, schema, root) for kind in kinds))


def _of_kind(kind: str, schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "object":
        return _objects(schema, root)
    if kind == "array":
        least = schema.get("minItems", 0)
        return st.lists(drawn_from(schema["items"], root), min_size=least, max_size=max(least, 2))
    if kind == "string" and "pattern" in schema:
        return st.from_regex(_ended(schema["pattern"]))
    if kind == "string":
        least = schema.get("minLength", 0)
        return st.text(min_size=least, max_size=min(schema.get("maxLength", 40), 40))
    if kind == "number":
        return st.floats(schema.get("minimum", 0), schema.get("maximum", 1e9), exclude_min="exclusiveMinimum" in schema)
    if kind == "integer":
        whole = st.integers(schema["minimum"], schema["maximum"])
        return whole | whole.filter(lambda number: abs(number) < 2**53).map(float)
    return st.booleans()


def _objects(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        values = schema.get("additionalProperties")
        values = drawn_from(values, root) if isinstance(values, dict) else ANYTHING
        names = st.from_regex(_ended(schema["propertyNames"]["pattern"])) if "propertyNames" in schema else TEXTS
        return st.dictionaries(names, values, max_size=3)
    settings = {name: drawn_from(each, root) for name, each in schema["properties"].items()}
    if "oneOf" in schema:  # as in `files`: each asks for a setting that the others must not have
        each = [every for one in schema["oneOf"] for every in one["required"]]
        return st.one_of(*(_settings(settings, {*schema.get("required", ()), one}, set(each) - {one}) for one in each))
    return _settings(settings, set(schema.get("required", ())), set())


def _settings(
    settings: dict[str, st.SearchStrategy[Any]], needed: set[str], foreign: set[str]
) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {name: each for name, each in settings.items() if name in needed},
        optional={name: each for name, each in settings.items() if name not in needed | foreign},
    )


def _ended(pattern: str) -> str:
    """With Python's end of the text in place of ECMA's; ECMA's blanks are ASCII's, and so are the texts."""
    return f"(?a){pattern.removesuffix('$')}\\Z" if pattern.endswith("$") else pattern
