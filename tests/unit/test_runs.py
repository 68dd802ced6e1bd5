"""Whether a run that holds a claim is still at work."""

import boto3
import pytest

from lakeferry.runs.running import RunningRuns

DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'


def test_an_execution_step_functions_does_not_know_is_dead(aws: None) -> None:
    states = boto3.client("stepfunctions")
    assert not RunningRuns(states)("arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:gone")


@pytest.mark.parametrize("stopped", [False, True])
def test_a_running_execution_is_alive_until_it_is_stopped(aws: None, stopped: bool) -> None:
    states = boto3.client("stepfunctions")
    machine = states.create_state_machine(name="m", definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/r")
    run = states.start_execution(stateMachineArn=machine["stateMachineArn"], name="r")["executionArn"]
    if stopped:
        states.stop_execution(executionArn=run)
    assert RunningRuns(states)(run) is not stopped
