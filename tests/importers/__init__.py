"""Runs of other tools, as these wrote them."""
