"""What reaches the terminal: progress, messages, questions, and text without control characters."""
