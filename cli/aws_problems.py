"""What AWS, or the way to it, refused: in words that say what to do."""

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

_LOG_IN = "log in (`aws sso login`, or `aws configure`), or name a --profile. For a lake on this machine: --lake DIR"
_OF_CODES = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"), "your AWS session has expired: log in again"
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"),
        f"AWS does not know these credentials: {_LOG_IN}",
    ),
    "SignatureDoesNotMatch": "AWS refused the signature: is the secret access key right, and this machine's clock?",
    "RequestTimeTooSkewed": "this machine's clock is wrong by more than AWS takes: set it",
}


def words_of(error: BotoCoreError | ClientError) -> str:
    """One line."""
    if isinstance(error, ClientError):
        return _of_client_error(error)
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return f"no AWS credentials: {_LOG_IN}"
    if isinstance(error, exceptions.NoRegionError):
        return "no AWS region: name one with --region, or set AWS_REGION. For a lake on this machine: --lake DIR"
    if isinstance(error, exceptions.TokenRetrievalError | exceptions.SSOError):
        return f"your AWS login has ended: {_LOG_IN}"
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return f"AWS cannot be reached ({error}): check the network, and --region"
    return str(error)


def _of_client_error(error: ClientError) -> str:
    code = error.response.get("Error", {}).get("Code", "")
    if code in _OF_CODES:
        return f"{_OF_CODES[code]} ({code})"
    if code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}:
        return f"your AWS credentials may not do this; ask for the permission, or name another --profile. {error}"
    return str(error)
