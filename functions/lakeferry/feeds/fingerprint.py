"""Whether a feed's document is still the one that something was tried with."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lakeferry.aws.items import plain

_LONGEST = 24


def fingerprint_of(document: Mapping[str, Any] | None) -> str:
    """A short text that changes with the document, whatever stands in it; of none, `none`."""
    if document is None:
        return "none"
    # what JSON does not know (bytes, written past `feeds put`) counts by how Python shows it
    text = json.dumps(plain(document), sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LONGEST]
