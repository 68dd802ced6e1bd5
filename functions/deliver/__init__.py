"""Sends the topic's messages about feeds to the chat channels that these feeds name."""
