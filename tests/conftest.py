"""Fixtures every layer of the tests uses."""

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests import engines, known_calls, known_clients
from tests.kept_clients import kept_clients

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_EC2_METADATA_DISABLED="true",
)
os.environ.pop("AWS_PROFILE", None)
known_clients.apply()
known_calls.apply()

# how long an example takes says how busy the machine is
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# what is imported and collected stays: no collector has to look through thousands of tests again and again
gc.disable()

ROOT = Path(__file__).parent.parent
RUN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:run-1"
OTHER_RUN = RUN.replace("run-1", "run-2")


def called(request_id: str = "request-1") -> SimpleNamespace:
    """What Lambda's runtime tells a handler about the call ("Lambda context object in Python")."""
    return SimpleNamespace(
        function_name="lakeferry",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:lakeferry",
        aws_request_id=request_id,
    )


def feed_document(**changes: Any) -> dict[str, Any]:
    """A valid SFTP feed document; `changes` replace top-level keys."""
    document: dict[str, Any] = {
        "tenant": "acme",
        "feed": "daily_sales",
        "server": {
            "protocol": "sftp",
            "host": "files.acme.example",
            "username": "lake",
            "secret": "lakeferry/acme/daily_sales",
            "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"],
        },
        "files": {"directory": "/outgoing", "pattern": "sales_{date:%Y%m%d}*.csv*", "settle_seconds": 0},
        "format": {"type": "csv"},
        "checks": {"columns": [{"name": "order_id", "type": "int64"}, {"name": "amount", "type": "decimal(12,2)"}]},
        "dataset": "sales",
    }
    return document | changes


WITHOUT_SESSION = {"test_benchmarks.py", "test_crash.py", "test_crawler.py", "test_job_process.py"}
"""Modules of tests/glue that use no Spark of the tests' own: whichever process is free takes them."""


SHARING = {"test_editor.py", "test_installing.py"}
"""Modules of tests/contract whose tests share what takes seconds to start: one process has all of each."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(engines.OPTION, action="store_true", help="only tests that differ by the engine that is forced")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    with engines.without_engines(*place_of(item.nodeid)):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest starts first, dealt out with it what mostly waits: so no core is idle, first or last.

    What has to stay in one process takes as long as all of it.
    """
    for item in items:
        if place_of(item.nodeid)[1] in WITHOUT_SESSION and "spark" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid} uses the Spark session: its module is not one of WITHOUT_SESSION")
    long, waiting, others = [], [], []
    for item in items:
        if seconds(item):
            long.append(item)
        elif is_waiting(item.nodeid):
            waiting.append(item)
        else:
            others.append(item)
    together: dict[str, float] = defaultdict(float)
    for item in long:
        together[scope_of(item.nodeid)] += seconds(item)
    long.sort(key=lambda item: together[scope_of(item.nodeid)], reverse=True)
    items[:] = dealt(long, waiting) + others if long else dealt(others, waiting)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
    # tests make and forget much: to look through what is young after every 700 objects is a twentieth of all they cost
    gc.set_threshold(20_000, 20, 20)


QUICK = 0.05
"""Seconds: set-ups and tear-downs that pass within them are not reported to the process that prints."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """xdist tells seven things of each test, one millisecond of a core each ten thousand times: here what is looked at.

    What fails, is skipped, prints, or warns is told in full.
    """
    if not hasattr(session.config, "workerinput") or session.config.get_verbosity() > 0:
        return
    for plugin in session.config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            plugin.sendevent = quietly(plugin.sendevent)


def quietly(send: Callable[..., None]) -> Callable[..., None]:
    """A way to tell without what nobody looks at."""

    def sendevent(name: str, **said: Any) -> None:
        if name in {"logstart", "logfinish"}:  # printed by `-v` alone
            return
        if name == "testreport":
            report = said["data"]
            if report["outcome"] == "passed" and not report["sections"] and not report["user_properties"]:
                if report["when"] != "call" and report["duration"] < QUICK:
                    return
                said = {"data": report | {"keywords": {}}}
        send(name, **said)

    return sendevent


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(engines.OPTION):
        config.pluginmanager.register(engines.Differing(place_of))
    # at the very end, after pytest has collected garbage twice: extensions tell then what was never let go
    config.add_cleanup(gc.unfreeze)


def scope_of(nodeid: str) -> str:
    """What the test shares a Spark session, a stack of the local AWS or a server with."""
    room, name = place_of(nodeid)
    if room == "glue" and name not in WITHOUT_SESSION:
        return "glue"
    is_sharing = room in {"local", "glue", "e2e", "journeys"} or (room == "contract" and name in SHARING)
    return nodeid.partition("::")[0] if is_sharing else nodeid


def place_of(nodeid: str) -> tuple[str, str]:
    """The room of the test's module, and the name of its file. Ten thousand paths are half a second a process."""
    folder, _, name = nodeid.partition("::")[0].rpartition("/")
    return folder.rpartition("/")[2], name


def is_waiting(nodeid: str) -> bool:
    """Whether the test mostly waits for servers."""
    room, name = place_of(nodeid)
    return room == "contract" and name.startswith(("test_servers", "test_quirks"))


def seconds(item: pytest.Item) -> float:
    """About as long does it have a core; 0 for most."""
    marker = item.get_closest_marker("spark") or item.get_closest_marker("slow")
    return float(marker.kwargs.get("seconds", 10)) if marker else 0.0


def dealt(some: list[pytest.Item], others: list[pytest.Item]) -> list[pytest.Item]:
    """Each of the one, followed by its share of the others; both stay in their order."""
    places = [
        (place / len(each), turn, item) for turn, each in enumerate((some, others)) for place, item in enumerate(each)
    ]
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """What shares a Spark session or a stack of the local AWS stays in one process.

    xdist's own `loadgroup` knows nothing of groups with pytest 9.2: it writes them into a name pytest no longer reads.
    For each test that ends it counts through all that the process ever had, and looks for the next one's name in a list
    of all: half a millisecond of a core that the tests could have.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = Names(self.registered_collections[node])

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        work = self.assigned_work[node]
        scope = scope_of(self.registered_collections[node][item_index])
        if all(work[scope].values()):
            del work[scope]


class Names(list[str]):
    """Of tests, each of which is found at once."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(names)
        self._places = {name: place for place, name in enumerate(self)}

    def index(self, name: str, *_: Any) -> int:
        return self._places[name]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


@pytest.fixture
def aws() -> Iterator[None]:
    """AWS in this process, empty."""
    from moto import mock_aws

    from local import moto_shims

    moto_shims.apply()
    known_clients.apply_to_moto()
    known_calls.apply_to_moto()
    with mock_aws(), kept_clients():
        yield
