"""What stock moto 5.2.5 lacks for Lakeferry's state machine: one small function each.

What it lacks for the functions alone is in local/moto_shims.py, and applied from here, too. Every shim has a test in
tests/local/test_shims.py that fails once moto no longer needs it. moto is pinned exactly, because these functions
replace parts of it that have no public interface.
"""

import datetime as dt
import functools
import hashlib
import json
import pickle
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local import compiled, moto_objects, moto_requests, moto_services, moto_shims

SHIMS: list[Callable[[], None]] = []


def shim(function: Callable[[], None]) -> Callable[[], None]:
    """Registers a shim; `apply` runs them in order."""
    SHIMS.append(function)
    return function


_applied: set[str] = set()


def apply(leave_out: str = "") -> None:
    """Puts every shim in place, once a process.

    Args:
        leave_out: Name of one that a test wants to see missed.
    """
    moto_shims.apply(leave_out)
    for function in SHIMS:
        if function.__name__ not in {*_applied, leave_out}:
            _applied.add(function.__name__)
            function()


def _replace_everywhere(name: str, value: Any) -> None:
    """moto's modules import each other's functions by name, so each copy is replaced."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("moto.stepfunctions") and hasattr(module, name):
            setattr(module, name, value)


@shim
def services_no_template_has_are_not_loaded() -> None:
    """moto loads the models of each service that CloudFormation could make something of."""
    with moto_services.left_out():
        import moto.cloudformation.parsing
        import moto.stepfunctions.parser.asl.parse.asl_parser  # noqa: F401


@shim
def folders_of_moto_are_listed_once() -> None:
    """For each request moto's server looks whether a folder of moto's is called as the host is: 200 calls of stat."""
    from moto import backends

    backends.list_of_moto_modules = functools.cache(lambda list_them=backends.list_of_moto_modules: {*list_them()})


@shim
def jsonata_is_evaluated() -> None:
    """moto evaluates JSONata with a Java library it does not ship; jsonata-python does it here."""
    import moto.stepfunctions.parser.asl.parse.asl_parser  # noqa: F401  (loads every user of the evaluator)
    from moto.stepfunctions.parser.asl.component.intrinsic import jsonata as intrinsic
    from moto.stepfunctions.parser.asl.jsonata import jsonata as engine

    for name in _aws_functions():
        intrinsic._DECLARATION_BY_VARIABLE_REFERENCE.pop(f"${name}")  # those that say they are not there, and worse

    def evaluate(expression: str) -> Any:
        from local import expressions

        try:
            result = expressions.evaluate(expression, _aws_functions())
            return None if result is None else json.loads(json.dumps(result))
        except Exception as error:
            raise engine.JSONataException("States.QueryEvaluationError", str(error)) from error

    _replace_everywhere("_eval_jsonata", evaluate)
    engine._eval_jsonata = evaluate


def _aws_functions() -> dict[str, Callable[..., Any]]:
    """Functions Step Functions adds to JSONata ("Transforming data with JSONata in Step Functions")."""
    return {"uuid": lambda: str(uuid.uuid4()), "parse": json.loads, "hash": _hash}


def _hash(data: str, algorithm: str = "SHA-1") -> str:
    return hashlib.new(algorithm.replace("-", ""), data.encode(), usedforsecurity=False).hexdigest()


@shim
def string_variables_keep_their_quotes() -> None:
    """moto writes variables into the expression without encoding them: a quote in one ends it."""
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    def declare(bindings: Mapping[str, Any]) -> str:
        return "".join(f"{name}:={to_json_str(value)};" for name, value in bindings.items())

    _replace_everywhere("encode_jsonata_variable_declarations", declare)


@shim
def service_names_are_those_of_aws() -> None:
    """Errors of `aws-sdk:glue` begin with `Glue.`, and so on, as AWS's do."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk as sdk

    sdk._SERVICE_ERROR_NAMES.update(glue="Glue", s3="S3", sqs="Sqs", sns="Sns")


def json_dates(value: Any) -> Any:
    """The value with each date as Step Functions writes it."""
    if isinstance(value, dict):
        return {key: json_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_dates(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


@shim
def glue_jobs_run_synchronously() -> None:
    """moto supports `glue:startJobRun.sync` by name only: waiting for the run always fails."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_glue as glue
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
        StateTaskServiceCallback,
    )

    glue._SUPPORTED_INTEGRATION_PATTERNS.add(ResourceCondition.WaitForTaskToken)
    original = StateTaskServiceCallback._eval_integration_pattern

    def with_dates(self: Any, env: Any, *args: Any, **named: Any) -> None:
        original(self, env, *args, **named)
        env.stack[-1] = json_dates(env.stack[-1])

    StateTaskServiceCallback._eval_integration_pattern = with_dates


@shim
def first_in_first_out_queues_get_names() -> None:
    """moto makes up a queue's name without the `.fifo` it then asks for; CloudFormation adds it."""
    from moto.sqs.models import Queue

    original = Queue.create_from_cloudformation_json.__func__

    def create(cls: Any, resource_name: str, cloudformation_json: Any, *args: Any, **named: Any) -> Any:
        fifo = cloudformation_json["Properties"].get("FifoQueue") in (True, "true")
        suffix = ".fifo" if fifo and not resource_name.endswith(".fifo") else ""
        return original(cls, resource_name[: 80 - len(suffix)] + suffix, cloudformation_json, *args, **named)

    Queue.create_from_cloudformation_json = classmethod(create)


@shim
def executions_get_names() -> None:
    """moto calls every execution that was started without a name `None`; AWS makes a UUID."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    original = StepFunctionsParserBackend.start_execution

    def start(self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **named: Any) -> Any:
        return original(self, state_machine_arn, name or str(uuid.uuid4()), *args, **named)

    StepFunctionsParserBackend.start_execution = start


@shim
def clients_are_reused() -> None:
    """moto makes a boto3 client for each task: 15 ms each, and not thread-safe."""
    from moto.stepfunctions.parser.asl.utils import boto_client

    original, clients, lock = boto_client.boto_client_for, dict[tuple[str, str], Any](), threading.Lock()

    def cached(region: str, service: str, state_credentials: Any = None) -> Any:
        with lock:
            if (region, service) not in clients:
                clients[region, service] = original(region, service)
            return clients[region, service]

    _replace_everywhere("boto_client_for", cached)


@shim
def machines_are_parsed_once() -> None:
    """moto parses a machine when it is made and again for each run; what the parser makes of a text is kept."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    original = AmazonStateLanguageParser.parse

    def parse(definition: str) -> Any:
        program = compiled.kept(
            "machine",
            # the parser hands on what the shims in place have changed, such as which integrations may be waited for
            [definition.encode(), Path(__file__).read_bytes(), " ".join(sorted(_applied)).encode()],
            ["moto", "antlr4-python3-runtime"],
            lambda: pickle.dumps(original(definition)[0]),
        )
        # a program of its own for each run; the tree it was made from is for analyses that are not run
        return pickle.loads(program), None  # noqa: S301  (written here)

    AmazonStateLanguageParser.parse = staticmethod(parse)


@shim
def templates_are_read_as_json() -> None:
    """moto reads every template with the YAML parser that is written in Python; ours comes as JSON."""
    from moto.cloudformation.models import Stack

    original = Stack.parse_template

    def parse(template: str) -> Any:
        return json.loads(template) if template.startswith("{") else original(template)

    Stack.parse_template = staticmethod(parse)


@shim
def names_of_resources_stay() -> None:
    """moto draws the end of each name anew at every start; AWS does once for a stack, and so may a machine be kept."""
    from moto.cloudformation import parsing

    original = parsing.generate_resource_name

    def generate(resource_type: str, stack_name: str, logical_id: str) -> str:
        drawn = original(resource_type, stack_name, logical_id)
        head, _, suffix = drawn.rpartition("-")
        told = hashlib.sha256(f"{stack_name} {resource_type} {logical_id}".encode()).hexdigest()[: len(suffix)]
        return f"{head}-{told if drawn.islower() else told.upper()}"

    parsing.generate_resource_name = generate


@shim
def schedules_match_no_event() -> None:
    """moto hands every event on the bus to the targets of a rule with a schedule, and fails at functions."""
    from moto.events.models import Rule

    original = Rule.send_to_targets

    def send(self: Any, *arguments: Any, **named: Any) -> None:
        if not self.scheduled_expression:
            original(self, *arguments, **named)

    Rule.send_to_targets = send


shim(moto_requests.tables_are_asked_at_once)
shim(moto_objects.objects_are_asked_at_once)
