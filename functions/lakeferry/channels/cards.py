"""The channels, a card each. A new one is its module and a line here.

Mail is the channel that is always there: SNS sends it, and function `subscribe` keeps who gets it in step with
`notify.emails`. The others are called by function `deliver`, each by a webhook.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lakeferry.channels import slack, teams
from lakeferry.channels.notice import Notice

_LONGEST = (2_900, 1_900, 1_000, 500, 80)
"""Characters of a paragraph, tried until the message fits."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a channel is called, and the form it takes messages in.

    Attributes:
        name: In `notify.channels[].type`.
        title: As messages call it.
        body: The JSON that is posted.
        most_bytes: Of that JSON.
    """

    name: str
    title: str
    body: Callable[[Notice], dict[str, Any]]
    most_bytes: int

    def payload(self, notice: Notice) -> bytes:
        """The JSON as it is sent, the text cut until it fits."""
        found = b""
        for longest in _LONGEST:
            found = json.dumps(self.body(notice.shortened(longest))).encode()
            if len(found) <= self.most_bytes:
                break
        return found


_CARDS = (
    Card("slack", "Slack", slack.body, slack.MOST_BYTES),
    Card("teams", "Microsoft Teams", teams.body, teams.MOST_BYTES),
)
CHANNELS = {card.name: card for card in _CARDS}
"""By name."""
