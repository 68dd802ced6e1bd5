"""Watches moto's Step Functions engine: which state is entered, for which item; and shortens its waits.

moto drops the histories of a Distributed Map's items, so every state, at whatever depth, is reported from here.
"""

import threading
import time
import types
from typing import Any

from local.stack import Event, Stack

BROKEN = "a fault of this test's"
"""Says of an error that a test has made it (`faults.py`): it comes so many times, and waiting does not heal it."""


class _Installed:
    aws: Stack | None = None
    scale = 1.0
    done = False


class _Thread(threading.local):
    """What the state that this thread evaluates has failed with."""

    is_broken = False


_thread = _Thread()


def install(aws: Stack, time_scale: float) -> None:
    """Reports the states of runs to `aws` from here on."""
    _Installed.aws, _Installed.scale = aws, time_scale
    if _Installed.done:
        return
    _Installed.done = True
    _watch_states()
    _scale_time()


def _watch_states() -> None:
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped, ProgramTimedOut

    original = CommonStateField._eval_body

    def watched(self: Any, env: Any) -> None:
        if _report("entered", self, env):
            return
        try:
            original(self, env)
        except Exception as error:
            # a Fail state, and what nothing catches, leave so
            _note_raised(self, env, error)
            raise
        state = env.program_state()
        if not isinstance(state, ProgramStopped | ProgramTimedOut):
            _report("failed" if isinstance(state, ProgramError) else "exited", self, env)

    CommonStateField._eval_body = watched
    _watch_errors()


def _watch_errors() -> None:
    """Retries and catches: for the journal alone, since no state is entered or left by them."""
    from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
    from moto.stepfunctions.parser.asl.component.common.retry.retry_outcome import RetryOutcome
    from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState

    retry, catch, fail = ExecutionState._handle_retry, ExecutionState._handle_catch, ExecutionState._handle_uncaught

    def retried(self: Any, env: Any, failure_event: Any) -> Any:
        _thread.is_broken = BROKEN in str(self._construct_error_output_value(failure_event=failure_event))
        outcome = retry(self, env, failure_event)
        if outcome == RetryOutcome.CanRetry:
            _note_error("retried", self, env, failure_event)
        return outcome

    def caught(self: Any, env: Any, failure_event: Any) -> None:
        catch(self, env, failure_event)
        if env.stack[-1] == CatchOutcome.Caught:
            _note_error("caught", self, env, failure_event)

    def uncaught(self: Any, env: Any, failure_event: Any) -> None:
        _note_error("caught", self, env, failure_event)
        fail(self, env, failure_event)

    ExecutionState._handle_retry, ExecutionState._handle_catch = retried, caught
    ExecutionState._handle_uncaught = uncaught


def _note_error(kind: str, state: Any, env: Any, failure_event: Any) -> None:
    if _Installed.aws is not None:
        error = state._construct_error_output_value(failure_event=failure_event)
        _Installed.aws.note(_event(kind, state, env), id(env), error)


def _note_raised(state: Any, env: Any, error: Exception) -> None:
    if _Installed.aws is not None:
        details = getattr(getattr(error, "failure_event", None), "event_details", None) or {}
        told: Any = next(iter(details.values()), {})
        data = {"Error": told.get("error") or type(error).__name__, "Cause": told.get("cause") or str(error)}
        _Installed.aws.note(_event("failed", state, env), id(env), data)


def _event(kind: str, state: Any, env: Any) -> Event:
    context, value = env.states.context_object.context_object_data, _item(env)
    return Event(kind, context["Execution"]["Id"], _label(value), state.name, type(state).__name__, time.time(), value)


def _report(kind: str, state: Any, env: Any) -> bool:
    """Tells of a state; True when the run was stopped because of it."""
    if _Installed.aws is None:
        return False
    event = _event(kind, state, env)
    _Installed.aws.note(event, id(env), env.states.get_input())
    if not _Installed.aws.emit(event):
        return not env.is_running()  # stopped meanwhile, by another thread of the run
    _Installed.aws.stop(event.run)
    _Installed.aws.workers.kill()
    return True


def _item(env: Any) -> Any:
    mapped = env.states.context_object.context_object_data.get("Map")
    return None if mapped is None else mapped["Item"]["Value"]


def _label(value: Any) -> str:
    if not isinstance(value, dict) or "feed" not in value:
        return ""
    feed = f"{value['tenant']}/{value['feed']}"
    files = [value] if "path" in value else [file for file in value.get("files") or () if isinstance(file, dict)]
    if not files:
        return feed
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{feed} {files[0]['path'].rsplit('/', 1)[-1]}{more}"


def _scale_time() -> None:
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    from local import glue

    def sleep(seconds: float) -> None:
        if not _thread.is_broken:
            time.sleep(seconds * _Installed.scale)

    retrier_decl.time = types.SimpleNamespace(sleep=sleep)
    # a run that waits for a Glue job asks every so often; on this machine it is told when to
    state_task_service_callback.time = types.SimpleNamespace(sleep=lambda seconds: glue.ends.wait())

    def wait(self: Any, env: Any, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds * _Installed.scale
        while env.is_running() and (left := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    WaitFunction._wait_interval = wait
