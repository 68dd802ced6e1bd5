"""Where messages about a feed go besides mail: an entry of `notify.channels`, frozen."""

from dataclasses import dataclass

SEVERITIES = ("info", "warning", "error", "critical")
"""From the least."""
CHANNEL_FAILED = "channel_failed"
"""The one event that no channel gets: that a channel does not work is told by mail, or it would go in circles."""


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel of a feed.

    Attributes:
        type: A name in `CHANNELS`.
        url_secret: The field of the feed's secret that has the webhook's URL; whoever has the URL may write there.
        events: Which it gets; empty for all that are about the feed.
        severity: The least it gets.
    """

    type: str
    url_secret: str
    events: tuple[str, ...] = ()
    severity: str = "info"

    def wants(self, event: str, severity: str) -> bool:
        """Whether it gets such a message; a severity that nobody knows is not held back."""
        if event == CHANNEL_FAILED or (self.events and event not in self.events):
            return False
        return severity not in SEVERITIES or SEVERITIES.index(severity) >= SEVERITIES.index(self.severity)
