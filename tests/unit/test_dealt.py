"""In which order the tests run (tests/conftest.py)."""

from types import SimpleNamespace
from typing import Any

from tests.conftest import ROOT, dealt, pytest_collection_modifyitems


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
