"""In which order the tests run, and what processes tell of them (tests/conftest.py)."""

from types import SimpleNamespace
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.conftest import QUICK, ROOT, Together, dealt, pytest_collection_modifyitems, quietly, scope_of


def item(name: str, path: str, **marks: Any) -> Any:
    found = {mark: SimpleNamespace(kwargs=settings) for mark, settings in marks.items()}
    where = ROOT / "tests" / path
    return SimpleNamespace(
        name=name, nodeid=f"tests/{path}::{name}", path=where, get_closest_marker=found.get, fixturenames=()
    )


def ordered(*items: Any) -> str:
    listed = list(items)
    pytest_collection_modifyitems(listed)
    return " ".join(each.name for each in listed)


def test_the_longest_start_first_and_what_waits_is_dealt_among_them() -> None:
    waiting = [item(f"w{number}", "contract/test_servers_ftp.py") for number in range(4)]
    units = [item(name, "unit/test_x.py") for name in "abcd"]
    long = [item("slow", "unit/test_x.py", slow={}), item("soak", "unit/test_y.py", slow={"seconds": 300})]
    assert ordered(*units, *waiting, *long) == "soak w0 w1 slow w2 w3 a b c d"
    assert ordered(*units, *waiting) == "a w0 b w1 c w2 d w3"
    assert ordered(*units) == "a b c d"
    assert ordered(*waiting) == "w0 w1 w2 w3"


def test_what_stays_in_one_process_counts_as_all_of_it() -> None:
    alone = item("alone", "unit/test_y.py", slow={"seconds": 25})
    together = [item(name, "e2e/test_x.py", slow={"seconds": 15}) for name in ("first", "second")]
    apart = [item(name, "unit/test_x.py", slow={"seconds": 15}) for name in ("one", "other")]
    assert ordered(*apart, alone, *together) == "first second alone one other"


def test_every_test_is_dealt_once_in_its_order() -> None:
    for some, others in ((7, 3), (3, 7), (0, 2), (2, 0), (5, 5)):
        first = [item(f"s{number}", "unit/test_x.py") for number in range(some)]
        second = [item(f"o{number}", "unit/test_x.py") for number in range(others)]
        names = [each.name for each in dealt(first, second)]
        assert [name for name in names if name[0] == "s"] == [each.name for each in first]
        assert [name for name in names if name[0] == "o"] == [each.name for each in second]


class Process:
    """What the scheduler knows of one: the tests it is told to run, by their places."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.told: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, places: list[int]) -> None:
        self.told += places

    def shutdown(self) -> None:
        self.shutting_down = True


class Plain(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """As xdist does it."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


NAMES = [
    *(f"tests/unit/test_x.py::test_one[{number}]" for number in range(20)),
    *(f"tests/e2e/test_y.py::test_of_a_stack[{number}]" for number in range(5)),
    *(f"tests/contract/test_editor.py::test_{name}" for name in ("one", "other")),
    *(f"tests/unit/test_z.py::test_other[{number}]" for number in range(20)),
]


def started(kind: type[LoadScopeScheduling], numprocesses: int = 3) -> tuple[Any, list[Process]]:
    config: Any = SimpleNamespace(
        option=SimpleNamespace(loadscopereorder=False), getvalue=lambda _: ["popen"] * numprocesses, rootpath=ROOT
    )
    scheduling = kind(config, SimpleNamespace(loadscopesched=lambda *_: None))
    processes = [Process(f"gw{number}") for number in range(numprocesses)]
    for process in processes:
        scheduling.add_node(process)
    for process in processes:
        scheduling.add_node_collection(process, list(NAMES))
    scheduling.schedule()
    return scheduling, processes


@pytest.mark.parametrize("speeds", [(1, 1, 1), (5, 1, 2), (1, 30, 1)])
def test_processes_are_told_the_same_tests_as_by_xdist_itself(speeds: tuple[int, ...]) -> None:
    said = []
    for kind in (Plain, Together):
        scheduling, processes = started(kind)
        done = [0, 0, 0]
        while not scheduling.tests_finished:
            for at, process in enumerate(processes):
                for place in process.told[done[at] : done[at] + speeds[at]]:
                    scheduling.mark_test_complete(process, place)
                    done[at] += 1
        said.append([process.told for process in processes])
    assert said[0] == said[1]
    assert sorted(place for told in said[0] for place in told) == list(range(len(NAMES)))


def test_what_shares_something_is_told_to_one_process() -> None:
    assert len({scope_of(name) for name in NAMES}) == 20 + 1 + 1 + 20
    assert scope_of("tests/unit/test_editor.py::test_one") != scope_of("tests/unit/test_editor.py::test_other")


def test_what_a_process_that_died_had_not_run_is_run_by_others() -> None:
    scheduling, (dying, *others) = started(Together)
    run = [dying.told[0]]
    scheduling.mark_test_complete(dying, run[0])
    assert scheduling.remove_node(dying) == NAMES[dying.told[1]]
    while scheduling.has_pending:
        for process in others:
            for place in process.told:
                if place not in run:
                    run.append(place)
                    scheduling.mark_test_complete(process, place)
    assert sorted(run) == list(range(len(NAMES)))


def test_what_is_done_with_is_not_counted_through_again() -> None:
    scheduling, processes = started(Together)
    for process in processes:
        for place in process.told:  # grows as it is told more
            scheduling.mark_test_complete(process, place)
        assert len(scheduling.assigned_work[process]) <= 3


REPORT: dict[str, Any] = {
    "nodeid": "test_x", "outcome": "passed", "when": "setup", "duration": 0.01, "sections": [], "user_properties": [],
    "keywords": {"test_x": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"when": "teardown"}, None),
        ({"when": "call"}, {"keywords": {}}),
        ({"duration": QUICK}, {"keywords": {}}),
        ({"outcome": "failed"}, {}),
        ({"outcome": "skipped"}, {}),
        ({"sections": [("Captured stdout setup", "a line")]}, {}),
        ({"user_properties": [("a", 1)]}, {}),
    ],
)
def test_what_a_process_tells_of_a_test(changes: dict[str, Any], told: dict[str, Any] | None) -> None:
    said: list[Any] = []
    quietly(lambda name, **what: said.append((name, what)))("testreport", data=REPORT | changes)
    assert said == ([] if told is None else [("testreport", {"data": REPORT | changes | told})])


def test_all_else_is_told_as_it_is() -> None:
    said: list[Any] = []
    send = quietly(lambda name, **what: said.append((name, what)))
    for name in ("logstart", "logfinish", "collectionfinish", "runtest_protocol_complete", "warning_recorded"):
        send(name, of="test_x")
    assert said == [
        (name, {"of": "test_x"}) for name in ("collectionfinish", "runtest_protocol_complete", "warning_recorded")
    ]
