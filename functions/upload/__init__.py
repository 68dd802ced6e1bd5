"""State "Upload file": the one moment a file becomes visible in the lake."""
