"""The warm processes that functions of this machine are forked from."""

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from local import compiled, worker

ROOT = Path(__file__).parent.parent
MOST_HANDLERS = 1000
"""Of which it is kept what they load: one code has some twenty, each state of it counts anew, and all are small."""


def machine() -> dict[str, str]:
    """What a process needs to know of the machine; `SSL_CERT_FILE`, where its network has authorities of its own."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in names if name in os.environ}


class _Warm:
    """A warm process, as the one who asks it to fork sees it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._loaded: set[str] = set()

    def fork(self, what: bytes, log: int | None = None, names: Iterable[str] = ()) -> tuple[int, socket.socket]:
        """A process that is forked with these modules loaded, and the socket it is talked to over.

        Raises:
            OSError, EOFError: the warm process is gone.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            self._load(names)
            return self._ask(what, 0, [theirs.fileno(), *([] if log is None else [log])]), ours

    def load(self, names: Iterable[str]) -> None:
        """Loads modules for those to come."""
        with self._lock:
            self._load(names)

    def _load(self, names: Iterable[str]) -> None:
        if new := [name for name in names if name not in self._loaded]:
            data = json.dumps(new).encode()
            self._ask(worker.LOAD, len(data), data=data)
            self._loaded.update(new)

    def become(self, told: Mapping[str, Any]) -> None:
        """Makes a function's snapshot of it; it is gone where the function cannot be imported."""
        data = json.dumps(told).encode()
        with self._lock:
            self._ask(worker.BECOME, len(data), data=data)

    def kill(self, process: int) -> None:
        """Ends a process it forked at once, if it is still there."""
        with self._lock, contextlib.suppress(OSError, EOFError):  # its sandboxes end with the warm process
            self._ask(worker.KILL, process)

    def _ask(self, what: bytes, number: int, descriptors: Iterable[int] = (), data: bytes = b"") -> int:
        socket.send_fds(self._control, [worker.REQUEST.pack(what, number)], list(descriptors))
        self._control.sendall(data)
        answer = self._control.recv(worker.ANSWER.size, socket.MSG_WAITALL)
        if len(answer) < worker.ANSWER.size:
            raise EOFError
        (process,) = worker.ANSWER.unpack(answer)
        return int(process)

    def close(self) -> None:
        """It ends where nobody asks any more."""
        with self._lock:
            self._control.close()


@dataclass(frozen=True, slots=True)
class Forked:
    """A sandbox: the socket it is talked to over, and how to end it."""

    process: int
    connection: socket.socket
    _by: _Warm

    def kill(self) -> None:
        """Ends it at once, if it is still there."""
        self._by.kill(self.process)


class _Names(defaultdict[str, list[str]]):
    """What each handler loads, as sandboxes of earlier processes had it that ran the same code."""

    def __init__(self, kind: str) -> None:
        super().__init__(list)
        self._kind = kind
        self._paths: dict[str, Path] = {}

    def __missing__(self, handler: str) -> list[str]:
        names: list[str] = []
        with contextlib.suppress(OSError, ValueError):
            names = [str(name) for name in json.loads(compiled.read(self._path(handler)))]
        super().__setitem__(handler, names)
        return names

    def __setitem__(self, handler: str, names: list[str]) -> None:
        super().__setitem__(handler, names)
        compiled.keep(self._path(handler), json.dumps(names).encode(), MOST_HANDLERS)

    def _path(self, handler: str) -> Path:
        if handler not in self._paths:
            folder = Path(handler.rpartition(" ")[0])
            files = [(path, path.stat()) for path in sorted(folder.rglob("*.py"))]
            code = [f"{path} {found.st_size} {found.st_mtime_ns}".encode() for path, found in files]
            self._paths[handler] = compiled.path_of(self._kind, [handler.encode(), *code])
        return self._paths[handler]


class Nursery:
    """The first warm process, started at once and anew if it is gone, and those that branched off from it.

    What a handler's sandboxes have loaded of others' packages, a branch for that handler loads once for all that come.
    """

    def __init__(self, *, remembers: bool = False) -> None:
        """Starts the first warm process.

        Args:
            remembers: What handlers load is kept for the nurseries of later processes.
        """
        self._lock = threading.Lock()
        self._branches: dict[str, _Warm] = {}
        self._names = _Names("modules") if remembers else defaultdict[str, list[str]](list)
        self.snapshots = Snapshots(self, _Names("own") if remembers else defaultdict(list))
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", worker.__name__],
                cwd=ROOT,
                # macOS ends a process that uses Objective-C after a fork, as its look for proxies does
                env=machine() | {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for whoever runs this, who ends it
            )
        self._first = _Warm(ours)

    def learn(self, handler: str, names: Iterable[str]) -> None:
        """Modules that a sandbox of a handler, `FOLDER NAME`, has loaded: the next ones are born with them."""
        if names:
            with self._lock:
                self._names[handler] = list(dict.fromkeys([*self._names[handler], *names]))

    def prepare(self, handlers: Iterable[str]) -> threading.Thread:
        """Loads what is known of handlers that will be called soon, while this process does something else."""

        def prepare() -> None:
            for handler in handlers:
                with self._lock:
                    names = self._names[handler]
                    branch = self._branch(handler) if names else None
                if branch is not None:
                    with contextlib.suppress(OSError, EOFError):  # gone: whoever forks notices
                        branch.load(names)

        thread = threading.Thread(target=prepare, daemon=True)
        thread.start()
        return thread

    def fork(self, handler: str, log: IO[str]) -> Forked:
        """A new sandbox for a handler; what it prints goes to the log.

        Raises:
            OSError: the warm process is gone and cannot be started.
        """
        with self._lock:
            names = self._names[handler]
            branch = self._branch(handler) if names else None
        if branch is not None:
            with contextlib.suppress(OSError, EOFError):
                return Forked(*branch.fork(worker.FORK, log.fileno(), names), branch)
            with self._lock:  # gone: the next one begins anew
                self._branches.pop(handler, branch).close()
        with self._lock:
            try:
                return Forked(*self._first.fork(worker.FORK, log.fileno()), self._first)
            except (OSError, EOFError):
                self._end()
                self._start()
                return Forked(*self._first.fork(worker.FORK, log.fileno()), self._first)

    def snapshot(self, handler: str, told: Mapping[str, Any]) -> "_Warm | None":
        """A warm process in which a function is imported already; None where that fails.

        Args:
            told: What its sandboxes are told first.
        """
        with self._lock:
            names = list(self._names[handler])
            parent = (self._branch(handler) if names else None) or self._first
        try:
            snapshot = _Warm(parent.fork(worker.BRANCH, names=names)[1])
            snapshot.become(told)
        except (OSError, EOFError):
            return None
        return snapshot

    def names(self, handler: str) -> list[str]:
        """Modules of others that a handler's sandboxes have loaded."""
        with self._lock:
            return list(self._names[handler])

    def _branch(self, handler: str) -> _Warm | None:
        if handler not in self._branches:
            with contextlib.suppress(OSError, EOFError):
                self._branches[handler] = _Warm(self._first.fork(worker.BRANCH)[1])
        return self._branches.get(handler)

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._first.close()

    def close(self) -> None:
        """Ends the warm processes; sandboxes are to be killed before."""
        self.snapshots.close()
        with self._lock:
            for branch in self._branches.values():
                branch.close()
            self._branches.clear()
            self._end()


class Snapshots:
    """Functions' own warm processes. The first process of a function imports it itself, as most are called rarely;
    those that will be called soon are made ahead.

    A function of a later stack that is told the same is the same one.
    """

    def __init__(self, nursery: Nursery, own: defaultdict[str, list[str]]) -> None:
        """
        Args:
            own: What is known by now of each handler's own modules, and of its clients.
        """
        self._nursery = nursery
        self._made: dict[str, _Warm] = {}
        self._asked: set[str] = set()
        self._own = own
        self._locks: dict[str, threading.Lock] = {}
        self._learning = threading.Lock()

    def make(self, handler: str, told: Mapping[str, Any]) -> None:
        """Makes that of a function which will be called soon, if it is not there; who forks meanwhile waits for it."""
        function = json.dumps(told)
        with self._lock_of(function):
            self._asked.add(function)
            if function not in self._made and (snapshot := self._nursery.snapshot(handler, told)) is not None:
                self._made[function] = snapshot

    def fork(self, handler: str, told: Mapping[str, Any], log: IO[str]) -> Forked:
        """A new sandbox of a function, which is still to be told.

        Raises:
            OSError: the warm process is gone and cannot be started.
        """
        function = json.dumps(told)
        with self._lock_of(function):
            return self._fork(function, handler, told, log)

    def _lock_of(self, function: str) -> threading.Lock:
        """Each function has its own: while one is imported others are forked."""
        return self._locks.setdefault(function, threading.Lock())

    def _fork(self, function: str, handler: str, told: Mapping[str, Any], log: IO[str]) -> Forked:
        snapshot = self._made.get(function)
        if snapshot is None and function in self._asked:
            snapshot = self._nursery.snapshot(handler, told)
        self._asked.add(function)
        if snapshot is not None:
            with contextlib.suppress(OSError, EOFError):
                names = [*self._nursery.names(handler), *self._own[handler]]
                forked = Forked(*snapshot.fork(worker.FORK, log.fileno(), names), snapshot)
                self._made[function] = snapshot
                return forked
            self._made.pop(function, None)  # gone, or its code has changed: the next one is made anew
            snapshot.close()
        return self._nursery.fork(handler, log)

    def learn(self, handler: str, names: Iterable[str]) -> None:
        """Modules of its own that a sandbox of a handler has loaded, and clients that it has made."""
        if names:
            with self._learning:  # another than that of a fork, which takes its time
                self._own[handler] = list(dict.fromkeys([*self._own[handler], *names]))

    def close(self) -> None:
        """Ends them; sandboxes are to be killed before."""
        for snapshot in list(self._made.values()):
            snapshot.close()
        self._made.clear()


@cache
def shared() -> Nursery:
    """The one of this process, for one stack after the other; it ends with it."""
    nursery = Nursery(remembers=True)
    atexit.register(nursery.close)
    return nursery
