"""State "Fetch file": bytes from the server into the inbox."""
