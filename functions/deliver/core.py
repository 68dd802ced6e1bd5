"""Which channels a message goes to, each once, and what becomes of one that does not take it."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.channels.cards import CHANNELS
from lakeferry.channels.notice import Notice
from lakeferry.channels.spec import ChannelSpec
from lakeferry.channels.webhook import SECONDS, Webhook
from lakeferry.errors import ChannelRefusedError, ChannelUnavailableError, LakeferryError, SecretMissingError
from lakeferry.feeds.document import read_document
from lakeferry.feeds.each import each_feed
from lakeferry.feeds.notify import notify_of, secret_of
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import DELIVER
from lakeferry.servers.networks import Networks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a delivery works with.

    Attributes:
        feeds: The documents' table, as the work for a tenant may read it.
        secret: The fields of a secret, by its name and the feed that names it.
        seconds_left: Until the call is ended.
    """

    feeds: Callable[[str], "Table"]
    ledger: Ledger
    networks: Networks
    secret: Callable[[str, str], Mapping[str, str]]
    seconds_left: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A channel of a feed that is to get the message."""

    document: Mapping[str, Any]
    index: int
    spec: ChannelSpec

    @property
    def feed_id(self) -> str:
        return f"{self.document['tenant']}/{self.document['feed']}"

    @property
    def what(self) -> str:
        """As it is set aside."""
        return f"{DELIVER}{self.spec.url_secret}"


@dataclass(frozen=True, slots=True)
class _Post:
    """One webhook, whichever of the feeds want it."""

    spec: ChannelSpec
    url: str
    wanted: Sequence[_Wanted]

    @property
    def id(self) -> str:
        """As it is kept that it was called; the URL itself is not."""
        return "post_" + hashlib.sha256(f"{self.spec.type} {self.url}".encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        return f"{CHANNELS[self.spec.type].title} channel {self.spec.url_secret}"


def deliver(notice: Notice, around: Surroundings) -> dict[str, int]:
    """Sends a message to every channel that wants it and has not had it yet.

    A channel that refuses it is set aside with the feeds that name it, which a mail reports; the others get it.

    Returns:
        How many channels it was `sent` to, and how many `refused` it.

    Raises:
        ChannelUnavailableError: some of them may take it later: called again with the same message, only they get it.
        Exception: AWS was out of order for some of them; all others have it.
    """
    one = _Delivery(notice, around)
    one.run()
    if one.trouble:
        raise one.trouble[0]
    if one.later:
        raise ChannelUnavailableError(
            f"{len(one.later)} of {len(one.later) + one.sent + one.refused} channels are to be tried again: "
            f"{' '.join(one.later[:5])}"
        )
    return {"sent": one.sent, "refused": one.refused}


class _Delivery:
    """One try of one message.

    Attributes:
        later: Why channels are to be tried again.
        trouble: What came in between that is no channel's.
    """

    def __init__(self, notice: Notice, around: Surroundings) -> None:
        self._notice, self._around = notice, around
        self._secrets: dict[str, Mapping[str, str]] = {}
        self.sent = self.refused = 0
        self.later: list[str] = []
        self.trouble: list[Exception] = []

    def run(self) -> None:
        posts = self._posts()
        if posts:
            had = self._around.ledger.deliveries.of(self._notice.id)
            side_by_side(self._guarded, [post for post in posts if post.id not in had])

    def _posts(self) -> list[_Post]:
        """One a webhook: that ten feeds name it makes no ten messages."""
        by_url: dict[tuple[str, str], list[_Wanted]] = defaultdict(list)
        wanted = [one for document in self._documents() for one in self._wanting(document)]

        def add(one: _Wanted) -> None:
            by_url[one.spec.type, self._url(one)].append(one)

        try:
            each_feed(wanted, add, self._aside)
        except Exception as error:  # AWS is out of order for some: the others are served first
            self.trouble.append(error)
        return [_Post(wanted[0].spec, url, wanted) for (_, url), wanted in by_url.items()]

    def _documents(self) -> list[Mapping[str, Any]]:
        notice = self._notice
        feeds = self._around.feeds(notice.tenant)
        read = side_by_side(lambda feed: read_document(feeds, notice.tenant, feed), notice.feeds)
        return [document for document in read if document is not None]

    def _wanting(self, document: Mapping[str, Any]) -> Iterator[_Wanted]:
        # of a document that is not valid, too: that it is not is news
        for index, spec in enumerate(notify_of(document).channels):
            if spec.wants(self._notice.event, self._notice.severity):
                yield _Wanted(document, index, spec)

    def _url(self, one: _Wanted) -> str:
        name = secret_of(one.document)
        if name is not None and name not in self._secrets:
            self._secrets[name] = self._around.secret(name, one.feed_id)
        url = self._secrets[name].get(one.spec.url_secret) if name is not None else None
        if not url:
            raise SecretMissingError(
                f"secret {name!r} of feed {one.feed_id} has no field {one.spec.url_secret!r}, which "
                f"$.notify.channels[{one.index}].url_secret names: put the webhook's URL there."
            )
        return url

    def _guarded(self, post: _Post) -> None:
        try:
            self._one(post)
        except Exception as error:  # no channel's trouble; the others get the message
            self.trouble.append(error)

    def _one(self, post: _Post) -> None:
        around, notice = self._around, self._notice
        if around.seconds_left() < 2 * SECONDS:
            self.later.append(f"{post.name} was not reached in this try.")
            return
        setting = f"notify.channels[{post.wanted[0].index}].url_secret"
        try:
            Webhook(post.url, post.name, setting, around.networks).post(CHANNELS[post.spec.type].payload(notice))
        except ChannelUnavailableError as error:
            self.later.append(str(error))
            self._aside_all(post, error)
            return
        except ChannelRefusedError as error:
            self.refused += 1
            around.ledger.deliveries.note(notice.id, post.id)
            self._aside_all(post, error)
            return
        self.sent += 1
        around.ledger.deliveries.note(notice.id, post.id)
        for one in post.wanted:
            around.ledger.asides.clear_document(one.what, one.document)

    def _aside_all(self, post: _Post, error: LakeferryError) -> None:
        for one in post.wanted:
            self._aside(one, error)

    def _aside(self, one: _Wanted, error: Exception) -> None:
        self._around.ledger.asides.note_document(one.what, one.document, error)
