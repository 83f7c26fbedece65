"""Settings: the table of them, how their texts are read, and where their values come from."""
