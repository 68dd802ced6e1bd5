"""Lakeferry on a laptop: AWS in one process, partner servers, the demo."""
