"""What is to be taken: a server and folders of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from lakeferry.feeds import ServerSpec


@dataclass(frozen=True)
class Job:
    """
    Attributes:
        directory: On the server, with a folder for each feed.
        together: Feeds at the same time.
        again: Everything is taken once before what counts, which then finds nothing new.
    """

    spec: ServerSpec
    secret: Mapping[str, str]
    directory: str
    feeds: int
    together: int = 4
    again: bool = False
