"""AWS as the work for one tenant may use it: the stack's role for tenants, assumed with the tenant's name as a tag.

The role's policies name what is `${aws:PrincipalTag/tenant}`'s ("Pass session tags in AWS STS"), so that AWS denies
what is another's, whatever the code asks for.
"""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials

TAG = "tenant"
SECONDS = 3600
"""The most that a role which assumes another is given ("AssumeRole", role chaining). botocore asks anew a quarter of an
hour before it is over, which is longer than any call of a function."""


def session_of(tenant: str, role: str, sts: Callable[[], Any]) -> boto3.Session:
    """A session that may what the tenant's work may; the role is assumed when the first call is signed.

    Args:
        role: ARN of the stack's role for tenants.
        sts: The client of who assumes it, once it is needed.
    """

    def assumed() -> dict[str, str]:
        answer = sts().assume_role(
            RoleArn=role, RoleSessionName=tenant, DurationSeconds=SECONDS, Tags=[{"Key": TAG, "Value": tenant}]
        )["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }

    made = botocore.session.get_session()
    made.register_component("credential_provider", CredentialResolver([_Assumed(assumed)]))
    # descriptions of services are megabytes, and the same for all
    made.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=made)


def _loader() -> Any:  # noqa: ANN401  (botocore's, which has no type of its own)
    if not _LOADERS:
        _LOADERS.append(botocore.session.get_session().get_component("data_loader"))
    return _LOADERS[0]


_LOADERS: list[Any] = []


class _Assumed(CredentialProvider):
    """The only provider of such a session: no environment, file or instance is looked at for others."""

    METHOD = "lakeferry-tenant"

    def __init__(self, assumed: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._assumed = assumed

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._assumed, method=self.METHOD)
