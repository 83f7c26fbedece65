"""What is known of runs: records, their cache, and the outputs beside them."""
