"""What else decides a result: interpreter, packages, variables and linked data."""
