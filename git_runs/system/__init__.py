"""The machine and git: the git executable, files, processes and signals."""
