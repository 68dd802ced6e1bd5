"""The twenty things, in the order in which one looks at them. docs/first-deployment.md is made of them."""

from cli.doctor import account, of_feeds, of_stack
from cli.doctor.first import deployed, kept, working
from cli.doctor.first.step import Step

STEPS: tuple[Step, ...] = (
    Step(
        "The stack is complete, with its nested stacks and outputs",
        "aws cloudformation describe-stacks --stack-name {stack} --query 'Stacks[0].[StackStatus,Outputs[].OutputKey]'",
        "CREATE_COMPLETE and eleven names, StateMachineArn to DatabaseName",
        "The template was linted, translated for three partitions and deployed into an emulator, which takes "
        "more than AWS does.",
        (of_stack.health, deployed.nested, deployed.outputs),
    ),
    Step(
        "Functions are active, of your architecture, and enough may run at a time",
        "aws lambda get-function-configuration --function-name {PollFunction} --query "
        "'[State,LastUpdateStatus,Architectures[0]]'",
        "Active, Successful, and the architecture of the parameter; quota of 1,000 (new accounts have less, "
        "docs/quotas.md)",
        "Whether Lambda takes the bundle: its size, its architecture, its network.",
        (deployed.functions, account.quotas),
    ),
    Step(
        "IAM lets in what the stack needs, and nothing else",
        "aws iam simulate-principal-policy --policy-source-arn ARN --action-names secretsmanager:GetSecretValue "
        "--resource-arns SECRET_OF_ANOTHER_STACK, with the ARN of role {PollFunctionRole}",
        "implicitDeny; allowed for a secret under the stack's own prefix",
        "Tests evaluate the policies with an evaluator of our own; boundaries, organisations and Lake "
        "Formation are the account's.",
        (deployed.foreign_secrets, deployed.boundaries, deployed.lake_formation),
    ),
    Step(
        "The Glue job's files are where it looks for them",
        "aws glue get-job --job-name {CurateJob} --query 'Job.[Command.ScriptLocation,GlueVersion]'",
        "s3://{WorkBucket}/scripts/…/start.py and 5.1; aws s3 ls on that folder: start.py, "
        "lakeferry-job.zip, packages.zip",
        "JobFiles is a custom resource: only CloudFormation itself calls it as it will be called.",
        (deployed.job_files,),
    ),
    Step(
        "Crawler and database are there",
        "aws glue get-crawler --name {RawCrawler} --query 'Crawler.[State,LastCrawl.Status]'",
        "READY; SUCCEEDED after the first run that landed a file",
        "Glue's crawler has no emulator: the local one is our own.",
        (deployed.crawler, deployed.database),
    ),
    Step(
        "The state machine is active, and rules start it",
        "aws stepfunctions describe-state-machine --state-machine-arn {IngestStateMachine} --query "
        "'[status,loggingConfiguration.level,tracingConfiguration.enabled]'",
        "ACTIVE, ERROR, true; the hourly rule ENABLED once you want runs (ScheduleState)",
        "Logging and tracing are AWS's; the emulator keeps neither.",
        (deployed.machine, of_stack.schedule, deployed.rules),
    ),
    Step(
        "The key lets EventBridge and CloudWatch publish",
        "aws kms get-key-policy --key-id {DataKey} --policy-name default --query Policy --output text",
        "statement EventsPublish for events.amazonaws.com, without a Condition; AlarmsPublish for "
        "cloudwatch.amazonaws.com",
        "No emulator evaluates key policies: a mail that KMS refuses is lost without a word.",
        (kept.key,),
    ),
    Step(
        "Tables can be recovered, and not be deleted",
        "aws dynamodb describe-continuous-backups --table-name {LedgerTable} "
        "--query ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
        "ENABLED, of all three tables; after the first deployment also DeletionProtection=yes",
        "What the emulator makes of a table's encryption and recovery is no proof.",
        (kept.tables,),
    ),
    Step(
        "Buckets are private, encrypted, versioned, and have their lifecycle rules",
        "aws s3api get-bucket-lifecycle-configuration --bucket {LakeBucket} --query 'Rules[].ID'",
        "ReplacedObjects, UploadsNeverCompleted",
        "Organisations block or require things on buckets that no test knows.",
        (kept.buckets,),
    ),
    Step(
        "Log groups are encrypted and end; no line tells of a refused call",
        "aws logs filter-log-events --log-group-name {FunctionLogGroup} --filter-pattern '?AccessDenied "
        "?UnauthorizedOperation' --query 'events[].message'",
        "[] – after the first run, too",
        "Every call of every function was recorded and compared with its role here; AWS may want more for "
        "one than its documentation says.",
        (kept.log_groups, kept.refusals),
    ),
    Step(
        "Queues are encrypted and empty",
        "aws sqs get-queue-attributes --queue-url {UndeliveredQueue} --attribute-names ApproximateNumberOfMessages",
        '"0"; of {DeadLetterQueue}, too',
        "EventBridge and Lambda send there what they could not deliver: here they are our own.",
        (kept.queues,),
    ),
    Step(
        "Somebody gets the mails",
        "aws sns list-subscriptions-by-topic --topic-arn {NotificationTopic} --query "
        "'Subscriptions[].[Endpoint,SubscriptionArn]'",
        "each address with an ARN, not PendingConfirmation",
        "AWS sends the link to confirm once; it ends in spam folders.",
        (of_stack.subscriptions,),
    ),
    Step(
        "Alarms are there and none is raised",
        "aws cloudwatch describe-alarms --alarm-name-prefix {stack}/ --query 'MetricAlarms[].[AlarmName,StateValue]'",
        "22 names; OK, or INSUFFICIENT_DATA on the first day, no ALARM",
        "Metrics come minutes late and with gaps that the emulator has not.",
        (working.alarms_there, of_stack.alarms),
    ),
    Step(
        "A function answers",
        "aws lambda invoke --function-name {ReprocessFunction} --cli-binary-format raw-in-base64-out "
        """--payload '{"all": true, "dry_run": true}' out.json""",
        'StatusCode 200 and no FunctionError; out.json with "open": []',
        "It reads feeds, ledger and queue through its own role and the stack's key, and changes nothing.",
        (working.first_call,),
    ),
    Step(
        "The first feed was polled, its files are curated",
        "./lakeferry run --follow --stack {stack}, then ./lakeferry files --stack {stack}",
        "SUCCEEDED; each file CURATED, none FAILED",
        "The first run in an account is the first in which Distributed Map, Glue and the partner's own server meet.",
        (
            of_feeds.documents,
            of_feeds.secrets,
            kept.readable_secrets,
            of_stack.last_run,
            working.first_files,
            of_feeds.polls,
        ),
    ),
    Step(
        "The partner sees the address that it allows",
        "aws ec2 describe-nat-gateways --filter Name=vpc-id,Values=VPC --query "
        "'NatGateways[].NatGatewayAddresses[].PublicIp'",
        "the address that the partner was told, and that its log shows at the time of the first poll; "
        "nothing to do without VpcSubnetIds",
        "Routes, security groups and the partner's firewall are yours and theirs.",
    ),
    Step(
        "The mail of last resort arrives",
        "aws stepfunctions stop-execution --execution-arn ARN, of a run that ./lakeferry run --stack {stack} "
        "has started",
        "a mail “run ABORTED” within a minute, to those who get all mails, and nothing new in "
        "{UndeliveredQueue}. Then see an alarm's: "
        "aws cloudwatch set-alarm-state --alarm-name {stack}/DeadLetterAlarm --state-value ALARM --state-reason test",
        "EventBridge, a function, an encrypted topic and your mail provider, one after the other.",
    ),
    Step(
        "A run is one trace, and others hear of it",
        "aws xray get-trace-summaries --start-time $(date -d '-1 hour' +%s) --end-time $(date +%s) --query "
        "'TraceSummaries[].EntryPoint.Name'; "
        "aws cloudwatch get-metric-statistics --namespace Lakeferry --metric-name EventsTold --dimensions "
        "Name=function_name,Value={EmitFunction} "
        "--start-time $(date -d '-1 hour' -Is) --end-time $(date -Is) --period 3600 --statistics Sum",
        "the state machine among the names; a sum above 0. If you follow events: put the rule of "
        "docs/events.md, and see its target called once a file",
        "X-Ray joins what services report, and EventBridge delivers across accounts: neither has an emulator "
        "that shows it.",
    ),
    Step(
        "Athena and EMR read what was curated",
        "aws athena start-query-execution --work-group {QueryWorkGroup} --query-string 'select count(*) from "
        "{GlueDatabase}.DATASET', "
        "then get-query-results; on EMR Serverless the job of docs/query.md",
        "the rows that ./lakeferry files names; a query over AthenaBytesLimit is CANCELLED",
        "The statements ran on DuckDB and Spark, and were parsed as Athena's; who may ask is for IAM and "
        "Lake Formation.",
    ),
    Step(
        "It can be updated, taken back, removed and adopted",
        "in a sandbox account: sam deploy with another LogRetentionDays; sam deploy with Architecture of the "
        "other kind and no new build; "
        "sam delete; the import of docs/deploy.md (Adoption)",
        "UPDATE_COMPLETE; UPDATE_ROLLBACK_COMPLETE with the message to build; buckets, tables, queues, key "
        "and database are left; the import completes, and "
        "./lakeferry doctor is as before. A second stack beside it, with capitals in its name, disturbs "
        "nothing; in aws-cn and aws-us-gov, links of mails lead to that console",
        "Rollbacks, retained resources and imports are CloudFormation's alone.",
    ),
)
