"""State "Poll server": which files of a feed this run takes."""
