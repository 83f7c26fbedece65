"""Runs in the forms of other programs: a module for each form."""
