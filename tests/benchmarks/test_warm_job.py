"""What a warm stack's job took is read off the state machine's events: of the job's state, and of no other."""

import pytest

from benchmarks import warm_job
from benchmarks.warm_job import STATE, JobWatch, Ran, told
from local.stack import Event


def event(kind: str, state: str, time: float, item: str = "") -> Event:
    return Event(kind, "run", item, state, "Task", time, None)


def test_the_jobs_seconds_are_those_of_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([2.0, 2.5, 3.0, 7.0])
    monkeypatch.setattr(warm_job, "_job_processes", lambda: [1])
    monkeypatch.setattr(warm_job, "cpu_seconds", lambda pid: next(used))
    watch = JobWatch()
    for kind, state, time, item in [
        ("entered", "Start crawler", 1, ""),
        ("exited", "Start crawler", 9, ""),
        ("entered", STATE, 10, ""),
        ("entered", STATE, 10.5, "acme/sales"),
        ("exited", STATE, 10.75, ""),
        ("entered", STATE, 20, ""),
        ("failed", STATE, 22, ""),
    ]:
        watch(event(kind, state, time, item))
    assert watch.runs == [Ran(0.75, 0.5), Ran(2, 4.0)]


@pytest.mark.parametrize(("seconds", "verdict"), [((9, 0.5, 0.75, 2), "met"), ((0.5, 2, 2, 0.5), "missed")])
def test_the_first_run_does_not_count(
    seconds: tuple[float, ...], verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    met = told("small", [Ran(each, 0.25) for each in seconds])
    said = capsys.readouterr().out
    assert (met, said.strip().endswith(f"(target 1 s: {verdict})")) == (verdict == "met", True)
    assert said.startswith(f"small: {seconds[0]:.2f} s in the first run, {seconds[1]:.2f} s in the second")
