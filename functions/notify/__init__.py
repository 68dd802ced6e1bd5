"""Mails what EventBridge reports, which can set neither subject nor attributes of a message itself."""
