"""Causes and advice as they hold where a lake is a folder: a laptop has neither stacks nor Secrets Manager."""

import re
from collections.abc import Callable
from pathlib import Path


def lake_words(lake: Path, where: str) -> Callable[[str], str]:
    """Turns a text of a stack into one of the lake.

    Args:
        where: Options of a command that name the lake.
    """

    def words(text: str) -> str:
        # only the lake's objects are files that a person may look at
        text = re.sub(r"s3://[a-z0-9.-]*lakebucket[a-z0-9.-]*/", lambda _: f"{lake}/", text)
        text = re.sub(r"--stack \S+", lambda _: where, text)
        text = text.replace(
            "create it in Secrets Manager with a JSON object", "put it into the file of --secrets, with fields"
        )
        return text.replace("the secret in Secrets Manager", "the secret in the file of --secrets").replace(
            "in Secrets Manager", "in the file of --secrets"
        )

    return words
