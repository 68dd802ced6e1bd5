"""Keeps the topic's mail subscriptions in step with the feeds' `notify.emails`."""
