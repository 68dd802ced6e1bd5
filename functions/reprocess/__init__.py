"""Takes failed files, feeds and runs again: by hand, and by itself what failed for a passing reason."""
