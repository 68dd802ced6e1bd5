"""Runs one state machine on moto with every shim but one: `python shim_probe.py NAME [WITHOUT]`.

Prints the execution's status and output; a crash counts as an outcome, too.
"""

import json
import sys
import time
from typing import Any

PASS = {"Type": "Pass", "End": True}
GLUE = "arn:aws:states:::aws-sdk:glue:getCrawler"


def machine(**states: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}


MACHINES: dict[str, dict[str, Any]] = {
    "jsonata_is_evaluated": machine(A={**PASS, "Output": "{% $hash('a', 'SHA-256') %}"}),
    "string_variables_keep_their_quotes": machine(
        A={"Type": "Pass", "Assign": {"x": "{% $states.input.text %}"}, "Next": "B"},
        B={**PASS, "Output": {"out": "{% $x %}"}},
    ),
    "service_names_are_those_of_aws": machine(
        A={
            "Type": "Task",
            "Resource": GLUE,
            "Arguments": {"Name": "nowhere"},
            "Catch": [{"ErrorEquals": ["Glue.EntityNotFoundException"], "Next": "B"}],
            "End": True,
        },
        B={**PASS, "Output": {"out": "caught"}},
    ),
    "glue_jobs_run_synchronously": machine(
        A={
            "Type": "Task",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Arguments": {"JobName": "there"},
            "Output": {"out": "{% $states.result.JobRunState %}"},
            "End": True,
        }
    ),
    "executions_get_names": machine(
        A={**PASS, "Output": {"out": "{% $length($states.context.Execution.Name) = 36 %}"}}
    ),
}


def _name(machine: str) -> dict[str, str]:
    return {} if machine == "executions_get_names" else {"name": "run"}


def outcome(name: str, without: str) -> str:
    """Status and output of the named machine."""
    import logging

    from moto import mock_aws

    from local import session, shims

    logging.disable(logging.CRITICAL)
    shims.apply(leave_out=without)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        glue, states = session.client("glue"), session.client("stepfunctions")
        glue.create_crawler(Name="there", Role="r", DatabaseName="d", Targets={"S3Targets": [{"Path": "s3://b/"}]})
        glue.create_job(Name="there", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://b/j.py"})
        made = states.create_state_machine(
            name="m", definition=json.dumps(MACHINES[name]), roleArn="arn:aws:iam::123456789012:role/r"
        )
        run = states.start_execution(
            stateMachineArn=made["stateMachineArn"], input=json.dumps({"text": 'say "hi"\n'}), **_name(name)
        )["executionArn"]
        deadline = time.monotonic() + 20
        while (told := states.describe_execution(executionArn=run))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                return "RUNNING for ever"
            time.sleep(0.02)
        return f"{told['status']} {told.get('output')}"


if __name__ == "__main__":
    try:
        print(outcome(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
    except Exception as error:
        print(type(error).__name__, error)
