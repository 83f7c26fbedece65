"""A run from start to end: launch, supervisor, stop, move, delete."""
