"""What moto 5.2.5 lacks wherever Lakeferry's code runs over it: in the unit tests as in the local stack.

Nothing heavy is imported here, so that a test of one function pays for moto's part of it only. The shims that the
state machine needs are in local/shims.py. Each has a test in tests/local/test_shims.py that fails once moto no longer
needs it.
"""

import threading
from collections.abc import Callable
from typing import Any

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

    original, lock = DynamoHandler.call_action, threading.RLock()

    def alone(self: Any) -> Any:
        with lock:
            return original(self)

    DynamoHandler.call_action = alone


def names_of_attributes_are_found_once() -> None:
    """moto makes up each name an attribute of an answer may have, for each item anew: half the time of a query.

    For a dictionary they follow from the answer's description alone, and that does not change.
    """
    from moto.core.serialize import DEFAULT_ALIAS_PROVIDERS as PROVIDERS
    from moto.core.serialize import AttributePickerContext, ResponseSerializer, XFormedAttributePicker

    original = ResponseSerializer.get_value

    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        picker = self._value_picker
        if (
            type(value) is not dict
            or type(picker) is not XFormedAttributePicker
            or picker.response_transformers
            or picker.alias_providers is not PROVIDERS
        ):
            return original(self, value, key, shape)
        known = shape.__dict__.setdefault("_names_in_a_dictionary", {})
        if key not in known:
            context = AttributePickerContext(obj={}, key=key, shape=shape)
            known[key] = tuple(dict.fromkeys(picker.get_possible_keys(context)))  # none has a dot: no path
        for name in known[key]:
            if name in value:
                return value[name]
        return None

    ResponseSerializer.get_value = get_value


SHIMS: list[Callable[[], None]] = [items_change_one_at_a_time, names_of_attributes_are_found_once]
