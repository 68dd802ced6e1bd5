"""What mails have in common: how long things may be, and what a partner may not do to them."""

import re

_LONGEST_SUBJECT = 100
"""Characters, ASCII ("Publish", Amazon SNS API Reference)."""


def subject_of(text: str) -> str:
    """A subject that SNS takes."""
    return re.sub("[^ -~]", "?", text)[:_LONGEST_SUBJECT]


def without_controls(name: str) -> str:
    """A remote name, which is whatever the partner made it, on one line."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", name)


def cut(text: str, longest: int) -> str:
    """The text, or so many characters of it."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
