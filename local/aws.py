"""AWS in this process: the real template deployed into moto, its state machine run, its functions as processes."""

import contextlib
import ctypes
import gc
import json
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lakeferry.servers.networks import DENIED
from local import nursery, reached, session
from local.history import History
from local.http_server import HttpServer
from local.journal import Journal
from local.lambdas import Workers, kind_of
from local.lock import locked
from local.session import ACCOUNT, REGION, STACK
from local.stack import Event, Mail
from local.template import CODE_BUCKET, nested, translate

ROOT = Path(__file__).parent.parent
LOOPBACK = ("127.0.0.0/8", "::1/128")
WITHOUT_LOOPBACK = ",".join(network for network in DENIED.split(",") if network not in LOOPBACK)
"""`DeniedNetworks` of a stack on this machine: partners' servers may be here, too."""
LOOPBACK_TOLD = "partners' servers may be on this machine: DeniedNetworks is without loopback here"

# nothing may reach a Docker that happens to be there
os.environ.setdefault("DOCKER_HOST", "unix:///nonexistent/docker.sock")

EACH_RUN = ("ListFeedsFunction", "PollFunction", "ExportLedgerFunction")
"""Functions that each run calls."""
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8


class LocalAws:
    """The stack of a template on this machine; a context manager.

    One at a time in a process: moto's backends are the process's own.
    """

    def __init__(
        self,
        template: Path = ROOT / "template.yaml",
        folder: Path | None = None,
        parameters: Mapping[str, str] | None = None,
        *,
        time_scale: float = 0.05,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Prepares; nothing runs before the context is entered.

        Args:
            folder: Where the lake's objects are kept as files, and what a later run needs of the stack under
                `.lakeferry`; a temporary folder when absent.
            time_scale: By how much the state machine's waits and retry intervals are shortened.
            host: Address the AWS server listens on; one containers can reach, for `sam local invoke`.
            port: Its port; 0 takes a free one.
        """
        self._template = template
        ours = {"DeniedNetworks": WITHOUT_LOOPBACK} if template == ROOT / "template.yaml" else {}
        self._parameters = {**ours, **(parameters or {})}
        self._time_scale = time_scale
        self._address = (host, port)
        self._exit = contextlib.ExitStack()
        self.folder = folder if folder is not None else Path(self._exit.enter_context(tempfile.TemporaryDirectory()))
        self.outputs: dict[str, str] = {}
        self.resources: dict[str, str] = {}
        self.endpoint = ""
        self._listeners: list[Callable[[Event], None]] = []
        self._stop_at: Callable[[Event], bool] | None = None
        self.events: list[Event] = []
        self._noted: set[str] = set()
        self._under_way: set[str] = set()

    # -- life

    def __enter__(self) -> Self:
        # what a start makes stays as long as the stack: to look through all of it for garbage took a fourth of a run
        collects = gc.isenabled()
        gc.disable()
        self._exit.callback(gc.unfreeze)
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        finally:
            gc.freeze()
            if collects:
                gc.enable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _start(self) -> None:
        _give_memory_back()
        self._exit.enter_context(locked(self.folder))
        self._history = History(self.work_folder)
        self._history.tidy()
        self._journal = Journal(self.work_folder)
        self._journal.tidy()
        # first: what it imports, it imports while this process imports moto
        logs = self._exit.enter_context((self.work_folder / "functions.log").open("a", encoding="utf-8"))
        self.workers = Workers(lambda: self.endpoint, logs, nursery=nursery.shared())
        self._exit.callback(self.workers.close)
        from moto import mock_aws
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        from local import backends, cloudformation, engine, shims, topic

        for name in ("moto", "werkzeug"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is reported by the run itself
        shims.apply()
        cloudformation.register()
        backends.install(self)
        engine.install(self, self._time_scale)
        self._exit.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
        session.forget()
        self._exit.callback(session.forget)
        host, port = self._address
        application = DomainDispatcherApplication(create_backend_app)
        server = self._exit.enter_context(HttpServer(application, host, port or _free_port(host)))
        _Last.port = server.port
        self.endpoint = f"http://{server.host}:{server.port}"
        self._exit.callback(self.workers.kill)
        self._calls = topic.Calls(self, self._time_scale)
        topic.install(self._calls)
        self._exit.callback(self._calls.close)
        self._deploy()
        backends.deploy_functions(self)
        called = {self.resources[name] for name in EACH_RUN if name in self.resources}
        self.workers.get_ready(one for one in backends.functions() if one.name in called)
        self._load()
        self._exit.callback(self.save)
        reached.write(self.work_folder, self.endpoint, self.resources)
        self._exit.callback(reached.remove, self.work_folder)

    @property
    def work_folder(self) -> Path:
        """What is kept beside the lake: tables, catalog, logs."""
        folder = self.folder / ".lakeferry"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _deploy(self) -> None:
        self.template, self.code = translate(self._template, self._parameters)
        resources = self.template["Resources"]
        self.workers.expect(
            [
                kind_of(self.code[name], resources[name]["Properties"]["Handler"])
                for name in EACH_RUN
                if name in resources
            ]
        )
        s3 = self.client("s3")
        s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=CODE_BUCKET, Key="code.zip", Body=_empty_zip())
        for key, body in nested(self._template, self.template).items():
            s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=body)
        # as in AWS, where a body may have 51,200 bytes; and a body would be quoted and read anew by each hand it is in
        s3.put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(self.template).encode())
        formation = self.client("cloudformation")
        formation.create_stack(
            StackName=STACK,
            TemplateURL=f"https://s3.amazonaws.com/{CODE_BUCKET}/template.json",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self._parameters.items()],
        )
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        for page in pages:
            for found in page["StackResourceSummaries"]:
                self.resources[found["LogicalResourceId"]] = found.get("PhysicalResourceId", "")
        (stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {found["OutputKey"]: found["OutputValue"] for found in stack.get("Outputs", [])}

    # -- AWS

    def client(self, name: str) -> Any:
        """A boto3 client of this AWS."""
        return session.client(name)

    def resource(self, name: str) -> Any:
        """A boto3 resource of this AWS."""
        return session.resource(name)

    @property
    def state_machine(self) -> str:
        """ARN of the stack's state machine."""
        return self.resources["IngestStateMachine"]

    def start_execution(self, execution_input: Mapping[str, Any]) -> str:
        """Starts a run; its ARN."""
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.state_machine, input=json.dumps(execution_input)
        )
        return str(answer["executionArn"])

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Calls a function of the stack, named by its logical id; its answer.

        Raises:
            RuntimeError: it raised; the message is what the runtime reports.
        """
        answer = self.client("lambda").invoke(FunctionName=self.resources[function], Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(f"{function}: {payload['errorType']}: {payload['errorMessage']}")
        return payload

    def wait(self, run: str, timeout: float = 900) -> dict[str, Any]:
        """Waits until a run has ended; what DescribeExecution tells of it.

        Raises:
            TimeoutError: it has not ended in time.
        """
        from local.backends import is_running
        from local.endings import fire_ended

        states, deadline = self.client("stepfunctions"), time.monotonic() + timeout
        while (described := states.describe_execution(executionArn=run))["status"] == "RUNNING":
            while is_running(run):  # asked in this process: a call costs as much as a state
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{run} has not ended in {timeout} s")
                time.sleep(0.02)
        fire_ended(self, described)
        self.settle()
        self.save()
        return dict(described)

    def stop(self, run: str) -> None:
        """Stops a run, as StopExecution does."""
        self.client("stepfunctions").stop_execution(executionArn=run)

    def tick(self) -> list[str]:
        """Fires the stack's enabled schedule rules once; ARNs of the runs they started."""
        from local.schedule import fire

        return fire(self)

    def settle(self) -> None:
        """Waits until the functions that the topic called have ended."""
        self._calls.settle()

    def mails(self) -> list[Mail]:
        """What was published to the stack's topics, in order."""
        from local import backends

        return backends.mails()

    # -- watching and killing

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Calls the listener for each state entered or left, in whichever thread that happens."""
        self._listeners.append(listener)

    def kill_at(self, condition: Callable[[Event], bool] | None) -> None:
        """Stops the run, and every function's process, at the first event the condition is true for."""
        self._stop_at = condition

    def emit(self, event: Event) -> bool:
        """Tells listeners; True when the run is to stop here."""
        if event.run not in self._noted:
            self._noted.add(event.run)
            self._under_way.add(event.run)
            self._history.begun(event.run)
        self.events.append(event)
        for listener in self._listeners:
            listener(event)
        if self._stop_at is not None and self._stop_at(event):
            self._stop_at = None
            return True
        return False

    def note(self, event: Event, place: int, data: object) -> None:
        """Keeps what a state was given, gave or failed with."""
        self._journal.note(event, place, data)

    # -- S3 as files, and what is kept

    def bucket_folder(self, bucket: str) -> Path:
        """The folder a bucket's objects are files of."""
        from local import s3_files

        return s3_files.folder_of(bucket)

    def s3_rescan(self, bucket: str, prefix: str = "") -> None:
        """Takes in what others wrote into, or deleted from, a bucket's folder."""
        from local import s3_files

        s3_files.rescan(self._s3_backend(), bucket, prefix)

    def _s3_backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[ACCOUNT]["aws"]

    def _load(self) -> None:
        from local import state

        state.load(self, self.work_folder)

    def save(self) -> None:
        """Writes tables, catalog, queue and object index under the folder; secrets are never written."""
        from local import state

        state.save(self, self.work_folder)
        states = self.client("stepfunctions")
        described = [states.describe_execution(executionArn=run) for run in sorted(self._under_way)]
        self._history.ended(described)
        self._under_way -= {one["executionArn"] for one in described if one["status"] != "RUNNING"}


class _Last:
    """The port of this process's stack before."""

    port = 0


def _free_port(host: str) -> int:
    """That port if it is free, so that the functions of one stack after the other are told the same; 0 if not."""
    with contextlib.suppress(OSError), socket.create_server((host, _Last.port)):
        return _Last.port
    return 0


def _give_memory_back() -> None:
    """Large bodies pass through this process's many threads; what each leaves goes back to the system (mallopt(3))."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc's
            libc.mallopt(M_MMAP_THRESHOLD, 1 << 20)
            libc.mallopt(M_ARENA_MAX, 2)


def _empty_zip() -> bytes:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("local.txt", "The code of local functions is read from their folder.")
    return buffer.getvalue()
