"""The exceptions that end a command, each with its message, its hints and its exit code: a module for each wing."""
