"""What moto 5.2.5 lacks wherever Lakeferry's code runs over it: in the unit tests as in the local stack.

Nothing heavy is imported here, so that a test of one function pays for moto's part of it only. The shims that the
state machine needs are in local/shims.py. Each has a test in tests/local/test_shims.py that fails once moto no longer
needs it.
"""

import contextlib
import copy
import functools
import os
import string
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from local import descriptions, moto_items, moto_objects, moto_requests, moto_updates

ITEMS = threading.RLock()
"""Whoever holds it is alone with all tables."""
LINE = "_line"
"""What `local/state.py` has made of an item for keeping, until the item changes."""
_applied: set[str] = set()


def apply(leave_out: str = "") -> None:
    """Puts every shim in place, once a process.

    Args:
        leave_out: Name of one that a test wants to see missed.
    """
    for shim in SHIMS:
        if shim.__name__ not in {*_applied, leave_out}:
            _applied.add(shim.__name__)
            shim()


def items_change_one_at_a_time() -> None:
    """moto checks a write's condition and writes in two steps: of two threads both may find it fulfilled.

    A transaction that fails takes back what others wrote meanwhile, and what is read is the item itself, which a write
    may change before it is sent. So a call is alone from the request to the answer's last byte.
    """
    from moto.dynamodb.responses import DynamoHandler

    original = DynamoHandler.call_action

    def alone(self: Any) -> Any:
        with ITEMS:
            return original(self)

    DynamoHandler.call_action = alone


def values_have_one_kind() -> None:
    """moto looks in each value of an item for each of the ten kinds that it may be of: half the time of a query.

    What is the same in an answer goes into it as it is, all of an item's attributes at once.
    """
    from moto.core.serialize import BaseJSONSerializer

    value_of, map_of = BaseJSONSerializer._serialize_type_structure, BaseJSONSerializer._serialize_type_map

    def serialize_value(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and key and moto_requests.is_plain(value):
            self._default_serialize(serialized, value, shape, key)
        else:
            value_of(self, serialized, value, shape, key)

    def serialize_map(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.value.name == "AttributeValue" and all(map(moto_requests.is_plain, value.values())):
            self._default_serialize(serialized, value, shape, key)
        else:
            map_of(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialize_value
    BaseJSONSerializer._serialize_type_map = serialize_map


def actions_are_looked_up_once() -> None:
    """moto lists all methods of a service for each call of it."""
    from moto.core import responses

    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def addresses_are_known() -> None:
    """moto writes all addresses of a service for each call of it, and loads the module of S3's anew."""
    from moto.core.base_backend import BaseBackend

    original, known = BaseBackend.urls.fget, {}

    def urls(self: Any) -> Any:
        key = (type(self), *(os.environ.get(name) for name in ("MOTO_S3_CUSTOM_ENDPOINTS", "MOTO_ENABLE_ISO_REGIONS")))
        if key not in known:
            known[key] = original(self)
        return known[key]

    BaseBackend.urls = property(urls)


def transactions_keep_what_they_change() -> None:
    """moto copies each table of a transaction whole, to take back a failed one: at 1,500 items most of the call's time.

    Here the items that it names are kept, and put back. Calls take their turns (`items_change_one_at_a_time`).
    """
    from moto.dynamodb import models
    from moto.dynamodb.models import DynamoDBBackend, Table

    original = DynamoDBBackend.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        kept = [_Kept(self, action) for written in transact_items for action in written.values()]
        try:
            original(self, transact_items)
        except BaseException:
            for item in reversed(kept):
                item.put_back()
            raise

    models.copy = SimpleNamespace(deepcopy=lambda thing: thing if isinstance(thing, Table) else copy.deepcopy(thing))
    DynamoDBBackend.transact_write_items = transact_write_items


class _Kept:
    """An item as it was before a transaction, also where there was none."""

    def __init__(self, backend: Any, action: dict[str, Any]) -> None:
        self._table = backend.tables.get(action.get("TableName"))
        self._key: tuple[Any, ...] | None = None
        if self._table is None:
            return
        # what has no proper key is refused by moto, before anything is written of it
        with contextlib.suppress(Exception):
            self._key = backend.get_keys_value(self._table, action.get("Key") or action["Item"])
            self._item = copy.deepcopy(self._table.get_item(*self._key))

    def put_back(self) -> None:
        if self._key is None:
            return
        hash_key, range_key = self._key
        items, key = (self._table.items[hash_key], range_key) if range_key else (self._table.items, hash_key)
        if self._item is None:
            items.pop(key, None)
        else:
            items[key] = self._item


def items_are_weighed_once() -> None:
    """moto weighs each item of a partition for each query, a third of its time, also what did not change.

    Items change in place by an update only; all else puts new ones.
    """
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import Item

    weigh, update = Item.size, DynamoDBBackend.update_item

    def size(self: Any) -> int:
        known: int | None = self.__dict__.get("_weight")
        if known is None:
            known = self.__dict__["_weight"] = weigh(self)
        return known

    def update_item(self: Any, table_name: str, key: dict[str, Any], *args: Any, **named: Any) -> Any:
        item = None
        try:
            item = update(self, table_name, key, *args, **named)
        finally:
            if item is None:  # one that fails may have begun to change it
                with contextlib.suppress(Exception):
                    item = self.get_item(table_name, key)
            if item is not None:
                item.__dict__.pop("_weight", None)
                item.__dict__.pop(LINE, None)
        return item

    Item.size, DynamoDBBackend.update_item = size, update_item


def descriptions_are_decoded_quickly() -> None:
    """Of botocore's, which moto reads, too: a third of a start with a dozen services."""
    descriptions.decode_quickly()


def descriptions_are_listed_once() -> None:
    """moto's own loader of botocore's descriptions is another for each service."""
    descriptions.list_once()


def texts_are_not_cast() -> None:
    """moto asks of each text whether it is of six other kinds, to compare it; a query sorts its whole partition."""
    from moto.dynamodb.models.dynamo_type import DynamoType

    original = DynamoType.cast_value.fget

    def cast_value(self: Any) -> Any:
        return self.value if self.type == "S" else original(self)

    DynamoType.cast_value = property(cast_value)


def uploads_know_when_they_began() -> None:
    """moto tells of each multipart upload that it began in 2010: a sweep would take one that was begun just now."""
    from moto.s3.models import FakeMultipart
    from moto.s3.responses import S3Response

    original, serialized = FakeMultipart.__init__, S3Response.serialized

    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.begun = datetime.now(UTC)

    def serialize(self: Any, answer: Any) -> Any:
        if self.data.get("Action") == "ListMultipartUploads":
            uploads = self.backend.list_multipart_uploads(self.bucket_name)
            for one in answer.result["Uploads"]:
                one["Initiated"] = uploads[one["UploadId"]].begun.isoformat()
        return serialized(self, answer)

    FakeMultipart.__init__, S3Response.serialized = begin, serialize


def messages_are_kept_without_a_count() -> None:
    """moto counts all of a queue's messages nine times for each that it gives, to know how long they are kept."""
    from moto.sqs import models

    def is_kept(self: Any, queue_name: str, message: Any) -> bool:
        seconds = self.get_queue(queue_name).message_retention_period
        return bool(seconds + message.sent_timestamp / 1000 > models.unix_time())

    models.SQSBackend.is_message_valid_based_on_retention_period = is_kept


def receipts_are_drawn_at_once() -> None:
    """moto draws the 185 letters of each receipt one by one."""
    from moto.moto_api._internal import mock_random
    from moto.sqs import models

    models.generate_receipt_handle = lambda: "".join(mock_random.choices(string.ascii_lowercase, k=185))


def messages_are_copied_without_their_past() -> None:
    """moto copies each message that it gives by `deepcopy`, with the receipts of each time that it gave it before.

    It puts other attributes in place of the copy's, and changes nothing that is in it.
    """
    from moto.sqs.models import Message

    def copied(self: Any, memo: Any) -> Any:
        new = object.__new__(Message)
        new.__dict__.update(self.__dict__)
        return new

    Message.__deepcopy__ = copied


SHIMS: list[Callable[[], None]] = [
    items_change_one_at_a_time,
    values_have_one_kind,
    actions_are_looked_up_once,
    addresses_are_known,
    transactions_keep_what_they_change,
    items_are_weighed_once,
    texts_are_not_cast,
    descriptions_are_decoded_quickly,
    descriptions_are_listed_once,
    *moto_items.SHIMS,
    *moto_updates.SHIMS,
    *moto_requests.SHIMS,
    *moto_objects.SHIMS,
    uploads_know_when_they_began,
    messages_are_kept_without_a_count,
    receipts_are_drawn_at_once,
    messages_are_copied_without_their_past,
]
