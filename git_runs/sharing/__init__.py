"""Runs that travel: what is sent to remotes, what comes from there, and how the two are merged."""
