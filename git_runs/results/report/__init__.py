"""Runs as one HTML page that needs nothing else: parameters and metrics, curves, code, and the ends of logs."""
