"""Whether the run that holds a claim is still at work."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn", "ValidationException"}


class RunningRuns:
    """Asks Step Functions about executions, once each."""

    def __init__(self, states: "SFNClient") -> None:
        self._states = states
        self._answers: dict[str, bool] = {}

    def __call__(self, run: str) -> bool:
        """True while the execution is RUNNING; one Step Functions does not know (any more) is not."""
        if run not in self._answers:
            self._answers[run] = self._ask(run)
        return self._answers[run]

    def _ask(self, run: str) -> bool:
        try:
            # PENDING_REDRIVE and every ended status free the claims: a redriven run finds what is still its own
            return self._states.describe_execution(executionArn=run)["status"] == "RUNNING"
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNKNOWN:
                return False
            raise
