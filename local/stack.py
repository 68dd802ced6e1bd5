"""What the parts of the local AWS know of the stack they serve, and what they tell about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from local.lambdas import Workers


@dataclass(frozen=True, slots=True)
class Event:
    """A state that was entered, or left, in a run or in an item of one of its Distributed Maps.

    Attributes:
        kind: `entered`, `exited` or `failed`.
        item: The feed, and the file's name, for which the state was entered; empty at the top level.
        value: The item itself.
    """

    kind: str
    run: str
    item: str
    state: str
    type: str
    time: float
    value: Any


@dataclass(frozen=True, slots=True)
class Mail:
    """What SNS would have sent to a topic's subscribers."""

    topic: str
    subject: str
    message: str
    attributes: Mapping[str, str]


class Stack(Protocol):
    """A deployed stack."""

    @property
    def endpoint(self) -> str:
        """URL of its AWS server."""

    @property
    def folder(self) -> Path:
        """Where the lake's objects are files."""

    @property
    def work_folder(self) -> Path:
        """What is kept beside the lake: tables, catalog, logs."""

    @property
    def template(self) -> Mapping[str, Any]:
        """The CloudFormation template."""

    @property
    def resources(self) -> Mapping[str, str]:
        """Logical to physical ids."""

    @property
    def code(self) -> Mapping[str, Path]:
        """The code folder of each function's logical id."""

    @property
    def workers(self) -> "Workers":
        """The processes its functions run in."""

    def client(self, name: str) -> Any:
        """A boto3 client of this AWS."""

    def resource(self, name: str) -> Any:
        """A boto3 resource of this AWS."""

    def bucket_folder(self, bucket: str) -> Path:
        """The folder a bucket's objects are files of."""

    def s3_rescan(self, bucket: str, prefix: str = "") -> None:
        """Takes in what others wrote into, or deleted from, a bucket's folder."""

    def start_execution(self, execution_input: Mapping[str, Any]) -> str:
        """Starts a run; its ARN."""

    def stop(self, run: str) -> None:
        """Stops a run, as StopExecution does."""

    def emit(self, event: Event) -> bool:
        """Tells listeners; True when the run is to stop here."""

    def note(self, event: Event, place: int, data: object) -> None:
        """Keeps what a state was given, gave or failed with."""
