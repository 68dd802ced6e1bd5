"""CSV, and text with any other delimiter."""
