"""Chat channels behind the topic, a card and module each: docs/channels.md. Mail has the topic's own subscriptions."""
