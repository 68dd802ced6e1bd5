"""Which tests come out otherwise by the engine: `make test-engines` runs those, `make test` has run the others alike.

Without a word, jobs of this machine have small partitions built by Arrow (`local/engines.py`), and tests/glue has both
engines or Spark (tests/glue/conftest.py). So with Spark forced a test differs where a job runs in a process, and with
`small` forced where tests/glue has Spark alone. What runs no job need not run twice; that it runs none is held always.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from local.engines import ENGINE, forced

OPTION = "--where-engines-differ"
NO_JOB = "none, since its module is listed as one that starts no job"
"""As the engine that is forced: whoever is about to run a job says that there is none of that name."""

WITHOUT_JOB = {
    "local": {
        "test_compiled.py",
        "test_console.py",
        "test_console_browser.py",
        "test_console_pages.py",
        "test_expressions.py",
        "test_first_deployment.py",
        "test_http_server.py",
        "test_job_ends.py",
        "test_lambdas.py",
        "test_s3_files.py",
        "test_shims.py",
        "test_spark_archive.py",
        "test_sql.py",
        "test_stack.py",
        "test_state.py",
        "test_still.py",
    },
}
"""Room → modules none of whose tests has a job run."""

IN_A_PROCESS = {"test_crash.py", "test_job_process.py", "test_local_run.py"}
"""Modules of tests/glue that have jobs run as the state machine starts them here, or in a process of their own."""


def starts_no_job(room: str, name: str) -> bool:
    """Whether the module is listed as one that has no job run."""
    return name in WITHOUT_JOB.get(room, ())


@contextmanager
def without_engines(room: str, name: str) -> Iterator[None]:
    """Lets no job run where none should be, whatever engine is asked for."""
    if not starts_no_job(room, name):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENGINE, NO_JOB)
        yield


def differs(item: pytest.Item, room: str, name: str) -> bool:
    """Whether the test comes to something else by the engine that is forced than it does without a word."""
    if starts_no_job(room, name):
        return False
    if forced() == "spark":
        return room != "glue" or name in IN_A_PROCESS
    module = getattr(item, "module", None)
    is_sparks = getattr(item, "originalname", "") in getattr(module, "SPARKS_ALONE", ())
    has_both = getattr(module, "BOTH_ENGINES", False)
    return room == "glue" and "lake" in getattr(item, "fixturenames", ()) and not is_sparks and not has_both


class Differing:
    """A plugin of pytest's that leaves out the other tests."""

    def __init__(self, place_of: Callable[[str], tuple[str, str]]) -> None:
        """
        Args:
            place_of: Of a test's id, its room and the name of its file.
        """
        self._place_of = place_of

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        there = [(item, differs(item, *self._place_of(item.nodeid))) for item in items]
        config.hook.pytest_deselected(items=[item for item, does in there if not does])
        items[:] = [item for item, does in there if does]
