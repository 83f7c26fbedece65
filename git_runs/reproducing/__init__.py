"""Does a run come back: what it needs for that, and whether it put out the same."""
