"""A deployed stack in moto, as the command line finds it: tables as the template has them, topic, queue, machine."""

import json
from typing import Any

import boto3

from local.still import tables_of_template

MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


def deployed(name: str = "lakeferry") -> dict[str, str]:
    """Its resources by logical id."""
    boto3.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")
    role = boto3.client("iam").get_role(RoleName="machine")["Role"]["Arn"]
    resources: dict[str, Any] = {
        logical: {"Type": "AWS::DynamoDB::Table", "Properties": definition}
        for logical, definition in tables_of_template().items()
    }
    resources |= {
        **{name: {"Type": "AWS::S3::Bucket"} for name in ("LakeBucket", "InboxBucket", "WorkBucket")},
        "NotificationTopic": {"Type": "AWS::SNS::Topic"},
        "DeadLetterQueue": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True, "QueueName": f"{name}.fifo"}},
        "FunctionLogGroup": {"Type": "AWS::Logs::LogGroup"},
        "IngestStateMachine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                **{"StateMachineName": f"{name}-ingest", "RoleArn": role, "DefinitionString": json.dumps(MACHINE)},
            },
        },
    }
    formation = boto3.client("cloudformation")
    formation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    found = formation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
