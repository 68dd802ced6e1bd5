"""What the Glue job set aside: a dead letter and a mail a feed, each once."""

from typing import Any

from lakeferry.ledger.asides import CURATE, Aside, Asides
from lakeferry.mails.mail import Mail
from lakeferry.mails.set_aside import feed_set_aside
from lakeferry.models import link_of
from lakeferry.runs.dead_letters import DeadLetterQueue


def tell_set_aside(asides: Asides, queue: DeadLetterQueue, run: str, lake: str) -> list[Mail]:
    """Sends the dead letters of feeds of which nobody was told yet.

    Returns:
        Their mails. Called again for the same run, the same ones; the queue drops a letter that it has.
    """
    told = [aside for aside in asides.of(CURATE) if asides.claim(aside, run)]
    for aside in told:
        queue.send(_letter(aside, run))
    return [feed_set_aside(aside, run, lake) for aside in told]


def _letter(aside: Aside, run: str) -> dict[str, Any]:
    """Enough to give the feed's files to the Glue job again."""
    tenant, _, feed = aside.feed_id.partition("/")
    return {
        "version": 1,
        "kind": "feed",
        "tenant": tenant,
        "feed": feed,
        "file": None,
        "stage": "Run Glue job",
        "error": aside.error,
        "cause": aside.cause,
        "link": link_of(run),
        "attempt": 1,
        "run": run,
        "execution": run,
        "at": aside.since,
        "resume": {"trigger": "reprocess", "curate": [aside.feed_id]},
    }
