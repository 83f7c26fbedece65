"""Runs dirs as the first `runs` tool left them, made by itself: see make.py."""
