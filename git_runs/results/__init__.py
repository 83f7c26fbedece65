"""What came out of runs, read from what their programs write anyway."""
