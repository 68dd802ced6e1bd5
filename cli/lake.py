"""A lake in a folder as a stack: its tables read at once; its functions only where a command runs something."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cli.problems import CommandError, WrongUseError
from cli.stack import Aws, Run, Stack
from local.history import History
from local.lock import LakeBusyError, is_locked, locked

if TYPE_CHECKING:
    from local.aws import LocalAws


class LakeStack(Stack):
    """A lake that only commands work with."""

    is_local = True

    def __init__(self, folder: Path, aws: Aws) -> None:
        super().__init__(str(folder), aws)
        self.folder = folder
        self._history = History(folder / ".lakeferry")

    def runs(self, limit: int) -> list[Run]:
        """The latest, newest first."""
        found = sorted(map(self._run, self._history.read().values()), key=lambda run: run.started, reverse=True)
        return found[:limit]

    def run(self, arn: str) -> Run | None:
        """One run."""
        noted = self._history.read().get(arn)
        return None if noted is None else self._run(noted)

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a function of a lake where nothing runs: what `reprocess` would do, it says without being started."""
        if function != "ReprocessFunction" or not event.get("dry_run"):
            raise CommandError(f"{function} needs the lake to be started")
        from cli.dry_run import would_reprocess

        return would_reprocess(self, event)

    def _run(self, noted: Mapping[str, Any]) -> Run:
        is_cut_off = noted["status"] == "RUNNING" and not is_locked(self.folder)
        started, ended = noted["started"], noted.get("ended")
        return Run(
            arn=noted["run"],
            status="KILLED" if is_cut_off else noted["status"],
            started=datetime.fromisoformat(started).astimezone(UTC).isoformat(timespec="seconds"),
            seconds=(
                (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds() if ended else None
            ),
            input=noted.get("input"),
            error=noted.get("error", ""),
            cause=noted.get("cause", ""),
        )


class RunningLake(LakeStack):
    """A lake whose functions and state machine are up."""

    def __init__(self, folder: Path, aws: "LocalAws") -> None:
        super().__init__(folder, aws)
        self.aws = aws

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a function; its answer."""
        return Stack.invoke(self, function, event)

    def run(self, arn: str) -> Run | None:
        """One run: of those of this process Step Functions knows more."""
        return Stack.run(self, arn) or super().run(arn)

    def wait(self, run: str) -> str | None:
        """Waits for a run; its status."""
        return str(self.aws.wait(run)["status"])


@contextmanager
def open_lake(folder: Path, secrets: Path | None, *, writes: bool, runs: bool) -> Iterator[LakeStack]:
    """The lake of a folder; see `Call.stack`.

    Raises:
        CommandError: another process works with it.
    """
    try:
        if runs:
            from local.aws import LocalAws

            with LocalAws(folder=folder) as aws:
                for name, fields in read_secrets(secrets).items():
                    aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(fields))
                yield RunningLake(folder, aws)
            return
        from local.still import StillLake

        with ExitStack() as exits:
            if writes:
                exits.enter_context(locked(folder))
            aws_of_tables = exits.enter_context(StillLake(folder))
            yield LakeStack(folder, aws_of_tables)
            if writes:
                aws_of_tables.save()
    except LakeBusyError as error:
        raise CommandError(str(error)) from error


def read_secrets(path: Path | None) -> dict[str, Any]:
    """Secret names and their fields.

    Raises:
        WrongUseError: the file cannot be read, or does not hold that.
    """
    if path is None:
        return {}
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise WrongUseError(f"--secrets {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # the parser's message would quote the secret
        raise WrongUseError(f"--secrets {path} is not YAML.") from error
    if not isinstance(loaded, dict) or not all(isinstance(fields, dict) for fields in loaded.values()):
        raise WrongUseError(
            f"--secrets {path} holds no mapping of secret names to their fields, such as\n"
            '  lakeferry/acme/daily_sales: {password: "..."}'
        )
    return loaded
