"""The stack's lineage, put together from its settings."""

from dataclasses import replace

from emit.core import RefusedError
from emit.known import Documents
from emit.lineage.channel import Lineage
from emit.lineage.delivery import deliver, endpoint, posting
from emit.lineage.sources import Sources, Stack
from emit.lineage.waiting import REFUSED, Waiting, Written
from lakeferry.aws.secrets import read_fields
from lakeferry.clients import Clients
from lakeferry.errors import SecretMissingError
from lakeferry.servers.networks import Networks

LAKE = "lake"
"""In place of a URL: events are to be in the lake, and nowhere else."""
SECONDS = 60.0
"""For posting; the function has 120."""


def channel(aws: Clients, known: Documents) -> Lineage:
    """Writes what happened into the lake, or where it waits for being posted."""
    settings = aws.settings
    is_lake = settings.openlineage_url == LAKE
    place = Written(aws.s3, settings.lake_bucket) if is_lake else Waiting(aws.s3, settings.work_bucket)
    stack = Stack(settings.state_machine, settings.lake_bucket, settings.database)
    return Lineage(place, Sources(stack, known, aws.ledger, aws.glue))


def delivered(aws: Clients) -> dict[str, int] | None:
    """Posts what waits; None where nothing is to be posted.

    Raises:
        RefusedError: the endpoint would not take some events, as they are; all others are posted, or wait.
    """
    settings = aws.settings
    if settings.openlineage_url == LAKE:
        return None
    # the operator's own word, unlike a feed's: AllowedNetworks is about partners
    networks = Networks.of(settings.denied_networks, "")
    post = posting(lambda: endpoint(settings.openlineage_url, networks), lambda: _headers(aws))
    came = deliver(Waiting(aws.s3, settings.work_bucket), post, SECONDS)
    if came.refused:
        raise RefusedError(
            f"The OpenLineage endpoint refused {came.refused} events, which are under {REFUSED} in the work bucket; "
            "the log says why."
        )
    return {"lineage_posted": came.posted, "lineage_waiting": came.waiting}


def _headers(aws: Clients) -> dict[str, str]:
    name = aws.settings.openlineage_secret
    if not name:
        return {}
    # by its whole name, which is all of that kind that the function may read
    fields = read_fields(replace(aws.secrets, prefix=name), name, "of OpenLineageSecret", fresh=True)
    if not fields.get("api_key"):
        raise SecretMissingError(f"secret {name!r} of OpenLineageSecret has no field api_key.")
    return {"Authorization": f"Bearer {fields['api_key']}"}
