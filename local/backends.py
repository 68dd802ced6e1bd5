"""moto's backends with a real part behind them: functions run, jobs and crawls happen, objects are files."""

import json
from pathlib import Path
from typing import Any

from moto.awslambda import models as lambda_models
from moto.glue import models as glue_models
from moto.sns import models as sns_models

from local import glue, s3_files
from local.lambdas import Function, Workers
from local.session import ACCOUNT, REGION
from local.stack import Mail, Stack

_functions: dict[str, Function] = {}


class _Pool:
    workers: Workers | None = None


class LocalLambdaBackend(lambda_models.LambdaBackend):
    """moto's Lambda, but an invocation runs the real handler in a worker process."""

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        found = self.get_function(function_name, qualifier)
        assert _Pool.workers is not None  # noqa: S101  (set before anything is deployed)
        answer, failed = _Pool.workers.invoke(_functions[found.function_name], json.loads(body) if body else {})
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["Content-Length"] = str(len(answer.encode()))
        return answer.encode()


LocalLambdaBackend.__module__ = lambda_models.__name__


def install(aws: Stack) -> None:
    """Puts the backends in place of moto's, and the crawler and job of this machine behind Glue."""
    lambda_models.lambda_backends.backend = LocalLambdaBackend
    glue_models.glue_backends.backend = glue.LocalGlueBackend
    s3_files.install()
    _functions.clear()
    _Pool.workers = aws.workers

    def crawl(name: str) -> None:
        from local import crawler

        crawler.crawl(aws, name)

    def run_job(name: str, arguments: Any) -> tuple[bool, str]:
        from local import glue_job

        return glue_job.run_job(aws, name, arguments, aws.work_folder / "jobs")

    glue.hooks.crawl, glue.hooks.run_job = crawl, run_job


def is_running(run: str) -> bool:
    """Whether an execution that exists has not ended."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    status: str = stepfunctions_parser_backends[ACCOUNT][REGION].describe_execution(run).status
    return status == "RUNNING"


def deploy_functions(aws: Stack) -> None:
    """Reads the deployed functions; their code is their folder."""
    backend = lambda_models.lambda_backends[ACCOUNT][REGION]
    for logical, found in aws.template["Resources"].items():
        if found["Type"] != "AWS::Lambda::Function":
            continue
        deployed = backend.get_function(aws.resources[logical])
        _functions[deployed.function_name] = Function(
            name=deployed.function_name,
            arn=deployed.function_arn,
            handler=deployed.handler,
            folder=Path(aws.code[logical]),
            timeout=float(deployed.timeout),
            memory_mb=int(deployed.memory_size),
            environment={name: str(value) for name, value in deployed.environment_vars.items()},
        )


def functions() -> list[Function]:
    """The stack's functions."""
    return list(_functions.values())


def environment_for_sam(aws: Stack) -> dict[str, dict[str, str]]:
    """The `--env-vars` file of `sam local invoke`: only variables the template declares are passed on by it."""
    names = {physical: logical for logical, physical in aws.resources.items()}
    endpoint = aws.endpoint
    return {
        names[found.name]: {**found.environment, "AWS_ENDPOINT_URL": endpoint}
        for found in functions()
        if found.name in names
    }


def mails() -> list[Mail]:
    """Every notification of the account's topics, in the order it was published."""
    sent = []
    for topic in sns_models.sns_backends[ACCOUNT][REGION].topics.values():
        for _, message, subject, attributes, _ in topic.sent_notifications:
            values = {name: str(found.get("Value", "")) for name, found in (attributes or {}).items()}
            sent.append(Mail(topic.name, subject or "", message, values))
    return sent
