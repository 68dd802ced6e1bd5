"""Every minute: what happened is told to others, on EventBridge's bus."""
