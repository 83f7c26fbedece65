"""The subcommands, one module each: its arguments, what it asks, what it prints."""
