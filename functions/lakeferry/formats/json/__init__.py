"""JSON Lines and JSON documents, and what becomes of JSON objects, which XML's records are, too."""
