"""Which errors pass by themselves, by the name the state machine reports them with."""

TRANSIENT = frozenset(
    {
        # ours (`retryable` in errors.py)
        *("ServerUnavailableError", "ConnectionsBusyError", "TransferInterruptedError"),
        # of Step Functions and Lambda
        *("States.Timeout", "Sandbox.Timedout", "Runtime.ExitError", "Lambda.Unknown"),
        *("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"),
        *("Lambda.ClientExecutionTimeoutException", "Lambda.TooManyRequestsException"),
        # of boto3, once its own retries are used up; ClientError is also what S3 says of most things
        *("ClientError", "EndpointConnectionError", "ConnectionClosedError", "ConnectTimeoutError", "ReadTimeoutError"),
        *("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"),
        *("InternalServerError", "TransactionCanceledException", "TransactionConflictException"),
    }
)
"""What may succeed later with nothing changed by a person: taken again by itself, a limited number of times."""


def is_transient(error: str) -> bool:
    """Whether an error of that name may pass by itself."""
    return error in TRANSIENT
