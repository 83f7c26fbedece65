"""Runs on a full screen, as they go on. A module for each part of the screen; they speak to each other by messages."""
