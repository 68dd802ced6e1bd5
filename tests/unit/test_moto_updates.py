"""An update that moto need not go through ten times leaves the item, and says, what moto's own way does."""

from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local import moto_updates
from tests.unit.conftest import ACCOUNT, new_table

EXAMPLES = 150
NAMES = ["a", "b", "m.x", "m.y.z", "m", "#a", "#b", "#m.x", "#m.#x", "#key", "o", "#o", "key", "l[0]", "size", "#none"]
PLACEHOLDERS = {f"#{name}": name for name in ("a", "b", "m", "x", "key", "o")}
VALUES: dict[str, Any] = {
    ":text": {"S": "x"}, ":empty": {"S": ""}, ":one": {"N": "1"}, ":half": {"N": "0.5"}, ":set": {"SS": ["x", "y"]},
    ":numbers": {"NS": ["1"]}, ":list": {"L": [{"S": "x"}, {"N": "1"}]}, ":map": {"M": {"x": {"N": "2"}}},
}  # fmt: skip
NAME = st.sampled_from(NAMES)
OPERAND = st.recursive(
    st.sampled_from([*VALUES, ":undefined"]) | NAME,
    lambda some: (
        st.builds("if_not_exists({}, {})".format, NAME, st.sampled_from([*VALUES]) | NAME)
        | st.builds("list_append({}, {})".format, some, some)
    ),
    max_leaves=3,
)
VALUE = OPERAND | st.builds("{} {} {}".format, OPERAND, st.sampled_from("+-"), OPERAND)
CLAUSE = (
    st.lists(st.builds("{} = {}".format, NAME, VALUE), min_size=1, max_size=3).map(", ".join).map("SET {}".format)
    | st.lists(NAME, min_size=1, max_size=3).map(", ".join).map("REMOVE {}".format)
    | st.lists(st.builds("{} {}".format, NAME, st.sampled_from([*VALUES])), min_size=1, max_size=2)
    .map(", ".join)
    .flatmap(lambda text: st.sampled_from(["ADD ", "ADD ", "DELETE "]).map(lambda verb: verb + text))
)
UPDATE = st.lists(CLAUSE, min_size=1, max_size=3).map(" ".join)
ITEM = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([*VALUES.values()]),
        "b": st.sampled_from([*VALUES.values()]),
        "l": st.just({"L": [{"S": "x"}]}),
        "m": st.sampled_from([{"M": {}}, {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"SS": ["x"]}}}}}, {"S": "m"}]),
    },
)


def said(item: dict[str, Any] | None, update: str) -> Any:
    """What comes of it, and what is left in the table."""
    from moto.dynamodb.models import dynamodb_backends

    backend = dynamodb_backends[ACCOUNT]["eu-west-1"]
    table, key = backend.tables["t"], {"feed": {"S": "f"}, "key": {"S": "k"}}
    table.items.clear()
    if item is not None:
        table.put_item({**key, **item})
    try:
        answer: Any = backend.update_item("t", key, update, dict(PLACEHOLDERS), dict(VALUES)).to_json()
    except Exception as error:  # also what moto breaks at
        answer = type(error).__name__, str(error)
    return answer, [one.to_json() for one in table.all_items()]


@pytest.fixture
def updates(aws: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both ways, and how many went the short one."""
    new_table("t", "feed", "key", {"by_o": ("o", "feed", "KEYS_ONLY")})
    short = []
    execute = moto_updates.Update.execute

    def counted(self: moto_updates.Update) -> None:
        short.append(1)
        execute(self)

    monkeypatch.setattr(moto_updates.Update, "execute", counted)
    return short


def test_any_update_of_any_item_comes_to_the_same(updates: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.dynamodb import models

    @settings(max_examples=EXAMPLES, derandomize=True, database=None)
    @given(ITEM, UPDATE)
    def draw(item: dict[str, Any] | None, update: str) -> None:
        found = said(item, update)
        with monkeypatch.context() as patch:
            for name, motos in zip(("Validator", "Executor"), moto_updates.MOTOS, strict=True):
                patch.setattr(models, f"UpdateExpression{name}", motos)
            assert said(item, update) == found, (item, update)

    draw()
    assert len(updates) > EXAMPLES / 20, "that go the short way"


@pytest.mark.parametrize(
    ("update", "is_short"),
    [
        ("SET a = :one, #b = if_not_exists(#b, :text), m.x = :text REMOVE l", True),
        ("SET l = list_append(if_not_exists(l, :list), :list) ADD a :one", True),
        ("ADD b :set REMOVE m.#x", True),
        ("SET o = :text, a = if_not_exists(o, :one)", True),
        ("SET a = :one REMOVE o", True),
        ("SET l[0] = :one", False),
        ("DELETE b :set", False),
        ("SET m.x = :one, m.y = :one", False),
    ],
)
def test_what_goes_the_short_way(updates: list[int], update: str, is_short: bool) -> None:
    item = {"a": {"N": "1"}, "b": {"SS": ["x"]}, "l": {"L": []}, "m": {"M": {"x": {"S": "y"}}}}
    answer, _ = said(item, update)
    assert "Attributes" in answer
    assert bool(updates) is is_short


@pytest.mark.parametrize("update", ["SET o = :one", "SET o = :empty", "SET a = :text, o = :list REMOVE b"])
def test_an_indexs_key_has_its_type_and_is_not_empty(updates: list[int], update: str) -> None:
    answer, left = said({"o": {"S": "x"}}, update)
    assert answer[0] in {"InvalidAttributeTypeError", "EmptyKeyAttributeException"}
    assert left[0]["Attributes"]["o"] == {"S": "x"}
    assert not updates


def test_a_call_of_it_says_the_same(aws: None) -> None:
    """As responses ask for it: names and values that are not used are told of."""
    new_table("t", "feed", "key")
    client = boto3.client("dynamodb")
    key: Any = {"feed": {"S": "f"}, "key": {"S": "k"}}
    for _ in range(2):  # what is known of the text the second time
        with pytest.raises(client.exceptions.ClientError, match="#b"):
            client.update_item(
                TableName="t", Key=key, UpdateExpression="SET #a = :x",
                ExpressionAttributeNames={"#a": "a", "#b": "b"}, ExpressionAttributeValues={":x": {"S": "x"}},
            )  # fmt: skip
