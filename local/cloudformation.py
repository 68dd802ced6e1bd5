"""CloudFormation resource types that moto passes over, made with the services' own API calls.

A subclass of moto's `CloudFormationModel` registers itself by existing; `register` has to run before the first
stack is made. Each entry has a test that fails when moto makes the type itself.
"""

import json
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from local.session import client

# moto says so of each type that it does not make; those that matter are made here, and people read the terminal
warnings.filterwarnings("ignore", message="Tried to parse AWS::", category=UserWarning)

Properties = Mapping[str, Any]
Made = tuple[str, Mapping[str, str]]
"""Physical id, and the attributes `Fn::GetAtt` may ask for."""


def _state_machine(name: str, properties: Properties) -> Made:
    definition = properties.get("DefinitionString") or json.dumps(properties["Definition"])
    for key, value in (properties.get("DefinitionSubstitutions") or {}).items():
        definition = definition.replace("${" + key + "}", str(value))
    left = sorted(set(re.findall(r"\$\{(\w+)\}", definition)))
    if left:
        raise ValueError(f"state machine {name}: no DefinitionSubstitutions for {left}")
    arn = client("stepfunctions").create_state_machine(
        name=properties.get("StateMachineName", name),
        definition=percentages_have_a_point(definition),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType", "STANDARD"),
    )["stateMachineArn"]
    return arn, {"Arn": arn, "Name": arn.rsplit(":", 1)[-1], "StateMachineRevisionId": "INITIAL"}


def percentages_have_a_point(definition: str) -> str:
    """moto's parser refuses whole numbers in `ToleratedFailurePercentage`."""
    return re.sub(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])', r"\1.0", definition)


def _glue_database(name: str, properties: Properties) -> Made:
    client("glue").create_database(DatabaseInput=properties["DatabaseInput"])
    return properties["DatabaseInput"]["Name"], {}


def _glue_table(name: str, properties: Properties) -> Made:
    client("glue").create_table(DatabaseName=properties["DatabaseName"], TableInput=properties["TableInput"])
    return properties["TableInput"]["Name"], {}


def _glue_crawler(name: str, properties: Properties) -> Made:
    name = properties.get("Name", name)
    settings = {key: value for key, value in properties.items() if key not in {"Name", "Schedule", "Tags"}}
    client("glue").create_crawler(Name=name, **settings)
    return name, {}


def _glue_job(name: str, properties: Properties) -> Made:
    name = properties.get("Name", name)
    allowed = client("glue").meta.service_model.operation_model("CreateJob").input_shape.members
    settings = {key: value for key, value in properties.items() if key in allowed and key not in {"Name", "Tags"}}
    for key in ("NumberOfWorkers", "Timeout", "MaxRetries"):
        if key in settings:
            settings[key] = int(settings[key])
    client("glue").create_job(Name=name, **settings)
    return name, {}


def _bucket_policy(name: str, properties: Properties) -> Made:
    # moto enforces bucket policies and leaves out their conditions: "deny unless TLS" would deny everything
    statements = [found for found in properties["PolicyDocument"]["Statement"] if "Condition" not in found]
    if statements:
        document = {**properties["PolicyDocument"], "Statement": statements}
        client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(document))
    return properties["Bucket"] + "-policy", {}


def _queue_policy(name: str, properties: Properties) -> Made:
    for url in properties["Queues"]:
        attributes = {"Policy": json.dumps(properties["PolicyDocument"])}
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return name, {}


def _topic_policy(name: str, properties: Properties) -> Made:
    for arn in properties["Topics"]:
        policy = json.dumps(properties["PolicyDocument"])
        client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return name, {}


def _subscription(name: str, properties: Properties) -> Made:
    arn = client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        Attributes={
            key: json.dumps(value) if isinstance(value, dict) else str(value)
            for key, value in properties.items()
            if key in {"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery"}
        },
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return arn, {"Arn": arn}


def _alarm(name: str, properties: Properties) -> Made:
    name = properties.get("AlarmName", name)
    numbers = {"Period", "EvaluationPeriods", "Threshold", "DatapointsToAlarm"}
    settings = {key: float(value) if key in numbers else value for key, value in properties.items() if key != "Tags"}
    for key in numbers & settings.keys() - {"Threshold"}:
        settings[key] = int(settings[key])
    client("cloudwatch").put_metric_alarm(**{**settings, "AlarmName": name})
    return name, {"Arn": f"arn:aws:cloudwatch:::alarm:{name}"}


def _by_deployment(name: str, properties: Properties) -> Made:
    """What function `job_files` makes."""
    return (_standing_tables if "Database" in properties else _job_files)(name, properties)


def _job_files(name: str, properties: Properties) -> Made:
    """The job runs from its source here, as the functions do: there is no bundle to take files from."""
    return name, {
        key: f"s3://local/{file}" for key, file in {"Script": "start.py", "Modules": "", "Packages": ""}.items()
    }


def _standing_tables(name: str, properties: Properties) -> Made:
    from lakeferry.catalog.putting import put_standing_tables

    database, bucket = properties["Database"], properties["Bucket"]
    put_standing_tables(client("glue"), database, bucket)
    return f"{database}/standing-tables", {}


def _nothing(name: str, properties: Properties) -> Made:
    """Types that change nothing a run on this machine can see."""
    return name, {"Arn": f"arn:aws:local:::{name}"}


TYPES: dict[str, tuple[Callable[[str, Properties], Made], tuple[str, ...]]] = {
    "AWS::StepFunctions::StateMachine": (_state_machine, ("Arn", "Name", "StateMachineRevisionId")),
    "AWS::Glue::Database": (_glue_database, ()),
    "AWS::Glue::Table": (_glue_table, ()),
    "AWS::Glue::Crawler": (_glue_crawler, ()),
    "AWS::Glue::Job": (_glue_job, ()),
    "AWS::Glue::SecurityConfiguration": (_nothing, ()),
    "AWS::S3::BucketPolicy": (_bucket_policy, ()),
    "AWS::SQS::QueuePolicy": (_queue_policy, ()),
    "AWS::SNS::TopicPolicy": (_topic_policy, ()),
    "AWS::SNS::Subscription": (_subscription, ("Arn",)),
    "AWS::CloudWatch::Alarm": (_alarm, ("Arn",)),
    "AWS::CloudFormation::CustomResource": (_by_deployment, ("Script", "Modules", "Packages")),
    "AWS::Lambda::EventInvokeConfig": (_nothing, ()),
    "AWS::Athena::WorkGroup": (_nothing, ()),
    "AWS::Athena::NamedQuery": (_nothing, ()),
}

_registered: list[type] = []


def register() -> None:
    """Makes moto know the types above, once a process."""
    if not _registered:
        _registered.extend(_model(*entry) for entry in TYPES.items())


def _model(resource_type: str, maker: tuple[Callable[[str, Properties], Made], tuple[str, ...]]) -> type:
    from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
    from moto.core.common_models import CloudFormationModel

    make, attributes = maker

    class Model(CloudFormationModel):
        def __init__(self, physical_id: str, values: Mapping[str, str]) -> None:
            self.identifier = physical_id
            self.values = values

        @property
        def physical_resource_id(self) -> str:
            return self.identifier

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return resource_type

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr in attributes

        def get_cfn_attribute(self, attribute_name: str) -> str:
            if attribute_name not in self.values:
                raise UnformattedGetAttTemplateException()
            return self.values[attribute_name]

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **named: Any
        ) -> "Model":
            return cls(*make(resource_name, cloudformation_json.get("Properties", {})))

        @classmethod
        def delete_from_cloudformation_json(cls, *args: Any, **named: Any) -> None:
            """Nothing outlives the process."""

    Model.__name__ = Model.__qualname__ = resource_type.replace("::", "_")
    return Model
