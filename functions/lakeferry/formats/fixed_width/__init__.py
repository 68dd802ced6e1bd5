"""Fixed width: fields by their place in a line."""
